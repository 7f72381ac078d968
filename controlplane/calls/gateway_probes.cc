#include "controlplane/calls/gateway_probes.h"

#include <algorithm>

#include "controlplane/calls/ways.h"
#include "controlplane/sip/options_request.h"
#include "drivers/base/log.h"

namespace tandem::calls {
namespace {

using wire::Counter;

// From a gateway that takes calls.
bool is_proper(int status) { return (status < 500 && status != 408) || status == 501; }

// 0 would be nobody's.
std::uint64_t cookie_of(routing::GatewayIndex index) { return std::uint64_t{index} + 1; }
routing::GatewayIndex index_of(std::uint64_t cookie) {
  return static_cast<routing::GatewayIndex>(cookie - 1);
}

}  // namespace

void GatewayProbes::tend() {
  const base::Nanos now = setup_.env.wheel.now();
  if (now < next_look_) return;
  next_look_ = now + kLook;
  const auto& entries = setup_.gateways.now().entries();
  for (routing::GatewayIndex i = setup_.env.shard; i < entries.size(); i += setup_.shards) {
    look(i, *entries[i], now);
  }
}

void GatewayProbes::look(routing::GatewayIndex index, const routing::GatewayEntry& entry,
                         base::Nanos now) {
  const auto& gateway = entry.settings;
  const bool asked = !entry.gone && gateway.kind == config::GatewayKind::kRouting &&
                     gateway.probe != base::Seconds{0} && gateway.account.empty();
  auto known = probed_.find(index);
  if (!asked) {
    if (known == probed_.end()) return;
    // Nobody looks any longer, so nothing keeps calls from it.
    entry.load->set_silent(false);
    if (!known->second.under_way) probed_.erase(known);
    return;
  }
  const base::Nanos interval = gateway.probe;
  if (known == probed_.end()) {
    // The first ones spread over the first of their intervals, a second at most.
    const base::Nanos most = std::min<base::Nanos>(interval, base::Seconds{1});
    const auto part = static_cast<std::int64_t>(setup_.env.random.next() % 1000);
    known = probed_.emplace(index, Probed{.due = now + most * part / 1000}).first;
  }
  Probed& probed = known->second;
  if (now < probed.due || probed.under_way) return;
  probed.due = std::max(probed.due + interval, now);
  ask(index, gateway);
}

void GatewayProbes::ask(routing::GatewayIndex index, const config::Gateway& gateway) {
  const auto targets = setup_.gateways.targets(index, setup_.env.random);
  if (targets.empty()) return;  // its name leads nowhere as yet
  const sip::Path path = way_to(setup_.site, gateway, targets.front().endpoint);
  const std::string uri = "sip:" + path.remote.text();
  const sip::ClientId id = transactions_.begin(sip::Method::kOptions, cookie_of(index), path);
  if (!id) {
    setup_.env.counters.add(Counter::probes_skipped);
    return;
  }
  Probed& probed = probed_[index];
  probed.sent = setup_.env.wheel.now();
  probed.under_way = id;
  setup_.env.counters.add(Counter::gateway_probes_sent);
  if (!transactions_.send(id,
                          sip::options_request(setup_.env, transactions_,
                                               {.id = id, .path = path, .uri = uri, .to = uri}))) {
    if (settle(index, id)) hear(index, false);
  }
}

// True: that one is the latest, and it is over now. Its transaction stays for repeated answers
// (Timer K), longer than the next probe may wait.
bool GatewayProbes::settle(routing::GatewayIndex index, sip::ClientId id) {
  const auto probed = probed_.find(index);
  if (probed == probed_.end() || probed->second.under_way != id) return false;
  probed->second.under_way = {};
  return true;
}

void GatewayProbes::hear(routing::GatewayIndex index, bool properly) {
  const auto& entry = *setup_.gateways.now().at(index);
  if (properly) {
    setup_.env.counters.add(Counter::gateway_probes_answered);
    const base::Nanos took = setup_.env.wheel.now() - probed_[index].sent;
    entry.load->note_round_trip(took);
  }
  // One that isn't probed any longer is nobody's to judge.
  const bool silent = !properly && entry.settings.probe != base::Seconds{0} && !entry.gone;
  if (entry.load->silent() == silent) return;
  entry.load->set_silent(silent);
  LOG(kWarning, "gateways", "{} {}", entry.settings.name,
      silent ? "doesn't answer OPTIONS properly: no calls go to it"
             : "answers OPTIONS: calls go to it again");
}

void GatewayProbes::on_response(sip::ClientId id, std::uint64_t cookie,
                                const sip::Message& response) {
  const auto index = index_of(cookie);
  if (response.status() >= 200 && settle(index, id)) hear(index, is_proper(response.status()));
}

void GatewayProbes::on_timeout(sip::ClientId id, std::uint64_t cookie) {
  if (settle(index_of(cookie), id)) hear(index_of(cookie), false);
}

void GatewayProbes::on_failure(sip::ClientId id, std::uint64_t cookie) {
  if (settle(index_of(cookie), id)) hear(index_of(cookie), false);
}

void GatewayProbes::on_client_end(sip::ClientId id, std::uint64_t cookie) {
  settle(index_of(cookie), id);
}

}  // namespace tandem::calls
