// When a route may be used: spans of the week, "mon-fri 08:00-18:00; sat 09:00-12:00", in minutes
// of the switch's local time. A value; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::routing {

constexpr std::uint16_t kWeekMinutes = 7 * 24 * 60;

// A minute of the week, from Monday 00:00.
using WeekMinute = std::uint16_t;

class TimeWindow {
 public:
  static constexpr std::size_t kSpansMost = 16;

  // Always.
  TimeWindow() = default;
  // Nothing: always. Else spans parted by ';', each of days ("mon", "mon-fri", "mon,wed", or none:
  // every day), and times ("08:00-18:00", or none: the whole day). A span whose end isn't after its
  // beginning ends on the next day. Fails with the reason.
  static base::Result<TimeWindow> parse(std::string_view text);

  // The same times, with this for a text.
  TimeWindow named(std::string name) const;

  bool holds(WeekMinute minute) const;
  bool always() const { return spans_.empty(); }
  // As it was written, without needless blanks; or its name.
  const std::string& text() const { return text_; }

 private:
  struct Span {
    std::uint8_t days = 0;  // a bit each from Monday; on which it begins
    std::uint16_t from = 0;
    std::uint16_t length = 0;  // minutes
  };
  static base::Result<Span> span_of(std::string_view text);

  std::vector<Span> spans_;
  std::string text_;
};

// "mon 08:15"; no value that isn't one.
base::Result<WeekMinute> week_minute_of(std::string_view text);

std::string week_minute_text(WeekMinute minute);

// The local time, asked for once a minute. Owner: one thread.
class WeekClock {
 public:
  WeekMinute minute(std::int64_t wall_ms);

 private:
  std::int64_t asked_for_ = -1;  // minutes since 1970
  WeekMinute minute_ = 0;
};

}  // namespace tandem::routing
