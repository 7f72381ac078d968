// Our side of `perf/compare srtp`.
#include "drivers/crypto/srtp_batch.h"
#include "perf/srtp_driver.h"

namespace tandem::perf {
namespace {

class Ours {
 public:
  Ours(crypto::SrtpSuite, const Masters& masters)
      : crypto_(crypto::IpsecMb::open().value()), batch_(crypto_) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      senders_[i].start(crypto_, masters[i], crypto::SrtpDirection::kProtect);
      receivers_[i].start(crypto_, masters[i], crypto::SrtpDirection::kUnprotect);
    }
  }

  void protect(Burst& burst) { run(burst, senders_); }
  void unprotect(Burst& burst) { run(burst, receivers_); }

 private:
  using Contexts = std::array<crypto::SrtpContext, kBurst>;

  void run(Burst& burst, Contexts& contexts) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      auto& packet = burst.packets[i];
      jobs_[i] = {{packet.octets.data(), packet.size},
                  packet.octets.size() - packet.size,
                  &contexts[i],
                  crypto::SrtpKind::kRtp,
                  {}};
    }
    batch_.run(jobs_);
    for (std::size_t i = 0; i < kBurst; ++i) {
      must_pass(jobs_[i].verdict == crypto::SrtpVerdict::kOk);
      burst.packets[i].size = jobs_[i].packet.size();
    }
  }

  crypto::IpsecMb crypto_;
  crypto::SrtpBatch batch_;
  Contexts senders_;
  Contexts receivers_;
  std::array<crypto::SrtpJob, kBurst> jobs_;
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) { return tandem::perf::run_driver<tandem::perf::Ours>(argc, argv); }
