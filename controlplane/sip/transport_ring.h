// SIP over UDP through the corridor: datagrams of all workers' punt rings up, inject rings down.
// Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/sip/transport.h"
#include "drivers/wire/channel.h"

namespace tandem::sip {

class TransportRing final : public Transport {
 public:
  // One end per worker, attached. They outlive this.
  TransportRing(std::vector<wire::ControlEnd*> ends, std::uint8_t tos)
      : ends_(std::move(ends)), tos_(tos) {}

  bool send(const Path& path, std::string_view message) override;

  // Hands at most `most` datagrams to the listener; returns how many there were.
  std::uint32_t poll(TransportListener& listener, std::uint32_t most);
  // How full the fullest ring is, in hundredths.
  std::uint32_t backlog() const;
  // Times that a ring was found broken and emptied, since the last call.
  std::uint64_t take_faults();

 private:
  std::vector<wire::ControlEnd*> ends_;
  std::uint8_t tos_;  // SS_QOS_SIGNAL
  std::uint64_t faults_ = 0;
  std::size_t first_ = 0;  // whose turn it is to be looked at first: no worker starves another
};

}  // namespace tandem::sip
