#include "dataplane/commands.h"

#include <rte_byteorder.h>

#include <utility>

#include "dataplane/latch.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;

// Unset, or a host with a port.
bool is_sound(const base::Endpoint& remote) {
  if (!remote.address.is_set()) return true;
  return remote.address.is_ip4() && remote.port != 0 &&
         is_host_address(remote.address.ip4_network_order());
}

bool is_known(wire::FlowKind kind) {
  return kind == wire::FlowKind::kRtp || kind == wire::FlowKind::kRtcp ||
         kind == wire::FlowKind::kOpaque;
}

bool is_known(wire::RtcpWay way) {
  return way == wire::RtcpWay::kNextPort || way == wire::RtcpWay::kRtpPort ||
         way == wire::RtcpWay::kNone;
}

bool is_sound(const wire::OpenFlow& order) {
  const bool rule_known =
      order.latch == wire::LatchRule::kSignalled || order.latch == wire::LatchRule::kSignalledIp;
  return is_known(order.kind) && rule_known && order.generation != 0 && order.clock_khz != 0 &&
         (order.protection == wire::Protection::kNone ||
          order.protection == wire::Protection::kSrtp) &&
         is_known(order.rtcp_way) && order.key.port != 0 && order.peer.port != 0 &&
         order.key != order.peer && is_sound(order.remote);
}

}  // namespace

void Commands::obey(const wire::Command& command, std::uint8_t shard, wire::EventRing& events,
                    base::Nanos now) {
  Fault fault{Counter::drop_command};
  switch (command.kind) {
    case wire::CommandKind::kOpenFlow:
      fault = open(command.open, shard, now);
      break;
    case wire::CommandKind::kUpdateFlow:
      fault = update(command.update, now);
      break;
    case wire::CommandKind::kCloseFlow:
      fault = close(command.close, events);
      break;
    case wire::CommandKind::kBindSignal:
      fault = bind(command.bind);
      break;
    case wire::CommandKind::kSuspend:
      fault = suspend(command.suspend, now);
      break;
    case wire::CommandKind::kLift:
      fault = lift(command.lift);
      break;
    case wire::CommandKind::kSetPayloadKey:
      fault = keys_.set(command.set_key, shard);
      break;
    case wire::CommandKind::kForgetPayloadKey:
      fault = keys_.forget(command.forget_key.name, shard);
      break;
    case wire::CommandKind::kSetSrtp:
      fault = set_srtp(command.set_srtp);
      break;
    case wire::CommandKind::kPlay:
      fault = play(command.play, now);
      break;
    case wire::CommandKind::kStopPlay:
      fault = stop_play(command.stop_play);
      break;
    case wire::CommandKind::kSendDigit:
      fault = send_digit(command.send_digit, now);
      break;
    case wire::CommandKind::kSetEvents:
      fault = set_events(command.set_events);
      break;
    case wire::CommandKind::kNone:
      break;
  }
  if (fault) counters_.add(fault.reason);
}

Fault Commands::open(const wire::OpenFlow& order, std::uint8_t shard, base::Nanos now) {
  if (!is_sound(order) || !flows_.owns(order.key) || !flows_.owns(order.peer) ||
      signals_.has(order.key.address, order.key.port)) {
    return {Counter::drop_command};
  }
  PayloadKeys::Place key = PayloadKeys::kNone;
  if (order.payload_key != 0) {
    key = keys_.find(order.payload_key, shard);
    // Better no voice than voice that everybody may hear.
    if (key == PayloadKeys::kNone) return {Counter::drop_command_key};
    keys_.hold(key);
  }
  if (Flow& former = flows_.at(order.key); former.generation != 0) {
    player_.stop(former);
    keys_.let_go(former.payload_key);
    srtp_.let_go(former.srtp);
  }
  Flow& flow = flows_.open(order.key, order.peer, order.generation);
  flow.payload_key = key;
  flow.srtp =
      order.protection == wire::Protection::kSrtp ? SrtpSessions::kAwaited : SrtpSessions::kNone;
  flow.kind = order.kind;
  flow.latch = order.latch;
  flow.tos = order.tos;
  flow.clock_khz = order.clock_khz;
  flow.rtcp_way = order.rtcp_way;
  flow.shard = shard;
  flow.cookie = order.cookie;
  flow.opened_ns = now.count();
  signal_remote(flow, order.remote);
  records_.at(order.key).write(flow.record());
  counters_.add(Counter::flows_opened);
  return {};
}

Fault Commands::update(const wire::UpdateFlow& order, base::Nanos now) {
  Fault fault;
  Flow* flow = find(order.key, order.generation, fault);
  if (flow == nullptr) return fault;
  if (!is_sound(order.remote) || !is_known(order.kind) || !is_known(order.rtcp_way) ||
      order.clock_khz == 0) {
    return {Counter::drop_command};
  }
  const bool renewed = order.anew || flow->kind != order.kind;
  if (flow->kind != order.kind) {
    flow->kind = order.kind;
    flow->meter.pause();
  }
  if (renewed) latch_renew(*flow, now);
  if (flow->clock_khz != order.clock_khz) {
    flow->meter.change_clock(flow->clock_khz, order.clock_khz);
    flow->clock_khz = order.clock_khz;
  }
  flow->rtcp_way = order.rtcp_way;
  signal_remote(*flow, order.remote);
  records_.at(order.key).write(flow->record());
  counters_.add(Counter::flows_updated);
  return {};
}

Fault Commands::close(const wire::CloseFlow& order, wire::EventRing& events) {
  Fault fault;
  Flow* flow = find(order.key, order.generation, fault);
  if (flow == nullptr) return fault;
  wire::Event event;
  event.kind = wire::EventKind::kFlowClosed;
  event.closed = {};
  event.closed.key = order.key;
  event.closed.generation = order.generation;
  event.closed.cookie = flow->cookie;
  event.closed.figures = flow->figures();
  event.closed.report = flow->report();
  if (!events.enqueue(event)) fault = {Counter::drop_event_full};
  player_.stop(*flow);
  keys_.let_go(flow->payload_key);
  srtp_.let_go(flow->srtp);
  flows_.close(*flow);
  records_.at(order.key).write({});
  counters_.add(Counter::flows_closed);
  return fault;
}

// Without room the flow stays closed to media: better no voice than voice that anybody may hear.
Fault Commands::set_srtp(const wire::SetSrtp& order) {
  Fault fault;
  Flow* flow = find(order.key, order.generation, fault);
  if (flow == nullptr) return fault;
  const bool alone = order.scope == wire::SetSrtp::kFlow;
  if (!SrtpSessions::is_sound(order) || (flow->kind == wire::FlowKind::kRtcp && !alone)) {
    return {Counter::drop_command};
  }
  if (!take_srtp(*flow, order)) return {Counter::srtp_unplaced};
  flow->srtp_suite = order.suite;
  if (!alone) share_srtp(*flow);
  records_.at(order.key).write(flow->record());
  return {};
}

// False: there is no room.
bool Commands::take_srtp(Flow& flow, const wire::SetSrtp& order) {
  if (order.suite == 0) {
    srtp_.let_go(std::exchange(flow.srtp, SrtpSessions::kNone));
    return true;
  }
  // One that two flows have isn't one flow's to change.
  const bool own = SrtpSessions::is_session(flow.srtp) &&
                   (order.scope != wire::SetSrtp::kFlow || srtp_.at(flow.srtp).users == 1);
  if (own && order.anew == 0) {
    srtp_.rekey(flow.srtp, order);
    return true;
  }
  srtp_.let_go(flow.srtp);
  flow.srtp = srtp_.take(order);
  if (flow.srtp != SrtpSessions::kNone) return true;
  flow.srtp = SrtpSessions::kAwaited;
  return false;
}

void Commands::share_srtp(Flow& rtp) {
  const wire::FlowKey next{rtp.key.address, static_cast<std::uint16_t>(rtp.key.port | 1)};
  Flow& rtcp = flows_.at(next);
  if (rtcp.generation == 0 || rtcp.kind != wire::FlowKind::kRtcp || rtcp.cookie != rtp.cookie ||
      rtcp.shard != rtp.shard || rtcp.srtp == rtp.srtp) {
    return;
  }
  srtp_.let_go(rtcp.srtp);
  if (SrtpSessions::is_session(rtp.srtp)) srtp_.hold(rtp.srtp);
  rtcp.srtp = rtp.srtp;
  rtcp.srtp_suite = rtp.srtp_suite;
}

Fault Commands::play(const wire::Play& order, base::Nanos now) {
  Fault fault;
  Flow* flow = find(order.key, order.generation, fault);
  return flow == nullptr ? fault : player_.play(*flow, order, now);
}

Fault Commands::stop_play(const wire::StopPlay& order) {
  Fault fault;
  if (Flow* flow = find(order.key, order.generation, fault)) player_.stop(*flow);
  return fault;
}

Fault Commands::send_digit(const wire::SendDigit& order, base::Nanos now) {
  Fault fault;
  Flow* flow = find(order.key, order.generation, fault);
  return flow == nullptr ? fault : player_.send(*flow, order, now);
}

Fault Commands::set_events(const wire::SetEvents& order) {
  Fault fault;
  Flow* flow = find(order.key, order.generation, fault);
  if (flow == nullptr) return fault;
  constexpr std::uint8_t kNone = wire::SetEvents::kNone;
  const auto is_type = [](std::uint8_t type) { return type < 128 || type == kNone; };
  if (!is_type(order.taken) || !is_type(order.from) || !is_type(order.to) ||
      (order.from == kNone) != (order.to == kNone)) {
    return {Counter::drop_command};
  }
  flow->taken_events = order.taken;
  flow->events_from = order.from;
  flow->events_to = order.to;
  const bool any = order.taken != kNone || order.from != kNone;
  const int others = flow->extras & ~Flow::kExtraEvents;
  flow->extras = static_cast<std::uint8_t>(any ? others | Flow::kExtraEvents : others);
  return {};
}

Fault Commands::bind(const wire::BindSignal& order) {
  const Fault refused{Counter::drop_command};
  if (!order.local.address.is_ip4() || order.local.port == 0) return refused;
  const std::uint32_t ip = order.local.address.ip4_network_order();
  for (std::uint32_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].address() != ip) continue;
    signals_.bind(i, order.local.port);
    return {};
  }
  return refused;
}

Fault Commands::suspend(const wire::Suspend& order, base::Nanos now) {
  const Fault refused{Counter::drop_command};
  if (!order.address.is_ip4()) return refused;
  const std::uint32_t ip = order.address.ip4_network_order();
  if (!is_host_address(ip) || order.until_ns > now.count() + wire::Suspend::kMostNs) return refused;
  if (order.until_ns <= now.count()) return {};  // over before it came
  if (!guard_.suspend(ip, base::Nanos{order.until_ns}, now)) {
    return {Counter::suspensions_unplaced};
  }
  return {};
}

Fault Commands::lift(const wire::Lift& order) {
  if (!order.address.is_set()) {
    guard_.lift_all();
    return {};
  }
  if (!order.address.is_ip4()) return {Counter::drop_command};
  const std::uint32_t ip = order.address.ip4_network_order();
  if (!is_host_address(ip)) return {Counter::drop_command};
  guard_.lift(ip);
  return {};
}

Flow* Commands::find(wire::FlowKey key, wire::FlowGeneration generation, Fault& fault) {
  if (!flows_.owns(key) || generation == 0) {
    fault = {Counter::drop_command};
    return nullptr;
  }
  Flow& flow = flows_.at(key);
  if (flow.generation != generation) {
    fault = {Counter::drop_command_stale};
    return nullptr;
  }
  return &flow;
}

void Commands::signal_remote(Flow& flow, const base::Endpoint& remote) {
  const bool known = remote.address.is_set();
  const std::uint32_t ip = known ? remote.address.ip4_network_order() : 0;
  const std::uint16_t port = known ? rte_cpu_to_be_16(remote.port) : 0;
  if (!latch_signal(flow, ip, port)) return;
  const std::uint16_t exit = flow.key.address;
  flow.next_hop = ip != 0 ? ports_[exit].next_hop(ip) : 0;
  talk_.want(exit, flow.next_hop);
}

}  // namespace tandem::dataplane
