// libsrtp2's side of `perf/compare srtp`.
#include <memory>

#include "perf/srtp_driver.h"
#include "tests/unit/drivers/crypto/libsrtp_peer.h"

namespace tandem::perf {
namespace {

class Libsrtp2 {
 public:
  Libsrtp2(crypto::SrtpSuite, const Masters& masters) {
    for (const crypto::SrtpMaster& one : masters) {
      senders_.push_back(make(one, crypto::SrtpDirection::kProtect));
      receivers_.push_back(make(one, crypto::SrtpDirection::kUnprotect));
    }
  }

  void protect(Burst& burst) { run(burst, senders_); }
  void unprotect(Burst& burst) { run(burst, receivers_); }

 private:
  using Sessions = std::vector<std::unique_ptr<crypto::LibsrtpPeer>>;

  static Sessions::value_type make(const crypto::SrtpMaster& master,
                                   crypto::SrtpDirection direction) {
    return std::make_unique<crypto::LibsrtpPeer>(master, direction);
  }
  static void run(Burst& burst, Sessions& sessions) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      auto& packet = burst.packets[i];
      must_pass(sessions[i]->run(packet.octets.data(), packet.size, crypto::SrtpKind::kRtp) ==
                srtp_err_status_ok);
    }
  }

  Sessions senders_;
  Sessions receivers_;
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  return tandem::perf::run_driver<tandem::perf::Libsrtp2>(argc, argv);
}
