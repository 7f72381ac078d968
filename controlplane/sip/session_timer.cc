#include "controlplane/sip/session_timer.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

using base::Nanos;
using base::Seconds;

// More is as good as for ever, and stays clear of what a clock can count.
constexpr std::uint64_t kLongest = 1'000'000;
// A peer that grants less than a second would make us do nothing but refresh.
constexpr Nanos kLeastSegment = Seconds{1};

// The delta-seconds that a value begins with; none, or 0, says nothing.
std::optional<Seconds> delta_seconds(std::string_view value) {
  const auto digits = base::trim(value.substr(0, value.find(';')));
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), base::is_digit)) return {};
  const auto number = base::parse_uint(digits, kLongest).value_or(kLongest);
  return number == 0 ? std::nullopt : std::optional(Seconds{number});
}

// §10: who waits for the other's refresh hangs up a little before the interval is over.
Nanos margin(Seconds interval) { return std::min<Nanos>(Seconds{32}, Nanos{interval} / 3); }

}  // namespace

TimerWords read_timer(const Message& message) {
  TimerWords out;
  const std::string_view expires = message.value(HeaderId::kSessionExpires);
  out.interval = delta_seconds(expires);
  if (const auto semicolon = expires.find(';'); semicolon != std::string_view::npos) {
    const auto who = find_param(expires.substr(semicolon), "refresher");
    if (who && base::iequals(*who, "uac")) out.refresher = Refresher::kUac;
    if (who && base::iequals(*who, "uas")) out.refresher = Refresher::kUas;
  }
  out.min_se = delta_seconds(message.value(HeaderId::kMinSe));
  out.supported = lists_token(message, HeaderId::kSupported, kTimerOption) ||
                  lists_token(message, HeaderId::kRequire, kTimerOption);
  return out;
}

Seconds SessionTimer::least() const { return std::max(settings_->min_se, raised_); }

Nanos SessionTimer::segment() const {
  return std::max<Nanos>(Nanos{interval_} / settings_->segments, kLeastSegment);
}

void SessionTimer::begin(Seconds interval, bool ours, Nanos now) {
  interval_ = interval;
  ours_ = ours;
  refresh_at_ = now + segment();
  expires_at_ = now + interval - (ours ? Nanos{} : margin(interval)) + settings_->early_hangup;
}

std::string SessionTimer::ask() const {
  if (!settings_) return {};
  const Seconds interval = std::max(running() ? interval_ : settings_->ttl, least());
  return "Session-Expires: " + std::to_string(interval.count()) +
         (ours_ ? ";refresher=uac\r\n" : ";refresher=uas\r\n") +
         "Min-SE: " + std::to_string(least().count()) + "\r\n";
}

// A peer that takes part but names no interval leaves it to us (§7.2), one that has agreed to an
// interval before keeps it.
void SessionTimer::answered(const TimerWords& words, Nanos now) {
  if (!settings_ || !(running() || words.supported || words.interval)) return;
  const Seconds asked = std::max(running() ? interval_ : settings_->ttl, least());
  const bool told = words.interval.has_value();
  const Refresher as_asked = ours_ ? Refresher::kUac : Refresher::kUas;
  const Refresher who = words.refresher.value_or(as_asked);
  begin(std::min(words.interval.value_or(asked), asked), !told || who == Refresher::kUac, now);
}

bool SessionTimer::raise(const TimerWords& words) {
  if (!settings_ || !words.min_se) return false;
  const bool more = *words.min_se > std::max(running() ? interval_ : settings_->ttl, least());
  raised_ = std::max(raised_, *words.min_se);
  return more;
}

bool SessionTimer::refuses(const TimerWords& words) const {
  return settings_ && words.supported && words.interval && *words.interval < settings_->min_se;
}

std::string SessionTimer::min_se() const {
  return settings_ ? std::to_string(settings_->min_se.count()) : std::string();
}

// A proxy may ask for a peer that takes no part (§9): then we refresh, and can't require anything
// of the peer.
std::string SessionTimer::answer(const TimerWords& words, Nanos now) {
  if (!settings_ || !(running() || words.supported || words.interval)) return {};
  raised_ = std::max(raised_, words.min_se.value_or(Seconds{}));
  const Seconds most = std::max(running() ? interval_ : settings_->ttl, least());
  const Refresher ourselves = ours_ ? Refresher::kUas : Refresher::kUac;
  const bool known = running() && words.interval.has_value();
  Refresher who = words.refresher.value_or(known ? ourselves : Refresher::kUas);
  if (!words.supported) who = Refresher::kUas;
  begin(std::min(words.interval.value_or(most), std::max(settings_->ttl, least())),
        who == Refresher::kUas, now);
  return "Session-Expires: " + std::to_string(interval_.count()) +
         (ours_ ? ";refresher=uas\r\n" : ";refresher=uac\r\n") +
         (words.supported ? "Require: timer\r\n" : "");
}

SessionTimer::Due SessionTimer::due(Nanos now) const {
  if (!running()) return Due::kNothing;
  if (now >= expires_at_) return Due::kExpired;
  return ours_ && now >= refresh_at_ ? Due::kRefresh : Due::kNothing;
}

std::optional<Nanos> SessionTimer::next() const {
  if (!running()) return std::nullopt;
  return ours_ ? std::min(refresh_at_, expires_at_) : expires_at_;
}

void SessionTimer::sent(Nanos now) { refresh_at_ = now + segment(); }

}  // namespace tandem::sip
