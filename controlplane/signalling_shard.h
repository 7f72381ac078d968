// One signalling shard put together: its ends of the corridor, its SIP, its media, its calls, and
// the thread that lives them. Made and stopped by main; everything inside belongs to the shard's
// thread, but for what view() names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/admin/commands.h"
#include "controlplane/calls/call_service.h"
#include "controlplane/cdr/journal.h"
#include "controlplane/loop/shard_loop.h"
#include "controlplane/media/orphans.h"
#include "controlplane/sip/transport_ring.h"

namespace tandem {

class SignallingShard {
 public:
  // What shards share; outlives them.
  struct Shared {
    wire::Segment& segment;
    const config::Site& site;
    routing::GatewayTable& gateways;
    const routing::RouteTable& routes;
    cdr::Journal& journal;
    std::uint32_t life;     // our generation in the segment
    std::string life_name;  // the first part of our calls' names
  };

  SignallingShard(const Shared& shared, std::uint32_t shard);

  void start();
  // Ends all calls, lets BYEs out and records in for at most `patience`, then joins the thread.
  void stop(base::Nanos patience);
  admin::ShardView view();

 private:
  bool work();

  Shared shared_;
  wire::CounterBlock counters_;
  std::vector<std::unique_ptr<wire::ControlEnd>> ends_;
  loop::ShardLoop loop_;
  base::KernelRandom random_;
  sip::TransportRing transport_;
  sip::Environment env_;
  media::Orphans orphans_;
  media::MediaPorts ports_;
  media::Datapath datapath_;
  calls::CallService calls_;
  sip::UserAgent agent_;
};

}  // namespace tandem
