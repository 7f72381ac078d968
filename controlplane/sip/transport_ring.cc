#include "controlplane/sip/transport_ring.h"

#include <algorithm>
#include <utility>

namespace tandem::sip {

bool TransportRing::send(const Path& path, std::string_view message) {
  wire::DatagramHead head;
  head.local = path.local;
  head.remote = path.remote;
  head.tos = tos_;
  // One peer's messages stay in order: they all take the same worker's ring.
  const std::size_t worker = base::EndpointHash{}(path.remote) % ends_.size();
  return ends_[worker]->inject.write(head,
                                     std::as_bytes(std::span(message.data(), message.size())));
}

std::uint32_t TransportRing::poll(TransportListener& listener, std::uint32_t most) {
  std::uint32_t taken = 0;
  first_ = (first_ + 1) % ends_.size();
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    wire::ControlEnd* end = ends_[(first_ + i) % ends_.size()];
    wire::ByteRing::View view;
    while (taken < most && end->punt.front(view)) {
      ++taken;
      if (view.head.kind != wire::DatagramKind::kDtls) {
        listener.on_datagram({view.head.local, view.head.remote},
                             {reinterpret_cast<char*>(view.payload.data()), view.payload.size()});
      } else if (dtls_taker_ != nullptr) {
        dtls_taker_->on_dtls(view.head.local, view.head.remote, view.payload);
      }
      end->punt.pop();
    }
  }
  return taken;
}

std::uint32_t TransportRing::backlog() const {
  std::uint64_t most = 0;
  for (const auto* end : ends_) most = std::max(most, end->punt.used_bytes());
  return static_cast<std::uint32_t>(100 * most / wire::ByteRing::kDataBytes);
}

std::uint64_t TransportRing::take_faults() {
  std::uint64_t sum = 0;
  for (const auto* end : ends_) sum += end->punt.faults();
  return sum - std::exchange(faults_, sum);
}

}  // namespace tandem::sip
