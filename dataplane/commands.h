// What the control plane orders. Nothing in a command is believed: each is checked against the plan
// and the table, and what makes no sense is counted and changes nothing. Owner: the worker.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/fault.h"
#include "dataplane/flood_guard.h"
#include "dataplane/flow_table.h"
#include "dataplane/local_port.h"
#include "dataplane/neighbor.h"
#include "dataplane/payload_keys.h"
#include "dataplane/player.h"
#include "dataplane/records.h"
#include "dataplane/signal_ports.h"
#include "dataplane/srtp_sessions.h"
#include "drivers/base/clock.h"
#include "drivers/wire/channel.h"
#include "drivers/wire/counters.h"

namespace tandem::dataplane {

class Commands {
 public:
  Commands(std::span<const LocalPort> ports, FlowTable& flows, SignalPorts& signals,
           FloodGuard& guard, PayloadKeys& keys, SrtpSessions& srtp, Player& player,
           FlowRecords records, NeighborTalk talk, wire::CounterBlock& counters)
      : ports_(ports),
        flows_(flows),
        signals_(signals),
        guard_(guard),
        keys_(keys),
        srtp_(srtp),
        player_(player),
        records_(records),
        talk_(talk),
        counters_(counters) {}

  // `shard` sent it; `events` is that shard's ring.
  void obey(const wire::Command& command, std::uint8_t shard, wire::EventRing& events,
            base::Nanos now);

 private:
  Fault open(const wire::OpenFlow& order, std::uint8_t shard, base::Nanos now);
  Fault update(const wire::UpdateFlow& order, base::Nanos now);
  Fault close(const wire::CloseFlow& order, wire::EventRing& events);
  Fault set_srtp(const wire::SetSrtp& order);
  bool take_srtp(Flow& flow, const wire::SetSrtp& order);
  void share_srtp(Flow& rtp);
  Fault play(const wire::Play& order, base::Nanos now);
  Fault stop_play(const wire::StopPlay& order);
  Fault send_digit(const wire::SendDigit& order, base::Nanos now);
  Fault set_events(const wire::SetEvents& order);
  Fault bind(const wire::BindSignal& order);
  Fault suspend(const wire::Suspend& order, base::Nanos now);
  Fault lift(const wire::Lift& order);

  // The open flow of this key and generation, or why there is none.
  Flow* find(wire::FlowKey key, wire::FlowGeneration generation, Fault& fault);
  void signal_remote(Flow& flow, const base::Endpoint& remote);

  std::span<const LocalPort> ports_;
  FlowTable& flows_;
  SignalPorts& signals_;
  FloodGuard& guard_;
  PayloadKeys& keys_;
  SrtpSessions& srtp_;
  Player& player_;
  FlowRecords records_;
  NeighborTalk talk_;
  wire::CounterBlock& counters_;
};

}  // namespace tandem::dataplane
