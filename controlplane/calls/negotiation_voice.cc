// The part of a negotiation in which the switch itself has a say: what it tells a caller, and how
// digits get from one party to the other.
#include "controlplane/calls/negotiation.h"

namespace tandem::calls {
namespace {

media::Side party_of(int leg) { return static_cast<media::Side>(leg); }

}  // namespace

// No dialog has two answers to one offer, so this one is a dialog of its own (RFC 3261 §12.1),
// which ends when another one is confirmed.
std::optional<sdp::Voice> Negotiation::speak(std::string_view passed) {
  auto* leg = caller();
  const auto offer = sdp::parse(first_offer_);
  if (leg == nullptr || late_ || !offer || !media_ || media_->direct()) return std::nullopt;
  const auto voice = sdp::voice_of(*offer, parties_.codecs(kCallerLeg));
  if (!voice || !media_->can_speak(media::Side::kCaller, *offer, voice->section)) {
    return std::nullopt;
  }
  const std::string answer = sdp::voice_answer(
      *offer, *voice, media_->own_address(media::Side::kCaller), parties_.number());
  const auto description = sdp::parse(answer);
  const int own = forks_.empty() ? 0 : leg->new_fork();
  const Fork fork{kOver, own,          true,
                  {},    first_offer_, media_->rewritten(*description, media::Side::kCallee)};
  forks_.push_back(fork);
  leg->progress({.status = 183,
                 .fork = own,
                 .reliably = true,
                 .content_type = sdp::kContentType,
                 .body = fork.relayed,
                 .passed = passed});
  return voice;
}

// What this leg's party has described last, agreed on or not.
std::string_view Negotiation::latest_of(int leg) const {
  if (change_ && change_->from == leg && !change_->offer.empty()) return change_->offer;
  if (!said(leg).empty() || leg == kCalleeLeg) return said(leg);
  return first_offer_;
}

// As the other leg's party is told digits, and under the number that it has given to events.
std::string Negotiation::with_digits(std::string text, int from) const {
  using Dtmf = config::Parameters::Dtmf;
  const int to = 1 - from;
  const bool plain = parties_.dtmf(to) == Dtmf::pass && parties_.dtmf(from) == Dtmf::pass;
  if (plain && text.find("telephone-event") == text.npos) return text;
  const auto description = sdp::parse(text);
  const auto section = description ? sdp::voice_section(*description) : std::nullopt;
  if (!section || media_->direct()) return text;
  const auto there = sdp::events_of(*description, *section);
  if (parties_.dtmf(to) == Dtmf::info) {
    return there ? sdp::without_format(*description, *section, *there) : text;
  }
  const std::string_view latest = latest_of(to);
  const auto own = sdp::events_of(latest);
  if (there) {
    if (own) return sdp::renumbered(*description, *section, *there, *own);
    // It was us who had asked for them.
    const bool ours = !latest.empty() && parties_.dtmf(from) == Dtmf::rfc4733;
    return ours ? sdp::without_format(*description, *section, *there) : text;
  }
  const bool wanted = parties_.dtmf(to) == Dtmf::rfc4733 || parties_.dtmf(from) == Dtmf::info;
  if (!wanted || (!latest.empty() && !own)) return text;  // nor is it answered what it didn't offer
  return sdp::with_events(*description, *section,
                          own ? *own : sdp::free_type(*description, *section));
}

void Negotiation::settle_events() {
  if (!media_ || media_->direct()) return;
  for (const int leg : {kCallerLeg, kCalleeLeg}) {
    wire::SetEvents order;
    const auto sent = told_events_[static_cast<std::size_t>(leg)];
    const auto wanted = wanted_events(1 - leg);
    if (sent && parties_.dtmf(1 - leg) == config::Parameters::Dtmf::info) {
      order.taken = *sent;
    } else if (sent && wanted && *sent != *wanted) {
      order.from = *sent;
      order.to = *wanted;
    }
    media_->set_events(party_of(leg), order);
  }
}

}  // namespace tandem::calls
