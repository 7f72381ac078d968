// The part of a call whose party goes to another one: by the other party's REFER, blind or attended
// (RFC 3515, 5589), or since it sent an INVITE with Replaces (RFC 3891). Until the party is in
// there, everything stays as it is, so that a transfer that fails costs nobody the call.
#include <algorithm>
#include <utility>

#include "controlplane/calls/call.h"
#include "controlplane/sip/body.h"
#include "controlplane/sip/builder.h"
#include "controlplane/sip/parser.h"
#include "drivers/base/text.h"

namespace tandem::calls {
namespace {

// Whoever may take a party's place, or send one there: who it is, or its gateway.
bool same_party(const routing::GatewayTable& gateways, const base::Endpoint& one,
                const base::Endpoint& other) {
  if (one.address == other.address) return true;
  const auto gateway = gateways.identify(one);
  return gateway && gateway == gateways.identify(other);
}

}  // namespace

// --- asked for by REFER ------------------------------------------------------------------------

int Call::refusal_of_refer(int leg, const sip::Message& refer) {
  const auto* asker = session(leg);
  const auto* other = session(1 - leg);
  // Both must be in a confirmed dialog, and nobody on the move.
  const auto confirmed = sip::SessionState::kConfirmed;
  const bool ready = state_ == State::kAnswered && asker->state() == confirmed &&
                     other != nullptr && other->state() == confirmed;
  if (!ready || transfer_ || takeover_) return 491;
  if (sip::refers_to_other_method(refer)) return 603;
  const auto target = sip::read_refer_to(refer);
  if (!target) return 400;
  return !target->replaces && dialled_number(target->user).empty() ? 484 : 0;
}

void Call::refer(int leg, int fork, sip::ServerId id, const sip::Message& request) {
  auto* asker = session(leg);
  if (const int status = refusal_of_refer(leg, request)) {
    asker->answer_relayed(id, {.status = status});
    return;
  }
  if (!asker->accept_refer(id, fork, request)) return;
  transfer_ = Transfer{.asker = leg, .guest = 1 - leg};
  asker->tell_referral(100, "Trying", false);
  const auto target = *sip::read_refer_to(request);
  if (!target.replaces) {
    transfer_to_number(dialled_number(target.user), request);
  } else if (const int status = take_place(*target.replaces, asker->dialog().path.remote)) {
    transfer_failed(status, sip::reason_phrase(status));
  }
}

// Blind: a new call, as the party that goes could have made it.
void Call::transfer_to_number(const std::string& number, const sip::Message& refer) {
  const Guest going = guest();
  const sip::Dialog& dialog = session(transfer_->guest)->dialog();
  const std::string uri = "sip:" + number + "@" + dialog.path.local.address.text();
  // Parsed where it was written; the builder's room is for what is sent.
  std::string bytes(sip::message_scratch().size(), '\0');
  sip::Builder out({bytes.data(), bytes.size()});
  out.request("INVITE", uri)
      .pieces(sip::HeaderId::kVia, "SIP/2.0/UDP ", dialog.path.local.text(),
              ";branch=z9hG4bK-refer")
      .header(sip::HeaderId::kMaxForwards, 70u)
      .header(sip::HeaderId::kFrom, dialog.remote_party)
      .header(sip::HeaderId::kTo, "<" + uri + ">")
      .header(sip::HeaderId::kCallId, dialog.call_id)
      .header(sip::HeaderId::kCSeq, "1 INVITE");
  const auto referred_by = refer.value(sip::HeaderId::kReferredBy);
  const auto hidden = session(transfer_->guest)->withheld();  // from who stays, so from who comes
  const bool passes = std::none_of(hidden.begin(), hidden.end(), [](std::string_view name) {
    return base::iequals(name, "Referred-By");
  });
  if (!referred_by.empty() && passes) out.header(sip::HeaderId::kReferredBy, referred_by);
  if (transfer_->guest == kCallerLeg) out.written(identity_lines_);
  const auto text = out.finish(sdp::kContentType, going.said);
  sip::Message invite;
  const std::size_t size = text ? text->size() : 0;
  if (sip::Parser::parse({bytes.data(), size}, invite).verdict != sip::ParseVerdict::kOk) {
    transfer_failed(513, sip::reason_phrase(513));
    return;
  }
  auto [id, host, name] = board_.make_call();
  if (host == nullptr) {
    transfer_failed(503, sip::reason_phrase(503));
    return;
  }
  transfer_->host = id;
  host->begin_referred(id, std::move(name), going, invite);
}

// --- asked for by INVITE with Replaces ---------------------------------------------------------

// 0: it is under way; else what the INVITE is refused with.
int Call::replace_party(const sip::Replaces& replaces, const sip::Message& invite,
                        const base::Endpoint& source) {
  const auto offer = sip::sdp_of(invite);
  if (media_towards_caller_ < 0) return 503;
  // An offer is wanted at once: whom the place is taken from need not wait for an ACK to know it.
  if (offer.empty() || !sdp::parse(offer)) return 488;
  negotiation_.replace(kCallerLeg, std::string(offer));
  transfer_ = Transfer{.asker = -1, .guest = kCallerLeg};
  const int status = take_place(replaces, source);
  if (status != 0) transfer_.reset();
  return status;
}

// --- both --------------------------------------------------------------------------------------

// The place of that dialog's party, in another call of this shard's.
int Call::take_place(const sip::Replaces& replaces, const base::Endpoint& asker) {
  auto* replaced = board_.agent->find_replaced(replaces);
  Call* host = replaced != nullptr && replaced->has_listener()
                   ? board_.call({base::Handle{replaced->owner()}})
                   : nullptr;
  if (host == nullptr || host == this) return 481;
  // Only a dialog that its party made may be replaced before it is confirmed, and none of those is
  // (RFC 3891 §3).
  if (transfer_->asker < 0 && replaced->state() != sip::SessionState::kConfirmed) return 481;
  if (!same_party(board_.gateways, replaced->dialog().path.remote, asker)) return 403;
  if (replaces.early_only && replaced->state() == sip::SessionState::kConfirmed) return 486;
  transfer_->host = host->id_;
  return host->take_over(guest(), replaced->number());
}

// Who a party that calls anew may say that it is: a phone by its account, whatever it has written
// into the dialog; a gateway's party as it likes.
std::string Call::number_of_party(int leg) const {
  if (leg == kCallerLeg) return said_number_;
  return record_.callee_account.substr(0, record_.callee_account.find('@'));
}

Guest Call::guest() {
  const int leg = transfer_->guest;
  const auto side = static_cast<media::Side>(leg);
  // Without media of its own it came by an INVITE with Replaces.
  const sip::Path* const way = path(leg);
  const auto source = way != nullptr ? way->remote.address : base::IpAddress{};
  return {
      .home = id_,
      .home_name = record_.call,
      // Who comes by an INVITE has said just now how its media run.
      .said = transfer_->asker < 0 ? negotiation_.said(leg) : sdp::resumed(negotiation_.said(leg)),
      .told = negotiation_.told(leg),
      .address = media_ ? media_->address(side) : static_cast<std::uint32_t>(media_towards_caller_),
      .secret = media_ ? media_->secret(side) : caller_secret(),
      .srtp = media_ ? media_->rule(side) : caller_srtp(),
      .source = media_ ? media_->source(side) : media::Source{source},
      .payer = {
          .gateway = mapping_, .account = record_.caller_account, .number = number_of_party(leg)}};
}

void Call::transfer_progress(int status, std::string_view reason) {
  if (!transfer_ || transfer_->asker < 0) return;
  if (auto* asker = session(transfer_->asker)) asker->tell_referral(status, reason, false);
}

void Call::transfer_failed(int status, std::string_view reason) {
  if (!transfer_) return;
  const Transfer failed = *std::exchange(transfer_, std::nullopt);
  if (failed.asker < 0) {
    release(ReleaseCause::TransferFailed, Direction::kSwitch, status);
  } else if (failed.asker_gone) {
    // The one that was to go is alone now.
    release(ReleaseCause::NormalClearing,
            failed.asker == kCallerLeg ? Direction::kCaller : Direction::kCallee);
  } else if (auto* asker = session(failed.asker)) {
    asker->tell_referral(status, reason.empty() ? sip::reason_phrase(status) : reason, true);
  }
}

// The guest is in.
void Call::transferred(CallId host, const std::string& name) {
  const Transfer done = *std::exchange(transfer_, std::nullopt);
  host_ = host;
  gone_leg_ = done.guest;
  record_.transferred_to = name;
  if (state_ != State::kAnswered) answered();
  state_ = State::kTransferred;
  keep();
  auto* asker = done.asker < 0 || done.asker_gone ? nullptr : session(done.asker);
  if (asker != nullptr) {
    asker->tell_referral(200, "OK", true);
    asker->finish(0, reason_value(ReleaseCause::NormalClearing));
  }
  caller_ = callee_ = {};
  if (media_) media_->close(now());
}

bool Call::may_lend() {
  const auto* going = session(transfer_->guest);
  return going != nullptr && !negotiation_.busy() &&
         (going->state() == sip::SessionState::kConfirmed ||
          going->state() == sip::SessionState::kIncoming);
}

sip::SessionId Call::lend() {
  transfer_->lent = true;
  return std::exchange(slot(transfer_->guest), {});
}

void Call::take_back(sip::SessionId id, sdp::Origin told) {
  transfer_->lent = false;
  const int leg = transfer_->guest;
  slot(leg) = id;
  if (auto* back = session(leg)) back->listen(this, leg, id_.handle.raw);
  negotiation_.keep_origin(leg, std::move(told));
}

// The guest that is back may have been told, or be about to agree, to talk to somebody else: it is
// asked to talk to who is here.
void Call::reassure_guest() {
  const int asker = 1 - transfer_->guest;
  takeover_.emplace();
  takeover_->slot = asker;
  takeover_->stage = Takeover::kRestoring;
  takeover_->replaced_said = negotiation_.said(asker);
  if (!negotiation_.ask(1 - asker, takeover_->replaced_said)) retry_takeover();
}

void Call::guest_hung_up() {
  if (!transfer_) return;
  const Transfer ended = *std::exchange(transfer_, std::nullopt);
  auto* asker = ended.asker < 0 || ended.asker_gone ? nullptr : session(ended.asker);
  if (asker != nullptr) asker->tell_referral(487, sip::reason_phrase(487), true);
  release(ReleaseCause::NormalClearing,
          ended.guest == kCallerLeg ? Direction::kCaller : Direction::kCallee);
}

}  // namespace tandem::calls
