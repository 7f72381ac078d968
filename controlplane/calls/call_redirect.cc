// The part of a call that asks again elsewhere: at the next place that a gateway's name leads to
// (RFC 3263 §4.3), and where its 3xx points (TD_SIP_REDIRECT). The latter only to where a routing
// gateway of ours is: a gateway must not be able to send calls, and their cost, where it likes.
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
  if (!follows && places_.empty()) return;
  sip::Builder out(sip::message_scratch());
  out.request(invite.method_name(), invite.request_uri());
  for (const sip::Header& line : invite.headers()) {
    if (line.id != sip::HeaderId::kContentLength) out.header(line.name, line.value);
  }
  if (const auto text = out.finish({}, invite.body())) invite_ = *text;
}

// What the last gateway that was asked says, or its silence. True: another one is being asked.
bool Call::follow_redirect(int status, const sip::Message* response) {
  // A description that the caller has seen can't be taken back in the same dialog.
  const bool follows = parameters_->TD_SIP_REDIRECT == Parameters::Redirect::follow;
  if (!follows || invite_.empty() || negotiation_.described()) return false;
  if (response != nullptr && status < 400) redirects_.add(*response);
  // A party who was reached has decided: busy, declined, nowhere (§16.7 step 5).
  if (status == 486 || status >= 600) return false;
  note_given_up(status);
  while (const auto target = redirects_.next(parameters_->TD_SIP_REDIRECT_LIMIT)) {
    if (!try_target(*target)) continue;
    redirects_.note_asked();
    return true;
  }
  forget_last_given_up();
  return false;
}

void Call::note_given_up(int status) {
  record_.given_up.push_back({.routing_gateway = record_.routing_gateway,
                              .callee_sent = record_.callee_sent,
                              .callee_call_id = record_.callee_call_id,
                              .sip_code = status});
}

// Nobody came after it: the record itself tells of it.
void Call::forget_last_given_up() {
  const cdr::GivenUp last = record_.given_up.back();
  record_.given_up.pop_back();
  record_.routing_gateway = last.routing_gateway;
  record_.callee_sent = last.callee_sent;
  record_.callee_call_id = last.callee_call_id;
}

// All places that a gateway is reached at, for one call.
void Call::take_places(routing::GatewayIndex gateway) {
  places_.clear();
  for (const auto& target : board_.gateways.targets(gateway, board_.env.random)) {
    places_.push_back(target.endpoint);
  }
  std::reverse(places_.begin(), places_.end());
}

// The gateway that a Contact leads to: by its address, by the name that it is known by, or, a
// number alone, by its route. Takes its places.
std::optional<routing::GatewayIndex> Call::aim_at(const Redirects::Target& target) {
  std::optional<routing::GatewayIndex> gateway;
  if (const auto address = base::IpAddress::parse(target.host)) {
    base::Endpoint place;
    place.address = *address;
    place.port = target.port != 0 ? target.port : kSipPort;
    gateway = board_.gateways.routing_at(place);
    places_ = {place};
    return gateway;
  }
  gateway = target.host.empty() ? board_.routes.find(dialled_number(target.user))
                                : board_.gateways.routing_named(target.host, target.port);
  if (gateway) take_places(*gateway);
  return gateway;
}

bool Call::try_target(const Redirects::Target& target) {
  const auto gateway = aim_at(target);
  const std::string number =
      target.user.empty() ? record_.callee_sent : dialled_number(target.user);
  if (!gateway || places_.empty() || number.empty()) return false;
  if (routing_ != gateway) {
    if (!board_.gateways.take(*gateway)) return false;
    if (routing_) board_.gateways.give_back(*routing_);
  }
  routing_ = gateway;
  record_.routing_gateway = board_.gateways.gateway(*gateway).name;
  record_.callee_sent = number;
  const base::Endpoint place = places_.back();
  places_.pop_back();
  return ask_again(number, place);
}

// The gateway was silent, out of reach or overloaded where it was asked.
bool Call::try_next_place(int status) {
  if (invite_.empty() || places_.empty() || negotiation_.described()) return false;
  note_given_up(status);
  const base::Endpoint place = places_.back();
  places_.pop_back();
  if (ask_again(record_.callee_sent, place)) return true;
  forget_last_given_up();
  return false;
}

bool Call::ask_again(const std::string& number, const base::Endpoint& to) {
  std::string bytes = invite_;
  sip::Message invite;
  sip::Parser::parse({bytes.data(), bytes.size()}, invite);
  if (auto* leg = callee()) leg->finish(0);
  if (auto* leg = caller()) leg->abandon_relayed();  // the former gateway won't answer
  // Other ports, perhaps of another network, for the other gateway.
  if (media_) media_->close(now());
  media_.reset();
  if (open_media(invite) || send_invite(invite, number, to)) {
    if (auto* leg = callee()) leg->finish(0);
    return false;
  }
  begun_ = 0;
  state_ = State::kCalling;
  arm_progress(parameters_->SS_SIP_TIMEOUT_INVITE, ReleaseCause::InviteTimeout);
  return true;
}

}  // namespace tandem::calls
