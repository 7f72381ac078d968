// The DTLS of one flow: shakes hands with its party until SRTP has keys, tells the workers, and
// answers a party that hasn't heard the end for a while. A handshake that breaks is begun again,
// for anyone who can forge a source can break one; what ends it is a certificate that isn't the
// named one, or the time. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "controlplane/loop/timer_wheel.h"
#include "controlplane/media/datapath.h"
#include "controlplane/media/dtls_handshake.h"
#include "drivers/base/random.h"
#include "drivers/wire/counters.h"

namespace tandem::media {

// What SRTP of a shard's calls works with. Outlives them.
struct SrtpMeans {
  base::Random& random;
  loop::TimerWheel& wheel;
  wire::CounterBlock& counters;
  const DtlsIdentity* identity = nullptr;  // nullptr: we don't speak DTLS
};

enum class DtlsFailure : std::uint8_t {
  kFingerprint,  // another certificate than its description named
  kProfile,      // no protection profile that both speak
  kTime,         // not done in time, or broken until then
};

class DtlsListener {
 public:
  // Its keys won't come. The association stays, and does nothing any more.
  virtual void on_dtls_failed(FlowKey key, DtlsFailure failure) = 0;

 protected:
  ~DtlsListener() = default;
};

class DtlsAssociation final : loop::TimerListener {
 public:
  struct Setup {
    FlowKey key;
    FlowGeneration generation;
    wire::SetSrtp::Scope scope;  // what its keys are for
    DtlsRole role;
    std::vector<sdp::Fingerprint> fingerprints;
  };
  // How long it is waited for, and how long a server answers a client that hasn't heard the end (a
  // client that is done has heard it).
  static constexpr base::Nanos kMost = base::Seconds{30};
  static constexpr base::Nanos kRetained = base::Seconds{30};

  // All outlive it. A client begins in the next turn: by then its flow knows where to.
  DtlsAssociation(const SrtpMeans& means, Datapath& datapath, DtlsListener& listener, Setup setup);
  ~DtlsAssociation();
  DtlsAssociation(const DtlsAssociation&) = delete;
  DtlsAssociation& operator=(const DtlsAssociation&) = delete;

  FlowKey key() const { return setup_.key; }
  void take(const base::Endpoint& from, DtlsHandshake::Datagram datagram);
  // The party has no reason to wait any longer: kMost from now.
  void expect();

 private:
  void on_timer(std::uint64_t word) override;
  void on_end();
  void make_handshake();
  void send(DtlsHandshake::Datagram datagram);
  void look();
  void finish();
  void fail(DtlsFailure failure);
  void arm();
  base::Nanos now() const { return means_.wheel.now(); }

  const SrtpMeans& means_;
  Datapath& datapath_;
  DtlsListener& listener_;
  Setup setup_;
  base::Endpoint party_{};                    // where it was heard from last; unset: as signalled
  std::unique_ptr<DtlsHandshake> handshake_;  // none: it is all over
  std::optional<base::Nanos> begin_at_;       // a client's next first flight
  std::optional<base::Nanos> end_at_;         // of the wait, or of the retention
  bool done_ = false;
  loop::TimerId timer_;
};

}  // namespace tandem::media
