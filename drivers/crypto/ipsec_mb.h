// IPsec-MB's managers of one thread: what all ciphers and hashes of this room are done by. Each
// worker has its own, for a manager is scratch memory; nothing is ever left outstanding in it.
//
// The expanded keys of AES-GCM are laid out for an instruction set: keys prepared with one IpsecMb
// work with every other one of the same Isa and library only. They are made anew from the master
// key by a process that starts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "drivers/base/result.h"

struct IMB_MGR;

namespace tandem::crypto {

class IpsecMb {
 public:
  // kBest is what the machine has; the others are for the tests, which try all of them.
  enum class Isa : std::uint8_t { kBest, kSse, kAvx, kAvx2, kAvx512 };

  // Takes a millisecond, and 200 KiB for each of up to two managers: at the start of a worker, by
  // its own thread for the memory to be near; never in its loop.
  static base::Result<IpsecMb> open(Isa isa = Isa::kBest);

  // Moved from, it must not be used again.
  IpsecMb(IpsecMb&&) = default;
  IpsecMb& operator=(IpsecMb&&) = default;

  IMB_MGR* manager() const { return wide_.get(); }

  // For HMACs: `lanes()` of them at a time are the wide manager's best; what is left over is done
  // sooner by few_manager() when it is fewer than few().
  unsigned lanes() const { return lanes_; }
  unsigned few() const { return few_; }
  IMB_MGR* few_manager() const { return narrow_ ? narrow_.get() : wide_.get(); }

 private:
  struct Free {
    void operator()(IMB_MGR* manager) const;
  };
  using Manager = std::unique_ptr<IMB_MGR, Free>;

  static base::Result<Manager> make(Isa isa);

  IpsecMb() = default;

  Manager wide_;
  Manager narrow_;  // with SHA-NI; none where the wide one is as good
  unsigned lanes_ = 1;
  unsigned few_ = 0;
};

// Why a manager of these features, errno and library can't be used.
std::optional<std::string> ipsec_mb_fault(std::uint64_t features, std::uint64_t needed, int error,
                                          unsigned version);

}  // namespace tandem::crypto
