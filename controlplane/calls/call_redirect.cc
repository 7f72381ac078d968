// The part of a call that asks again elsewhere: at the next place that a gateway's name leads to
// (RFC 3263 §4.3), at an account's next contact, and where its 3xx points (TD_SIP_REDIRECT). The
// latter only to where a routing gateway of ours is: a gateway must not be able to send calls, and
// their cost, where it likes.
#include <algorithm>

#include "controlplane/calls/call.h"
#include "controlplane/sip/builder.h"
#include "controlplane/sip/parser.h"

namespace tandem::calls {

using config::Parameters;

namespace {

constexpr std::uint16_t kSipPort = 5060;  // where a URI with an address names none (§19.1.2)

}  // namespace

// The INVITE as it came, for the next gateway or place. Kept where it can be needed only.
void Call::keep_invite(const sip::Message& invite) {
  const bool follows = parameters_->TD_SIP_REDIRECT == Parameters::Redirect::follow;
  if (!follows && nowhere_else() && vendors_.empty()) return;
  invite_ = sip::copy_of(invite);
}

// What the last gateway that was asked says, or its silence. True: another one is being asked.
bool Call::follow_redirect(int status, const sip::Message* response) {
  // A description that the caller has seen can't be taken back in the same dialog.
  const bool follows = parameters_->TD_SIP_REDIRECT == Parameters::Redirect::follow;
  if (!follows || invite_.empty() || negotiation_.described()) return false;
  if (at_endpoint()) return false;  // where a phone points, its caller would pay
  if (response != nullptr && status < 400) redirects_.add(*response, asked_number());
  // A party who was reached has decided: busy, declined, nowhere (§16.7 step 5).
  if (status == 486 || status >= 600) return false;
  note_given_up(status);
  while (const auto target = redirects_.next(parameters_->TD_SIP_REDIRECT_LIMIT)) {
    if (!try_target(*target)) continue;
    redirects_.note_asked();
    return true;
  }
  forget_given_up(record_.given_up.size() - 1);
  return false;
}

void Call::note_given_up(int status) {
  record_.given_up.push_back({.routing_gateway = record_.routing_gateway,
                              .callee_account = record_.callee_account,
                              .callee_sent = record_.callee_sent,
                              .callee_call_id = record_.callee_call_id,
                              .sip_code = status});
}

// Nobody came after it: the record itself tells of it.
void Call::forget_given_up(std::size_t since) {
  const cdr::GivenUp last = record_.given_up[since];
  record_.given_up.resize(since);
  record_.routing_gateway = last.routing_gateway;
  record_.callee_account = last.callee_account;
  record_.callee_sent = last.callee_sent;
  record_.callee_call_id = last.callee_call_id;
}

// All places that a gateway is reached at, for one call; the first one last.
std::vector<base::Endpoint> Call::places_of(routing::GatewayIndex gateway) {
  std::vector<base::Endpoint> out;
  for (const auto& target : board_.gateways.targets(gateway, board_.env.random)) {
    out.push_back(target.endpoint);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// The gateway that a Contact leads to: by its address, by the name that it is known by, or, a
// number alone, by its route. Takes its place.
std::optional<routing::GatewayIndex> Call::aim_at(const Redirects::Target& target) {
  std::optional<routing::GatewayIndex> gateway;
  if (const auto address = base::IpAddress::parse(target.host)) {
    base::Endpoint place;
    place.address = *address;
    place.port = target.port != 0 ? target.port : kSipPort;
    gateway = board_.gateways.routing_at(place);
    if (gateway && !take_vendor(*gateway, {place})) return std::nullopt;
    return gateway;
  }
  gateway = target.host.empty() ? board_.routes.find(dialled_number(target.user))
                                : board_.gateways.routing_named(target.host, target.port);
  if (gateway && !take_vendor(*gateway, places_of(*gateway))) return std::nullopt;
  return gateway;
}

bool Call::try_target(const Redirects::Target& target) {
  // Its number is asked for as the caller's was: by the customer's lists, and the vendor's plans.
  redirected_ = dialled_number(target.user);
  const bool allowed =
      !customer_ || customer_->settings.lists.empty() ||
      board_.routes.allows(customer_->settings.lists, caller_as_digits(), redirected_);
  if (redirected_.empty() || !allowed) return false;
  if (!aim_at(target)) return false;
  record_.callee_account.clear();
  contacts_.clear();
  return ask_again();
}

// The gateway was silent, out of reach or overloaded where it was asked; or a phone didn't take it.
bool Call::try_next_place(int status) {
  if (invite_.empty() || nowhere_else() || negotiation_.described()) return false;
  settle_unanswered(503);
  const std::size_t before = record_.given_up.size();
  note_given_up(status);
  while (!ask_again()) {  // couldn't even be asked
    settle_unanswered(503);
    if (nowhere_else()) {
      forget_given_up(before);
      return false;
    }
    note_given_up(503);
  }
  return true;
}

// There is one.
Aim Call::next_aim() {
  group_.clear();
  if (!contacts_.empty()) {
    take_group();
    const auto& contact = group_.front();
    record_.callee_sent = contact.uri;
    return {.path = contact.path,
            .target = contact.uri,
            .to = "sip:" + record_.callee_account,
            .route = contact.route,
            .address = static_cast<std::uint32_t>(media_port(board_.site, contact.path))};
  }
  const auto& gateway = vendor_->settings;
  vendor_decides_ = true;
  const base::Endpoint place = places_.back();
  places_.pop_back();
  const std::string target = "sip:" + record_.callee_sent + "@" + place.text();
  if (vendor_upstream_) {
    const std::string through = "sip:" + record_.callee_sent + "@" + vendor_upstream_->domain;
    const auto& path = vendor_upstream_->path;
    return {.path = path,
            .target = through,
            .to = through,
            .address = static_cast<std::uint32_t>(media_port(board_.site, path))};
  }
  if (vendor_device_) {
    using Use = Parameters::InviteUseContact;
    const bool contact = vendor_parameters().SS_SIP_ROUTING_GATEWAY_INVITE_USE_CONTACT == Use::on;
    return {.path = vendor_device_->path,
            .target = contact ? vendor_device_->uri : target,
            .to = target,
            .route = vendor_device_->route,
            .address = static_cast<std::uint32_t>(media_port(board_.site, vendor_device_->path))};
  }
  return {.path = way_to(board_.site, gateway, place),
          .target = target,
          .to = target,
          .address = gateway.port};
}

// False: whoever was next can't be asked, and there is no leg to the callee any longer.
bool Call::ask_again() {
  std::string bytes = invite_;
  sip::Message invite;
  sip::Parser::parse({bytes.data(), bytes.size()}, invite);
  if (auto* leg = callee()) leg->finish(0);
  callee_ = asked_ = {};
  negotiation_.forget_callee();
  heard_[static_cast<std::size_t>(media::Side::kCallee)] = false;
  if (auto* leg = caller()) leg->abandon_relayed();  // the former gateway won't answer
  // Other ports, perhaps of another network, for the other gateway.
  if (media_) media_->close(now());
  media_.reset();
  spoken_.reset();
  const Aim aim = next_aim();
  if (open_media(invite, aim) || send_invite(invite, aim)) return false;
  begun_ = 0;
  state_ = State::kCalling;
  arm_invite();
  return true;
}

}  // namespace tandem::calls
