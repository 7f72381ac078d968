// SIP over UDP through the corridor: datagrams of all workers' punt rings up, inject rings down.
// What media ports have sent up by the same rings is somebody else's. Owner: the shard's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/sip/transport.h"
#include "drivers/wire/channel.h"

namespace tandem::sip {

// Who takes the DTLS of media ports; it stays good during the call only.
class DtlsTaker {
 public:
  virtual void on_dtls(const base::Endpoint& local, const base::Endpoint& remote,
                       std::span<const std::byte> datagram) = 0;

 protected:
  ~DtlsTaker() = default;
};

class TransportRing final : public Transport {
 public:
  // One end per worker, attached. They outlive this.
  TransportRing(std::vector<wire::ControlEnd*> ends, std::uint8_t tos)
      : ends_(std::move(ends)), tos_(tos) {}

  bool send(const Path& path, std::string_view message) override;

  // Before the first poll(). Without it, such datagrams are forgotten.
  void attach(DtlsTaker& taker) { dtls_taker_ = &taker; }
  // Hands at most `most` datagrams to the listener; returns how many there were.
  std::uint32_t poll(TransportListener& listener, std::uint32_t most);
  // How full the fullest ring is, in hundredths.
  std::uint32_t backlog() const;
  // Times that a ring was found broken and emptied, since the last call.
  std::uint64_t take_faults();

 private:
  std::vector<wire::ControlEnd*> ends_;
  std::uint8_t tos_;  // SS_QOS_SIGNAL
  DtlsTaker* dtls_taker_ = nullptr;
  std::uint64_t faults_ = 0;
  std::size_t first_ = 0;  // whose turn it is to be looked at first: no worker starves another
};

}  // namespace tandem::sip
