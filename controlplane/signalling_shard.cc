#include "controlplane/signalling_shard.h"

#include <future>

#include "drivers/base/log.h"

namespace tandem {
namespace {

// Bounds a turn's work (aim: ≤ 1 ms).
constexpr std::uint32_t kDatagramsPerTurn = 64;
constexpr std::size_t kSuspensionsPerTurn = 64;

std::vector<std::unique_ptr<wire::ControlEnd>> make_ends(const wire::Segment& segment,
                                                         std::uint32_t shard,
                                                         wire::CounterBlock& counters) {
  std::vector<std::unique_ptr<wire::ControlEnd>> out;
  for (std::uint32_t w = 0; w < segment.plan().workers; ++w) {
    out.push_back(std::make_unique<wire::ControlEnd>(wire::control_end(segment.channel(w, shard))));
    counters.add(wire::Counter::drop_sip_stale_at_start, out.back()->attach());
  }
  return out;
}

std::vector<wire::ControlEnd*> pointers(
    const std::vector<std::unique_ptr<wire::ControlEnd>>& ends) {
  std::vector<wire::ControlEnd*> out;
  for (const auto& end : ends) out.push_back(end.get());
  return out;
}

}  // namespace

SignallingShard::Phones::Phones(SignallingShard& shard, Provisioning& provisioning)
    : door({.env = shard.env_,
            .parameters = shard.shared_.site.parameters,
            .realms = shard.shared_.site.registrar->realms,
            .accounts = provisioning.table(),
            .secrets = provisioning.secrets(),
            .lockout = shard.shared_.lockout}),
      registrar({.env = shard.env_,
                 .parameters = shard.shared_.site.parameters,
                 .door = door,
                 .accounts = provisioning.table(),
                 .bindings = provisioning.bindings(),
                 .secrets = provisioning.secrets(),
                 .shards = shard.shared_.segment.plan().shards,
                 .kicked =
                     [&shard](const std::string& account, const sip::Binding& contact) {
                       shard.end_replaced(account, contact);
                     }}),
      subscribers({.env = shard.env_,
                   .door = door,
                   .accounts = provisioning.table(),
                   .bindings = provisioning.bindings()}),
      keepalive({.env = shard.env_,
                 .parameters = shard.shared_.site.parameters,
                 .bindings = provisioning.bindings(),
                 .shards = shard.shared_.segment.plan().shards}),
      reachability({.env = shard.env_,
                    .parameters = shard.shared_.site.parameters,
                    .bindings = provisioning.bindings(),
                    .shards = shard.shared_.segment.plan().shards}) {}

SignallingShard::SignallingShard(const Shared& shared, std::uint32_t shard)
    : shared_(shared),
      ends_(make_ends(shared.segment, shard, counters_)),
      loop_(shard, base::monotonic_now()),
      ring_(pointers(ends_), shared.site.parameters.SS_QOS_SIGNAL),
      carrier_(loop_, ring_, counters_, shard, shared.segment.plan().shards),
      env_{.wheel = loop_.wheel(),
           .transport = carrier_,
           .counters = counters_,
           .random = random_,
           .shard = shard},
      orphans_(shared.segment, shard),
      ports_(
          shared.segment.plan(), shard, shared.site.parameters.SS_RTP_PORT_RANGE,
          shared.site.parameters.TD_RTCP_PORTS == config::Parameters::RtcpPorts::on,
          [this](wire::FlowKey key) { return orphans_.holds(key); }, counters_),
      datapath_(shared.segment, pointers(ends_), shared.life, counters_),
      router_({.routes = shared.routes,
               .parameters = shared.site.parameters,
               .random = random_,
               .asr =
                   [&gateways = shared.gateways](routing::GatewayIndex gateway) {
                     return gateways.now().at(gateway)->load->asr() * 1000 / 65'536;
                   },
               .screenings = &shared.screenings}),
      calls_(env_, shared.site, shared.gateways, router_, datapath_, ports_, shared.journal,
             shared.life_name),
      agent_(env_, calls_),
      probes_({.env = env_,
               .site = shared.site,
               .gateways = shared.gateways,
               .shards = shared.segment.plan().shards}),
      upstreams_(shared.site.parameters.SS_SIP_AUTHENTICATION_RETRY, random_),
      registrations_(
          {.env = env_,
           .parameters = shared.site.parameters,
           .upstreams = upstreams_,
           .shards = shared.segment.plan().shards,
           .told = [this](const std::string& name, bool registered, const base::Endpoint& at) {
             tell_upstream(name, registered, at);
           }}) {
  base::KeyedHash mark(base::KeyedHash::Key{1, shared.life});
  mark << shared.life_name;
  for (const config::Port& port : shared.site.ports) mark << port.address.text();
  const auto digest = mark.digest();
  env_.loop_key = {digest.low | 1, digest.high};
  env_.timers.resend_gaps = shared.site.parameters.SS_SIP_RESEND_INTERVAL;
  calls_.attach(agent_);
  agent_.take_responses_for(probes_.transactions());
  calls_.keep_in(shared.open_calls);
  carrier_.attach(agent_);
  agent_.take_responses_for(registrations_.transactions());
  calls_.reach(upstreams_);
  calls_.shake_hands_as(shared.dtls_identity);
  ring_.attach(*this);
  calls_.play(shared.sounds);
  if (Provisioning* provisioning = shared.provisioning) {
    phones_ = std::make_unique<Phones>(*this, *provisioning);
    agent_.take_registers(phones_->registrar);
    agent_.take_responses_for(phones_->reachability.transactions());
    calls_.serve(phones_->subscribers);
  }
  // What a former control plane has suspended, nobody would ever see or lift.
  if (shard == 0) datapath_.lift_all();
  for (const config::Port& port : shared.site.ports) {
    if (port.sip_port == 0) continue;
    base::Endpoint local;
    local.address = port.address;
    local.port = port.sip_port;
    datapath_.bind_signal(local);
  }
  if (orphans_.count() != 0) {
    LOG(kInfo, "media", "shard {}: {} flows of a former control plane go on until they fall silent",
        shard, orphans_.count());
  }
}

base::Result<void> SignallingShard::open() {
  const config::Site& site = shared_.site;
  routing::GatewayTable& gateways = shared_.gateways;
  std::function<bool(const base::IpAddress&)> suspended;
  if (registrar::Lockout* lockout = shared_.lockout) {
    suspended = [this, lockout](const base::IpAddress& source) {
      return lockout->suspended(source, loop_.wheel().now());
    };
  }
  return carrier_.open({.listeners = site.listeners,
                        .tos = site.parameters.SS_QOS_SIGNAL,
                        .stream_limits = transport::StreamLimits(site.parameters),
                        .knows =
                            [this, &gateways](const base::IpAddress& address) {
                              return gateways.knows(address) || upstreams_.knows(address);
                            },
                        .name_of =
                            [this, &gateways](const base::Endpoint& peer) {
                              std::string name = gateways.name_at(peer);
                              return name.empty() ? upstreams_.server_name(peer) : name;
                            },
                        .suspended = std::move(suspended)});
}

void SignallingShard::meet(const std::vector<std::unique_ptr<SignallingShard>>& all) {
  std::vector<transport::Carrier*> carriers;
  for (const auto& shard : all) {
    carriers.push_back(&shard->carrier_);
    all_.push_back(shard.get());
  }
  carrier_.meet(std::move(carriers));
}

void SignallingShard::end_replaced(const std::string& account, const sip::Binding& contact) {
  for (SignallingShard* shard : all_) {
    shard->loop_.inbox().post(
        [shard, account, contact] { shard->calls_.end_replaced(account, contact); });
  }
}

void SignallingShard::tell_upstream(const std::string& name, bool registered,
                                    const base::Endpoint& at) {
  shared_.registration_told(name, registered);
  for (SignallingShard* shard : all_) {
    if (shard == this) continue;
    shard->loop_.inbox().post(
        [shard, name, registered, at] { shard->upstreams_.note(name, registered, at); });
  }
}

void SignallingShard::start() {
  loop_.start([this] { return work(); });
}

bool SignallingShard::work() {
  env_.backlog = carrier_.backlog();
  const std::uint32_t datagrams = carrier_.poll(kDatagramsPerTurn);
  counters_.add(wire::Counter::corridor_fault_up, ring_.take_faults());
  datapath_.poll(calls_);
  orphans_.tend(datapath_, ports_, counters_, loop_.wheel().now());
  agent_.tidy();
  calls_.tidy();
  router_.tend();
  probes_.tend();
  if (phones_) phones_->tend();
  if (shared_.lockout != nullptr && env_.shard == 0) follow_lockout();
  carrier_.flush();
  // Events are rare and patient: alone they are nothing to stay awake for.
  return datagrams != 0;
}

void SignallingShard::on_dtls(const base::Endpoint& local, const base::Endpoint& remote,
                              std::span<const std::byte> datagram) {
  if (const auto flow = datapath_.flow_at(local)) {
    calls_.on_dtls(*flow, remote, datagram);
  } else {
    counters_.add(wire::Counter::drop_dtls_stray);
  }
}

void SignallingShard::follow_lockout() {
  registrar::Lockout& lockout = *shared_.lockout;
  const base::Nanos now = loop_.wheel().now();
  lockout.tend({now, counters_});
  for (const base::IpAddress& source : lockout.take_changes(kSuspensionsPerTurn)) {
    const base::Nanos until = lockout.suspended_until(source, now);
    if (until == base::Nanos{}) {
      datapath_.lift(source);
      continue;
    }
    datapath_.suspend(source, until);
    if (carrier_.streams() != nullptr) carrier_.streams()->close_all_of(source);
  }
}

void SignallingShard::ask(const std::function<void()>& errand) {
  std::promise<void> done;
  loop_.inbox().post([&] {
    errand();
    done.set_value();
  });
  done.get_future().wait();
}

void SignallingShard::drain() {
  ask([this] {
    calls_.drain();
    registrations_.drain();
  });
}

bool SignallingShard::quiet() {
  bool quiet = false;
  ask([&] { quiet = calls_.live() == 0 && agent_.open_sessions() == 0 && registrations_.quiet(); });
  return quiet;
}

void SignallingShard::stop() {
  ask([this] {
    calls_.record_all_now();
    agent_.last_words();
  });
  loop_.stop();
}

admin::ShardView SignallingShard::view() { return {loop_.inbox(), calls_, counters_, &carrier_}; }

admin::RegistrationShard SignallingShard::registrations() {
  return {loop_.inbox(), registrations_};
}

}  // namespace tandem
