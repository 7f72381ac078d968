#include "controlplane/routing/time_window.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

constexpr std::uint16_t kDayMinutes = 24 * 60;
constexpr std::uint16_t kDays = 7;
constexpr std::uint8_t kEveryDay = 0x7f;
constexpr std::array<std::string_view, kDays> kDayNames = {"mon", "tue", "wed", "thu",
                                                           "fri", "sat", "sun"};

std::optional<std::uint16_t> day_of(std::string_view text) {
  for (std::uint16_t day = 0; day < kDays; ++day) {
    if (base::iequals(text, kDayNames[day])) return day;
  }
  return std::nullopt;
}

// "mon", "mon-fri", "fri-mon", "mon,wed,sat-sun"
std::optional<std::uint8_t> days_of(std::string_view text) {
  unsigned days = 0;
  while (!text.empty()) {
    std::string_view last = base::split_first(text, ',');
    const bool one = last.find('-') == std::string_view::npos;
    const auto from = day_of(base::split_first(last, '-'));
    const auto to = one ? from : day_of(last);
    if (!from || !to) return std::nullopt;
    for (std::uint16_t day = *from;; day = static_cast<std::uint16_t>((day + 1) % kDays)) {
      days |= 1u << day;
      if (day == *to) break;
    }
  }
  return days == 0 ? std::nullopt : std::optional(static_cast<std::uint8_t>(days));
}

// "08:00"; "24:00" is a day's end.
std::optional<std::uint16_t> time_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = base::parse_uint(text.substr(0, 2), 24);
  const auto minutes = base::parse_uint(text.substr(3), 59);
  if (!hours || !minutes || *hours * 60 + *minutes > kDayMinutes) return std::nullopt;
  return static_cast<std::uint16_t>(*hours * 60 + *minutes);
}

}  // namespace

base::Result<TimeWindow::Span> TimeWindow::span_of(std::string_view text) {
  const auto fault = [text] {
    return base::error(
        fmt::format("\"{}\" is not a time such as \"mon-fri 08:00-18:00\", \"sat,sun\" or "
                    "\"22:00-06:00\"",
                    text));
  };
  if (text.empty()) return fault();
  std::string_view times = text;
  std::string_view days = base::split_first(times, ' ');
  times = base::trim(times);
  if (times.empty() && days.find(':') != std::string_view::npos) std::swap(days, times);
  Span out{.days = kEveryDay, .from = 0, .length = kDayMinutes};
  if (!days.empty()) {
    const auto named = days_of(days);
    if (!named) return fault();
    out.days = *named;
  }
  if (times.empty()) return out;
  const auto from = time_of(base::split_first(times, '-'));
  const auto to = time_of(times);
  if (!from || !to || *from == *to || *from == kDayMinutes) return fault();
  out.from = *from;
  out.length = static_cast<std::uint16_t>(*to > *from ? *to - *from : *to + kDayMinutes - *from);
  return out;
}

base::Result<TimeWindow> TimeWindow::parse(std::string_view text) {
  TimeWindow out;
  while (!base::trim(text).empty()) {
    const std::string_view written = base::trim(base::split_first(text, ';'));
    const auto span = span_of(written);
    if (!span) return base::error(span.error_text());
    if (out.spans_.size() == kSpansMost) {
      return base::error(fmt::format("a time window has at most {} spans", kSpansMost));
    }
    out.spans_.push_back(*span);
    if (!out.text_.empty()) out.text_ += "; ";
    out.text_ += written;
  }
  return out;
}

TimeWindow TimeWindow::named(std::string name) const {
  TimeWindow out = *this;
  out.text_ = std::move(name);
  return out;
}

bool TimeWindow::holds(WeekMinute minute) const {
  if (spans_.empty()) return true;
  const unsigned day = minute / kDayMinutes;
  const unsigned time = minute % kDayMinutes;
  const unsigned yesterday = (day + kDays - 1) % kDays;
  for (const Span& span : spans_) {
    if ((span.days >> day & 1) != 0 && time >= span.from && time - span.from < span.length) {
      return true;
    }
    const bool goes_on = time + kDayMinutes - span.from < span.length;
    if ((span.days >> yesterday & 1) != 0 && goes_on) return true;
  }
  return false;
}

base::Result<WeekMinute> week_minute_of(std::string_view text) {
  std::string_view rest = base::trim(text);
  const auto day = day_of(base::split_first(rest, ' '));
  const auto time = time_of(base::trim(rest));
  if (!day || !time || *time == kDayMinutes) {
    return base::error(fmt::format("\"{}\" is not a time of the week such as \"mon 08:15\"", text));
  }
  return static_cast<WeekMinute>(*day * kDayMinutes + *time);
}

std::string week_minute_text(WeekMinute minute) {
  const unsigned time = minute % kDayMinutes;
  return fmt::format("{} {:02}:{:02}", kDayNames[minute / kDayMinutes % kDays], time / 60,
                     time % 60);
}

WeekMinute WeekClock::minute(std::int64_t wall_ms) {
  const std::int64_t now = wall_ms / 60'000;
  if (now == asked_for_) return minute_;
  asked_for_ = now;
  const std::time_t seconds = now * 60;
  std::tm local{};
  if (localtime_r(&seconds, &local) != nullptr) {
    const int day = (local.tm_wday + 6) % 7;  // it counts from Sunday
    minute_ = static_cast<WeekMinute>((day * 24 + local.tm_hour) * 60 + local.tm_min);
  }
  return minute_;
}

}  // namespace tandem::routing
