#include "controlplane/media/datapath.h"

#include <algorithm>
#include <string>
#include <utility>

#include "drivers/crypto/octets.h"

namespace tandem::media {

using wire::Command;
using wire::CommandKind;
using wire::Counter;

Datapath::Datapath(wire::Segment& segment, std::vector<wire::ControlEnd*> ends, std::uint32_t life,
                   wire::CounterBlock& counters)
    : segment_(segment),
      ends_(std::move(ends)),
      life_(life),
      counters_(counters),
      dataplane_generation_(segment.generation_of(wire::Side::kDataplane)),
      pending_(ends_.size()) {}

void Datapath::bind_signal(const base::Endpoint& local) {
  signal_addresses_.push_back(local);
  send_bind(local);
}

void Datapath::send_bind(const base::Endpoint& local) {
  Command command;
  command.kind = CommandKind::kBindSignal;
  command.bind = {local};
  send_to_all(command);
}

void Datapath::send_to_all(const Command& command) {
  for (std::uint32_t w = 0; w < ends_.size(); ++w) send_to_worker(w, command);
}

void Datapath::suspend(const base::IpAddress& address, base::Nanos until) {
  if (!address.is_ip4()) return;
  const std::uint32_t ip = address.ip4_network_order();
  suspended_[ip] = until;
  send_suspend(ip, until);
}

void Datapath::send_suspend(std::uint32_t ip, base::Nanos until) {
  Command command;
  command.kind = CommandKind::kSuspend;
  command.suspend = {};
  command.suspend.address = base::IpAddress::ip4_raw(ip);
  command.suspend.until_ns = until.count();
  send_to_all(command);
}

// One that ran out is lifted too: a restarted dataplane needn't hear of it.
void Datapath::lift(const base::IpAddress& address) {
  if (!address.is_ip4() || suspended_.erase(address.ip4_network_order()) == 0) return;
  Command command;
  command.kind = CommandKind::kLift;
  command.lift = {address};
  send_to_all(command);
}

void Datapath::lift_all() {
  suspended_.clear();
  Command command;
  command.kind = CommandKind::kLift;
  command.lift = {};
  send_to_all(command);
}

FlowGeneration Datapath::open(wire::OpenFlow flow, const config::PayloadSecret& secret) {
  flow.generation = (static_cast<FlowGeneration>(life_) << 32) | ++last_flow_;
  flow.payload_key = take_key(secret);
  forget_srtp(flow.key);
  forget_voice(flow.key);
  wire::OpenFlow& place = open_[word(flow.key)];
  const wire::PayloadKeyName former = std::exchange(place, flow).payload_key;
  send_open(flow);
  give_key_back(former);
  return flow.generation;
}

wire::PayloadKeyName Datapath::take_key(const config::PayloadSecret& secret) {
  if (!secret) return 0;
  for (Key& key : keys_) {
    if (key.secret != secret) continue;
    ++key.flows;
    return key.name;
  }
  const wire::PayloadKeyName name = (static_cast<wire::PayloadKeyName>(life_) << 32) | ++last_key_;
  keys_.push_back({name, 1, secret});
  send_key(keys_.back());
  return name;
}

void Datapath::give_key_back(wire::PayloadKeyName name) {
  if (name == 0) return;
  const auto key =
      std::find_if(keys_.begin(), keys_.end(), [&](const Key& each) { return each.name == name; });
  if (--key->flows != 0) return;
  crypto::wipe(key->secret.key.data(), key->secret.key.size());
  keys_.erase(key);
  Command command;
  command.kind = CommandKind::kForgetPayloadKey;
  command.forget_key = {name};
  send_to_all(command);
}

void Datapath::send_key(const Key& key) {
  using wire::SetPayloadKey;
  const std::string& octets = key.secret.key;
  Command command;
  command.kind = CommandKind::kSetPayloadKey;
  for (std::size_t at = 0; at < octets.size(); at += SetPayloadKey::kPiece) {
    command.set_key = {};
    command.set_key.name = key.name;
    command.set_key.size = static_cast<std::uint16_t>(octets.size());
    command.set_key.mode = static_cast<std::uint8_t>(key.secret.mode);
    command.set_key.piece = static_cast<std::uint8_t>(at / SetPayloadKey::kPiece);
    const std::size_t count = std::min(SetPayloadKey::kPiece, octets.size() - at);
    std::copy_n(octets.data() + at, count, command.set_key.octets.data());
    send_to_all(command);
  }
  crypto::wipe(&command, sizeof command);
}

void Datapath::send_open(const wire::OpenFlow& flow) {
  Command command;
  command.kind = CommandKind::kOpenFlow;
  command.open = flow;
  send(flow.key, command);
}

void Datapath::update(FlowKey key, FlowGeneration generation, const base::Endpoint& remote,
                      wire::FlowKind kind, bool anew) {
  wire::OpenFlow* flow = find(key, generation);
  if (flow == nullptr || (!anew && flow->remote == remote && flow->kind == kind)) return;
  flow->remote = remote;
  flow->kind = kind;
  send_update(*flow, anew);
}

void Datapath::set_clock(FlowKey key, FlowGeneration generation, std::uint8_t clock_khz) {
  wire::OpenFlow* flow = find(key, generation);
  if (flow == nullptr || flow->clock_khz == clock_khz) return;
  flow->clock_khz = clock_khz;
  send_update(*flow, false);
}

void Datapath::set_rtcp_way(FlowKey key, FlowGeneration generation, wire::RtcpWay way) {
  wire::OpenFlow* flow = find(key, generation);
  if (flow == nullptr || flow->rtcp_way == way) return;
  flow->rtcp_way = way;
  send_update(*flow, false);
}

const wire::OpenFlow* Datapath::find(FlowKey key, FlowGeneration generation) const {
  const auto found = open_.find(word(key));
  const bool lives = found != open_.end() && found->second.generation == generation;
  return lives ? &found->second : nullptr;
}

wire::OpenFlow* Datapath::find(FlowKey key, FlowGeneration generation) {
  return const_cast<wire::OpenFlow*>(std::as_const(*this).find(key, generation));
}

void Datapath::send_update(const wire::OpenFlow& flow, bool anew) {
  Command command;
  command.kind = CommandKind::kUpdateFlow;
  command.update = {};
  command.update.key = flow.key;
  command.update.kind = flow.kind;
  command.update.clock_khz = flow.clock_khz;
  command.update.anew = anew;
  command.update.rtcp_way = flow.rtcp_way;
  command.update.generation = flow.generation;
  command.update.remote = flow.remote;
  send(flow.key, command);
}

void Datapath::set_srtp(FlowKey key, FlowGeneration generation, wire::SetSrtp order) {
  if (find(key, generation) != nullptr) {
    order.key = key;
    order.generation = generation;
    srtp_[word(key)] = order;
    send_srtp(order);
  }
  crypto::wipe(&order, sizeof order);
}

void Datapath::send_srtp(const wire::SetSrtp& order) {
  Command command;
  command.kind = CommandKind::kSetSrtp;
  command.set_srtp = order;
  send(order.key, command);
  crypto::wipe(&command, sizeof command);
}

void Datapath::forget_srtp(FlowKey key) {
  const auto found = srtp_.find(word(key));
  if (found == srtp_.end()) return;
  crypto::wipe(&found->second, sizeof found->second);
  srtp_.erase(found);
}

bool Datapath::send_dtls(FlowKey key, FlowGeneration generation, const base::Endpoint& to,
                         std::span<const std::byte> datagram) {
  const wire::OpenFlow* flow = find(key, generation);
  if (flow == nullptr) return false;
  wire::DatagramHead head;
  head.local = {segment_.plan().addresses[key.address], key.port};
  head.remote = to.address.is_set() ? to : flow->remote;
  head.tos = flow->tos;
  head.kind = wire::DatagramKind::kDtls;
  if (!head.remote.address.is_set()) return false;
  return ends_[wire::worker_of_port(segment_.plan(), key.port)]->inject.write(head, datagram);
}

bool Datapath::knows_party(FlowKey key, FlowGeneration generation) const {
  const wire::OpenFlow* flow = find(key, generation);
  return flow != nullptr && flow->remote.address.is_set();
}

std::optional<Datapath::Place> Datapath::flow_at(const base::Endpoint& local) const {
  const int address = segment_.plan().index_of(local.address);
  if (address < 0) return std::nullopt;
  const FlowKey key{static_cast<std::uint16_t>(address), local.port};
  const auto found = open_.find(word(key));
  if (found == open_.end()) return std::nullopt;
  return Place{key, found->second.cookie};
}

void Datapath::play(FlowKey key, FlowGeneration generation, wire::Play order) {
  if (find(key, generation) == nullptr) return;
  order.key = key;
  order.generation = generation;
  loops_.erase(word(key));
  if (order.loops != 0) loops_[word(key)] = order;
  send_play(order);
}

void Datapath::send_play(const wire::Play& order) {
  Command command;
  command.kind = CommandKind::kPlay;
  command.play = order;
  send(order.key, command);
}

void Datapath::stop_play(FlowKey key, FlowGeneration generation) {
  if (find(key, generation) == nullptr) return;
  loops_.erase(word(key));
  Command command;
  command.kind = CommandKind::kStopPlay;
  command.stop_play = {};
  command.stop_play.key = key;
  command.stop_play.generation = generation;
  send(key, command);
}

void Datapath::send_digit(FlowKey key, FlowGeneration generation, wire::SendDigit order) {
  if (find(key, generation) == nullptr) return;
  Command command;
  command.kind = CommandKind::kSendDigit;
  command.send_digit = order;
  command.send_digit.key = key;
  command.send_digit.generation = generation;
  send(key, command);
}

void Datapath::set_events(FlowKey key, FlowGeneration generation, wire::SetEvents order) {
  if (find(key, generation) == nullptr) return;
  order.key = key;
  order.generation = generation;
  const auto known = events_of_.find(word(key));
  const bool plain = order.taken == order.kNone && order.from == order.kNone;
  if (known == events_of_.end() ? plain : known->second == order) return;
  events_of_[word(key)] = order;
  send_events(order);
}

void Datapath::send_events(const wire::SetEvents& order) {
  Command command;
  command.kind = CommandKind::kSetEvents;
  command.set_events = order;
  send(order.key, command);
}

void Datapath::forget_loop(const wire::PlayEnded& ended) {
  const auto found = loops_.find(word(ended.key));
  if (found == loops_.end()) return;
  const wire::Play& play = found->second;
  if (play.generation == ended.generation && play.number == ended.number) loops_.erase(found);
}

void Datapath::forget_voice(FlowKey key) {
  loops_.erase(word(key));
  events_of_.erase(word(key));
}

void Datapath::close(FlowKey key, FlowGeneration generation) {
  const auto found = open_.find(word(key));
  wire::PayloadKeyName payload_key = 0;
  if (found != open_.end() && found->second.generation == generation) {
    payload_key = found->second.payload_key;
    open_.erase(found);
    forget_srtp(key);
    forget_voice(key);
  }
  close_orphan(key, generation);
  give_key_back(payload_key);
}

void Datapath::close_orphan(FlowKey key, FlowGeneration generation) {
  Command command;
  command.kind = CommandKind::kCloseFlow;
  command.close.key = key;
  command.close.generation = generation;
  send(key, command);
}

bool Datapath::record(FlowKey key, FlowGeneration generation, wire::FlowRecord& out) const {
  return segment_.flow_record(key).read(out) && out.generation == generation;
}

void Datapath::send(FlowKey key, const Command& command) {
  send_to_worker(wire::worker_of_port(segment_.plan(), key.port), command);
}

// Behind what waits already: commands never overtake each other.
void Datapath::send_to_worker(std::uint32_t worker, const Command& command) {
  auto& pending = pending_[worker];
  if (!pending.empty() || !ends_[worker]->commands.enqueue(command)) {
    counters_.add(Counter::drop_command_full);
    pending.push_back(command);
  }
}

void Datapath::send_pending() {
  for (std::uint32_t w = 0; w < ends_.size(); ++w) {
    auto& pending = pending_[w];
    while (!pending.empty() && ends_[w]->commands.enqueue(pending.front())) pending.pop_front();
  }
}

// A new generation of the dataplane has empty tables and threw away what was in the rings: it gets
// everything that is true now.
void Datapath::follow_dataplane() {
  const std::uint32_t generation = segment_.generation_of(wire::Side::kDataplane);
  if (generation == dataplane_generation_) return;
  dataplane_generation_ = generation;
  for (auto& pending : pending_) pending.clear();
  for (const auto& local : signal_addresses_) send_bind(local);
  for (const auto& [ip, until] : suspended_) send_suspend(ip, until);
  for (const Key& key : keys_) send_key(key);
  for (const auto& [key, flow] : open_) send_open(flow);
  for (const auto& [key, order] : srtp_) send_srtp(order);
  for (const auto& [key, order] : events_of_) send_events(order);
  for (const auto& [key, order] : loops_) send_play(order);
  counters_.add(Counter::flow_reopened, open_.size());
}

void Datapath::tell(const wire::Event& event, FlowListener& listener) {
  switch (event.kind) {
    case wire::EventKind::kFlowLatched:
      return listener.on_flow_latched(event.latched);
    case wire::EventKind::kFlowClosed:
      return listener.on_flow_closed(event.closed);
    case wire::EventKind::kPlayEnded:
      forget_loop(event.play_ended);
      return listener.on_play_ended(event.play_ended);
    case wire::EventKind::kDigitHeard:
      return listener.on_digit_heard(event.digit);
    case wire::EventKind::kNone:
      return;
  }
}

std::uint32_t Datapath::poll(FlowListener& listener) {
  follow_dataplane();
  send_pending();
  std::uint32_t taken = 0;
  for (auto* end : ends_) {
    std::uint32_t count;
    do {
      count = end->events.dequeue(events_);
      for (std::uint32_t i = 0; i < count; ++i) {
        tell(events_[i], listener);
      }
      taken += count;
    } while (count == events_.size() && taken < 1024);
  }
  return taken;
}

}  // namespace tandem::media
