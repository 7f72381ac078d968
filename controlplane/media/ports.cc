#include "controlplane/media/ports.h"

namespace tandem::media {

MediaPorts::MediaPorts(const wire::CorridorPlan& plan, std::uint32_t shard, config::PortRange range,
                       bool rtcp, const std::function<bool(FlowKey)>& busy,
                       wire::CounterBlock& counters)
    : plan_(plan),
      range_(range),
      rtcp_(rtcp),
      free_(plan.address_count * plan.workers),
      out_(plan.address_count * std::size_t{65536}),
      counters_(&counters) {
  constexpr base::Nanos kLongAgo = -kQuarantine;
  const std::uint32_t step = rtcp ? 2 : 1;
  for (std::uint16_t a = 0; a < plan.address_count; ++a) {
    for (std::uint32_t port = rtcp ? (range.low + 1u) & ~1u : range.low;
         port + step - 1 <= range.high; port += step) {
      const FlowKey key{a, static_cast<std::uint16_t>(port)};
      if (wire::shard_of_port(plan, key.port) != shard) continue;
      if (busy(key) || (rtcp && busy({a, static_cast<std::uint16_t>(port + 1)}))) {
        out(key) = true;
      } else {
        queue(a, wire::worker_of_port(plan, key.port)).push_back({key.port, kLongAgo});
      }
    }
  }
}

std::size_t MediaPorts::rested(const Queue& queue, std::size_t wanted, base::Nanos now) {
  std::size_t count = 0;
  while (count < wanted && count < queue.size() && now - queue[count].since >= kQuarantine) ++count;
  return count;
}

FlowKey MediaPorts::take(std::uint32_t address, Queue& queue) {
  const FlowKey key{static_cast<std::uint16_t>(address), queue.front().port};
  queue.pop_front();
  out(key) = true;
  return key;
}

std::optional<std::array<FlowKey, 2>> MediaPorts::take_two(std::uint32_t address_a,
                                                           std::uint32_t address_b,
                                                           base::Nanos now) {
  for (std::uint32_t i = 0; i < plan_.workers; ++i) {
    const std::uint32_t worker = next_worker_;
    next_worker_ = (next_worker_ + 1) % plan_.workers;
    Queue& a = queue(address_a, worker);
    Queue& b = queue(address_b, worker);
    const bool enough =
        &a == &b ? rested(a, 2, now) == 2 : rested(a, 1, now) == 1 && rested(b, 1, now) == 1;
    if (!enough) continue;
    const FlowKey first = take(address_a, a);
    return std::array{first, take(address_b, b)};
  }
  counters_->add(wire::Counter::media_ports_exhausted);
  return std::nullopt;
}

void MediaPorts::give_back(FlowKey rtp, base::Nanos now) {
  if (rtp.address >= plan_.address_count || !out(rtp)) return;
  out(rtp) = false;
  queue(rtp.address, wire::worker_of_port(plan_, rtp.port)).push_back({rtp.port, now});
}

std::size_t MediaPorts::free_places() const {
  std::size_t sum = 0;
  for (const Queue& queue : free_) sum += queue.size();
  return sum;
}

}  // namespace tandem::media
