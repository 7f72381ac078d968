#include "dataplane/latch.h"

#include "dataplane/meter.h"

namespace tandem::dataplane {
namespace {

using Payload = std::span<const std::byte>;

// So many numbers further is still the next packet: some may have been lost.
constexpr std::uint16_t kStep = 8;

// The flow's source from now on; `proven`: nothing but signalling moves it any more, unless it is
// another than the signalled one.
LatchVerdict latch(Flow& flow, std::uint16_t port, bool proven, base::Nanos now) {
  flow.remote_ip = flow.signalled_ip;
  flow.remote_port = port;
  flow.latch_state = LatchState::kLearning;
  flow.latch_proven = proven;
  flow.learning_left = kLearningPackets;
  flow.learning_until_ns = (now + kLearningFor).count();
  flow.probe = {};
  return LatchVerdict::kLatched;
}

// Another packet of the source.
LatchVerdict confirm(Flow& flow) {
  flow.latch_proven = true;
  if (flow.latch_state == LatchState::kRenewed || --flow.learning_left == 0) {
    flow.latch_state = LatchState::kSettled;
  }
  return LatchVerdict::kTaken;
}

// It goes on where the last packet of another source stopped, and is remembered.
bool goes_on(Flow& flow, std::uint16_t port, Payload payload) {
  LatchProbe next{.port = port};
  std::uint16_t step = 1;
  if (flow.kind == wire::FlowKind::kRtp) {
    const RtpHead head = read_rtp(payload);
    next.ssrc = head.ssrc;
    next.sequence = head.sequence;
    step = static_cast<std::uint16_t>(head.sequence - flow.probe.sequence);
  }
  const bool same = flow.probe.port == port && flow.probe.ssrc == next.ssrc;
  flow.probe = next;
  return same && step != 0 && step <= kStep;
}

// The sender is the source of the party's RTP, by its SSRC, which strangers don't know.
bool speaks_of_rtp(const Flow& flow, std::uint32_t ip, Payload payload) {
  const Flow* rtp = flow.companion();
  if (rtp == nullptr || rtp->latch_state == LatchState::kOpen || rtp->remote_ip != ip) return false;
  return rtp->meter.started() && read_rtcp_ssrc(payload) == rtp->meter.ssrc();
}

LatchVerdict judge_rtcp(Flow& flow, std::uint32_t ip, std::uint16_t port, Payload payload,
                        bool authentic, base::Nanos now) {
  const bool open = flow.latch_state == LatchState::kOpen;
  const bool signalled = port == flow.signalled_port;
  // On RTP's port it teaches nothing.
  if (flow.kind == wire::FlowKind::kRtp) {
    return open && signalled ? LatchVerdict::kTaken : LatchVerdict::kUnproven;
  }
  const bool proven = authentic || speaks_of_rtp(flow, ip, payload);
  if (!proven && !(open && signalled)) return LatchVerdict::kUnproven;
  return latch(flow, port, proven, now);
}

}  // namespace

LatchVerdict latch_judge(Flow& flow, std::uint32_t ip, std::uint16_t port, Payload payload,
                         bool authentic, base::Nanos now) {
  const bool open = flow.latch_state == LatchState::kOpen;
  if (!open && now.count() >= flow.learning_until_ns) flow.latch_state = LatchState::kSettled;
  if (!latch_may_take(flow, ip, port)) {
    return flow.signalled_ip == 0 ? LatchVerdict::kEarly : LatchVerdict::kStranger;
  }
  if (flow.latch_state == LatchState::kSettled) return LatchVerdict::kTaken;
  if (!open && is_source(flow, ip, port)) return confirm(flow);
  const bool signalled = port == flow.signalled_port;
  if (flow.latch_state == LatchState::kLearning && flow.latch_proven && !signalled) {
    return LatchVerdict::kStranger;
  }
  const bool rtcp = flow.kind == wire::FlowKind::kRtcp ||
                    (flow.kind == wire::FlowKind::kRtp && is_rtcp_type(payload));
  if (rtcp) return judge_rtcp(flow, ip, port, payload, authentic, now);
  if (authentic || goes_on(flow, port, payload)) return latch(flow, port, true, now);
  return open && signalled ? latch(flow, port, false, now) : LatchVerdict::kUnproven;
}

bool latch_signal(Flow& flow, std::uint32_t ip, std::uint16_t port) {
  if (flow.signalled_ip == ip && flow.signalled_port == port) return false;
  flow.signalled_ip = flow.remote_ip = ip;
  flow.signalled_port = flow.remote_port = port;
  flow.latch_state = LatchState::kOpen;
  flow.probe = {};
  return true;
}

void latch_renew(Flow& flow, base::Nanos now) {
  if (flow.latch_state == LatchState::kOpen) return;
  flow.latch_state = LatchState::kRenewed;
  flow.learning_until_ns = (now + kLearningFor).count();
  flow.probe = {};
}

}  // namespace tandem::dataplane
