#include "controlplane/media/ports.h"

namespace tandem::media {

MediaPorts::MediaPorts(const wire::CorridorPlan& plan, std::uint32_t shard, config::PortRange range,
                       const std::function<bool(FlowKey)>& busy)
    : plan_(plan), range_(range), free_(plan.address_count * plan.workers) {
  constexpr base::Nanos kLongAgo = -kQuarantine;
  for (std::uint16_t a = 0; a < plan.address_count; ++a) {
    for (std::uint32_t port = (range.low + 1u) & ~1u; port + 1 <= range.high; port += 2) {
      const auto rtp = static_cast<std::uint16_t>(port);
      const auto rtcp = static_cast<std::uint16_t>(port + 1);
      if (wire::shard_of_port(plan, rtp) != shard || busy({a, rtp}) || busy({a, rtcp})) continue;
      queue(a, wire::worker_of_port(plan, rtp)).push_back({rtp, kLongAgo});
    }
  }
}

std::size_t MediaPorts::rested(const Queue& queue, std::size_t wanted, base::Nanos now) {
  std::size_t count = 0;
  while (count < wanted && count < queue.size() && now - queue[count].since >= kQuarantine) ++count;
  return count;
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
    std::array<FlowKey, 2> out;
    out[0] = {static_cast<std::uint16_t>(address_a), a.front().port};
    a.pop_front();
    out[1] = {static_cast<std::uint16_t>(address_b), b.front().port};
    b.pop_front();
    return out;
  }
  return std::nullopt;
}

void MediaPorts::give_back(FlowKey rtp, base::Nanos now) {
  if (rtp.port < range_.low || rtp.port >= range_.high) return;
  queue(rtp.address, wire::worker_of_port(plan_, rtp.port)).push_back({rtp.port, now});
}

std::size_t MediaPorts::free_pairs() const {
  std::size_t sum = 0;
  for (const Queue& queue : free_) sum += queue.size();
  return sum;
}

}  // namespace tandem::media
