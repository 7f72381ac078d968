// The part of a call that chooses among routing gateways: the candidates of its route, one after
// the other, until one takes the call or a rule says that it ends (failover).
#include <utility>

#include "controlplane/calls/call.h"

namespace tandem::calls {

const config::Parameters& Call::vendor_parameters() const {
  return vendor_ && vendor_->parameters ? *vendor_->parameters : *parameters_;
}

namespace {

using routing::NumberRules;

// What a plan makes of a caller. Who has no number gets one only from a rule for just that
// ("anonymous:4930"), never a part of one before the word. No value: the plan wants none such.
std::optional<std::string> rewritten_caller(const NumberRules& plan, std::string_view number) {
  auto out = plan.rewritten(number);
  const bool part = out && is_nobody(number) && out->ends_with(number);
  return part ? std::string(number) : std::move(out);
}

}  // namespace

// As lists know numbers.
std::string Call::caller_as_digits() const {
  return routing::routing_digits(caller_number_.empty() ? record_.caller : caller_number_);
}

// By the customer's plans; and whether its lists allow them then.
std::optional<ReleaseCause> Call::rewrite_numbers() {
  dialled_ = dialled_number(record_.callee);
  if (!customer_) return std::nullopt;
  if (const NumberRules& plan = customer_->callee_plan; !plan.empty()) {
    auto number = plan.rewritten(dialled_);
    if (!number) return ReleaseCause::NumberBarred;
    dialled_ = *std::move(number);
  }
  if (const NumberRules& plan = customer_->caller_plan; !plan.empty()) {
    auto number = rewritten_caller(plan, caller_number_.empty() ? record_.caller : caller_number_);
    if (!number) return ReleaseCause::NumberBarred;
    caller_number_ = *std::move(number);
  }
  const auto& lists = customer_->settings.lists;
  if (lists.empty() || board_.routes.allows(lists, caller_as_digits(), dialled_)) {
    return std::nullopt;
  }
  return ReleaseCause::NumberBarred;
}

// Holds its place instead of the former one's. False: it can't be asked now, and nothing changed.
bool Call::take_vendor(routing::GatewayIndex gateway, std::vector<base::Endpoint> places) {
  const auto& entry = board_.gateways.now().at(gateway);
  std::optional<registrar::Upstream> upstream;
  if (const auto& name = entry->settings.registration; !name.empty()) {
    const auto* found = board_.upstreams != nullptr ? board_.upstreams->find(name) : nullptr;
    if (found == nullptr || !found->registered) return false;
    upstream = *found;
    places = {upstream->path.remote};
  }
  std::optional<registrar::Subscribers::Contact> device;
  if (!entry->settings.account.empty() && board_.subscribers != nullptr) {
    const auto devices = board_.subscribers->devices_of(entry->settings.account);
    if (devices.contacts.empty()) return false;
    device = devices.contacts.front();
    places = {device->path.remote};
  }
  const std::string& number = asked_number();
  const auto& lists = entry->settings.lists;
  if (!lists.empty() && !board_.routes.allows(lists, caller_as_digits(), number)) return false;
  const std::string& caller = caller_number_.empty() ? record_.caller : caller_number_;
  auto caller_sent = rewritten_caller(entry->caller_plan, caller);
  auto callee_sent = entry->callee_plan.rewritten(number);
  if (!caller_sent || !callee_sent) return false;
  const bool same = vendor_ && vendor_->load == entry->load;
  if (places.empty() || entry->load->silent() || entry->load->resting(now())) return false;
  if (!same && board_.gateways.take(gateway, now()) != routing::Admission::kTaken) return false;
  settle_vendor(false);
  if (vendor_ && !same) vendor_->load->give_back();
  vendor_ = entry;
  ++vendors_tried_;
  places_ = std::move(places);
  contacts_.clear();
  vendor_device_ = std::move(device);
  vendor_upstream_ = std::move(upstream);
  record_.routing_gateway = entry->settings.name;
  record_.callee_sent = *std::move(callee_sent);
  // As it came, where no plan says otherwise.
  caller_sent_ = entry->caller_plan.empty() ? std::string() : *std::move(caller_sent);
  return true;
}

// What the callee is told of the caller.
ToldIdentity Call::identity_for(const sip::Message& invite, std::string_view host) const {
  const bool phone = from_phone();
  const bool by_plan = !at_endpoint() && !caller_sent_.empty();
  const std::string& number = by_plan ? caller_sent_ : caller_number_;
  CallerIdentity caller = read_identity(invite, number, phone);
  if (customer_) caller.original = record_.caller;
  IdentityRules rules =
      identity_rules_of(at_endpoint() ? nullptr : &vendor_->settings, vendor_parameters());
  if (!at_endpoint() && !vendor_->pai_plan.empty()) rules.pai_plan = &vendor_->pai_plan;
  return told_identity(
      caller, caller_rules_of(phone || !customer_ ? nullptr : &customer_->settings), rules, host);
}

// With the number that was dialled, whatever a former one has redirected it to.
bool Call::take_next_vendor() {
  redirected_.clear();
  while (!vendors_.empty()) {
    const auto gateway = vendors_.back();
    vendors_.pop_back();
    if (take_vendor(gateway, places_of(gateway))) return true;
  }
  return false;
}

// True: another gateway is being asked.
bool Call::try_next_vendor(Attempt attempt) {
  if (invite_.empty() || vendors_.empty() || at_endpoint()) return false;
  attempt.described = negotiation_.described();
  attempt.heard = heard(media::Side::kCallee);
  attempt.tried = vendors_tried_;
  if (!goes_on(vendor_parameters(), vendor_->settings, attempt)) return false;
  const std::size_t before = record_.given_up.size();
  note_given_up(attempt.status);
  while (take_next_vendor()) {
    if (ask_again()) return true;
    note_given_up(503);
  }
  forget_given_up(before);
  return false;
}

// How asking it ended, once.
void Call::settle_vendor(bool answered) {
  if (std::exchange(vendor_decides_, false)) vendor_->load->note_outcome(answered);
}

// It has no room, and says for how long (RFC 3261 §21.5.4): others don't ask it meanwhile.
void Call::rest_vendor(int status, const sip::Message* response) {
  if (status != 503 || response == nullptr || at_endpoint() || !vendor_->settings.rests) return;
  const std::uint32_t seconds = rest_s(response->value(sip::HeaderId::kRetryAfter));
  if (seconds != 0) vendor_->load->rest(now() + base::Seconds{seconds});
}

// What the caller gets for this end of a call that nobody answered: its gateway's own fail code,
// else ours, else the callee's (`status`).
int Call::status_for_caller(ReleaseCause cause, int status) const {
  const ReleaseInfo& info = release_info(cause);
  const int plain = info.sip != 0 ? info.sip : status;
  if (!customer_) return plain;
  int others = plain;
  for (const config::FailCode& code : customer_->settings.fail_codes) {
    if (code.reason == info.name) return code.status;
    if (code.reason == "*") others = code.status;
  }
  return others;
}

}  // namespace tandem::calls
