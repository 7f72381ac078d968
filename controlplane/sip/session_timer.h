// The session timer of one leg (RFC 4028): what both ends say about it, who refreshes, when the
// next refresh is due, and when nobody has confirmed the session for too long. Pure: no clock and
// no message of its own. Owner: the leg's session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/sip/message.h"
#include "drivers/base/clock.h"

namespace tandem::sip {

inline constexpr std::string_view kTimerOption = "timer";

// What we want of a leg.
struct SessionTimerSettings {
  base::Seconds ttl{600};        // the session interval that we ask for, and the longest we grant
  std::uint32_t segments = 2;    // we refresh so many times within an interval
  base::Seconds early_hangup{};  // grace after an interval that nobody confirmed
  base::Seconds min_se{90};      // the shortest interval that we let a peer ask for (§5)
};

// Who of a request's two ends refreshes from then on.
enum class Refresher : std::uint8_t { kUac, kUas };

// What a message says of session timers.
struct TimerWords {
  std::optional<base::Seconds> interval{};  // Session-Expires
  std::optional<Refresher> refresher{};
  std::optional<base::Seconds> min_se{};
  bool supported = false;  // its sender takes part
};
TimerWords read_timer(const Message& message);

class SessionTimer {
 public:
  using Nanos = base::Nanos;
  enum class Due : std::uint8_t { kNothing, kRefresh, kExpired };

  // Until then there is none: everything below says and does nothing.
  void configure(const SessionTimerSettings& settings) { settings_ = settings; }
  // Nothing is due any more.
  void stop() { interval_ = {}; }
  bool configured() const { return settings_.has_value(); }
  // The peer takes part, so the session has an interval.
  bool running() const { return interval_ != base::Seconds{}; }
  base::Seconds interval() const { return interval_; }
  bool ours() const { return ours_; }  // we refresh

  // UAC. Header lines for our INVITE, or for what keeps or changes the session later (§§7.1, 7.4).
  std::string ask() const;
  // The 2xx to it (§7.2).
  void answered(const TimerWords& words, Nanos now);
  // The 422 to it (§7.3). True: ask() asks for more now.
  bool raise(const TimerWords& words);

  // UAS. This interval is too short for us, and whoever asks for it can be told so (§9).
  bool refuses(const TimerWords& words) const;
  std::string min_se() const;  // Min-SE of the 422
  // Header lines for our 2xx, which is sent now.
  std::string answer(const TimerWords& words, Nanos now);

  Due due(Nanos now) const;
  std::optional<Nanos> next() const;  // when due() says something else; none: never
  // A refresh is on its way. Should it fail, the next one is due a segment later …
  void sent(Nanos now);
  // … or then.
  void put_off(Nanos until) { refresh_at_ = until; }

 private:
  base::Seconds least() const;
  void begin(base::Seconds interval, bool ours, Nanos now);
  Nanos segment() const;

  std::optional<SessionTimerSettings> settings_;
  base::Seconds raised_{};    // the largest Min-SE that the peer's side has told
  base::Seconds interval_{};  // agreed on; 0: none
  bool ours_ = true;
  Nanos refresh_at_{};  // means something where we refresh
  Nanos expires_at_{};  // grace included
};

}  // namespace tandem::sip
