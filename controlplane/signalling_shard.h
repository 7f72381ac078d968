// One signalling shard put together: its ends of the corridor, its SIP, its media, its calls, and
// the thread that lives them. Made and stopped by main; everything inside belongs to the shard's
// thread, but for what view() names.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/admin/commands.h"
#include "controlplane/admin/registration_commands.h"
#include "controlplane/calls/call_service.h"
#include "controlplane/calls/gateway_probes.h"
#include "controlplane/cdr/journal.h"
#include "controlplane/loop/shard_loop.h"
#include "controlplane/media/orphans.h"
#include "controlplane/provisioning.h"
#include "controlplane/registrar/keepalive.h"
#include "controlplane/registrar/outbound.h"
#include "controlplane/registrar/reachability.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/registrar/subscribers.h"
#include "controlplane/sip/transport_ring.h"
#include "controlplane/transport/carrier.h"

namespace tandem {

class SignallingShard final : sip::DtlsTaker {
 public:
  // What shards share; outlives them.
  struct Shared {
    wire::Segment& segment;
    const config::Site& site;
    routing::GatewayTable& gateways;
    const routing::Routes& routes;
    const routing::Screenings& screenings;
    const media::Sounds& sounds;
    cdr::Journal& journal;
    cdr::OpenCalls& open_calls;  // this shard's own
    std::uint32_t life;          // our generation in the segment
    std::string life_name;       // the first part of our calls' names
    const media::DtlsIdentity& dtls_identity;
    Provisioning* provisioning;   // nullptr: nobody registers here
    registrar::Lockout* lockout;  // nullptr: nor is suspended
    // A registration of ours is there, or no longer. Called on the shards' threads.
    std::function<void(const std::string& name, bool registered)> registration_told;
  };

  SignallingShard(const Shared& shared, std::uint32_t shard);

  // Before start(): the listeners' sockets, and who else there is.
  base::Result<void> open();
  void meet(const std::vector<std::unique_ptr<SignallingShard>>& all);

  void start();
  // The way down: drain() ends all calls and refuses new ones; quiet() says whether everything is
  // said and recorded; stop() records what is left and joins the thread.
  void drain();
  bool quiet();
  void stop();
  admin::ShardView view();
  admin::RegistrationShard registrations();

 private:
  bool work();
  void on_dtls(const base::Endpoint& local, const base::Endpoint& remote,
               std::span<const std::byte> datagram) override;
  // The first shard's: whoever is suspended is dropped before he costs us anything.
  void follow_lockout();
  // Wherever the calls of who had this contact are.
  void end_replaced(const std::string& account, const sip::Binding& contact);
  // A registration of ours has come or gone, for the calls of the other shards.
  void tell_upstream(const std::string& name, bool registered, const base::Endpoint& at);
  // Runs on the shard's thread; returns when it has run.
  void ask(const std::function<void()>& errand);

  Shared shared_;
  wire::CounterBlock counters_;
  std::vector<std::unique_ptr<wire::ControlEnd>> ends_;
  loop::ShardLoop loop_;
  base::KernelRandom random_;
  sip::TransportRing ring_;
  transport::Carrier carrier_;
  sip::Environment env_;
  media::Orphans orphans_;
  media::MediaPorts ports_;
  media::Datapath datapath_;
  routing::Router router_;
  calls::CallService calls_;
  sip::UserAgent agent_;
  calls::GatewayProbes probes_;
  registrar::Upstreams upstreams_;
  registrar::OutboundRegistrations registrations_;
  // Where phones register.
  struct Phones {
    Phones(SignallingShard& shard, Provisioning& provisioning);

    registrar::Doorkeeper door;
    registrar::Registrar registrar;
    registrar::Subscribers subscribers;
    registrar::Keepalive keepalive;
    registrar::Reachability reachability;

    void tend() {
      registrar.tend();
      keepalive.tend();
      reachability.tend();
    }
  };
  std::unique_ptr<Phones> phones_;
  std::vector<SignallingShard*> all_;  // this one too
};

}  // namespace tandem
