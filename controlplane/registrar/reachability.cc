#include "controlplane/registrar/reachability.h"

#include <algorithm>

#include "controlplane/sip/options_request.h"

namespace tandem::registrar {

using wire::Counter;

Reachability::Reachability(const Setup& setup)
    : setup_(setup),
      transactions_(setup.env, *this),
      probes_(setup.env.limits.transactions),
      round_(setup.bindings, BindingRound::Whom::kAll, setup.env.shard, setup.shards),
      began_(setup.env.wheel.now() - setup.parameters.SS_ENDPOINTTIMETOLIVE) {}

void Reachability::tend() {
  const base::Nanos interval = setup_.parameters.SS_ENDPOINTTIMETOLIVE;
  if (interval == base::Nanos{} || setup_.bindings.restoring()) return;
  const base::Nanos now = setup_.env.wheel.now();
  if (now - began_ >= interval) {
    // Who wasn't asked, as more have come than were there, is the first now.
    round_.go_on();
    size_ = round_.size();
    asked_ = 0;
    // On its grid, unless a whole round was missed.
    began_ = now - began_ < 2 * interval ? began_ + interval : now;
  }
  // Each in the middle of its part of the interval.
  const auto halves = static_cast<std::uint64_t>((now - began_).count()) * size_ * 2 /
                      static_cast<std::uint64_t>(interval.count());
  const std::uint64_t due = (halves + 1) / 2;
  std::string account;
  Contact contact;
  BindingId binding;
  for (std::uint32_t n = 0; n < kPerTurn && asked_ < due; ++n, ++asked_) {
    const bool found =
        round_.next(now, [&](const auto& name, const auto& met, const BindingId& id) {
          account = name;
          contact = contact_of(met);
          binding = id;
        });
    if (!found) return;
    if (!contact.path.lost()) ask(account, contact, binding);
  }
}

void Reachability::ask(const std::string& account, const Contact& contact,
                       const BindingId& binding) {
  const auto [handle, probe] = probes_.make(Probe{binding, setup_.env.wheel.now()});
  const sip::ClientId id =
      probe == nullptr ? sip::ClientId{}
                       : transactions_.begin(sip::Method::kOptions, handle.raw, contact.path);
  if (!id) {
    forget(handle);
    setup_.env.counters.add(Counter::probes_skipped);
    return;
  }
  setup_.env.counters.add(Counter::probes_sent);
  // One that it refuses has ended without a word.
  if (!transactions_.send(id, sip::options_request(setup_.env, transactions_,
                                                   {.id = id,
                                                    .path = contact.path,
                                                    .uri = contact.uri,
                                                    .to = "sip:" + account,
                                                    .route = contact.route})))
    forget(handle);
}

void Reachability::on_response(sip::ClientId, std::uint64_t cookie, const sip::Message& response) {
  const Probe* probe = probes_.find(base::Handle{cookie});
  if (probe == nullptr || response.status() < 200) return;
  const base::Nanos now = setup_.env.wheel.now();
  const base::Nanos took = std::max(now - probe->sent, base::Nanos{1000});
  bool back = false;
  setup_.bindings.note(probe->binding, [&](sip::Binding& binding) {
    back = binding.silent;
    binding.silent = false;
    binding.heard = now;
    binding.round_trip_us = static_cast<std::uint32_t>(took / base::Nanos{1000});
  });
  setup_.env.counters.add(Counter::probes_answered);
  setup_.env.counters.add(Counter::contacts_back, back ? 1 : 0);
}

void Reachability::hear_nothing(std::uint64_t cookie) {
  const Probe* probe = probes_.find(base::Handle{cookie});
  if (probe == nullptr) return;
  bool lost = false;
  setup_.bindings.note(probe->binding, [&](sip::Binding& binding) {
    // It may have registered meanwhile.
    lost = !binding.silent && binding.heard < probe->sent;
    binding.silent |= lost;
  });
  setup_.env.counters.add(Counter::contacts_lost, lost ? 1 : 0);
}

void Reachability::on_timeout(sip::ClientId, std::uint64_t cookie) { hear_nothing(cookie); }

void Reachability::on_failure(sip::ClientId, std::uint64_t cookie) { hear_nothing(cookie); }

void Reachability::on_client_end(sip::ClientId, std::uint64_t cookie) {
  forget(base::Handle{cookie});
}

void Reachability::forget(base::Handle probe) {
  if (probes_.find(probe) != nullptr) probes_.drop(probe);
}

}  // namespace tandem::registrar
