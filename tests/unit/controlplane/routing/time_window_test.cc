#include "controlplane/routing/time_window.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace tandem::routing {
namespace {

bool holds(std::string_view window, std::string_view time) {
  const auto parsed = TimeWindow::parse(window);
  const auto minute = week_minute_of(time);
  EXPECT_TRUE(parsed.ok()) << parsed.error_text();
  EXPECT_TRUE(minute.ok()) << minute.error_text();
  return parsed && minute && parsed->holds(*minute);
}

TEST(TimeWindow, HoldsInItsSpans) {
  struct Case {
    const char* window;
    const char* inside;
    const char* outside;
  };
  for (const auto& [window, inside, outside] : {
           Case{"mon-fri 08:00-18:00", "mon 08:00", "mon 07:59"},
           {"mon-fri 08:00-18:00", "fri 17:59", "fri 18:00"},
           {"mon-fri 08:00-18:00", "wed 12:00", "sat 12:00"},
           {"sat,sun", "sun 23:59", "mon 00:00"},
           {"Sat,SUN", "sat 00:00", "fri 23:59"},
           {"12:00-13:00", "sun 12:30", "sun 13:00"},
           // Over midnight: the night belongs to the day on which it begins.
           {"mon 22:00-06:00", "mon 22:00", "mon 21:59"},
           {"mon 22:00-06:00", "tue 05:59", "tue 06:00"},
           {"mon 22:00-06:00", "tue 00:00", "mon 05:00"},
           {"mon 22:00-06:00", "mon 23:59", "tue 22:00"},
           {"22:00-06:00", "thu 00:00", "thu 12:00"},
           // Over the week's end.
           {"sun 22:00-06:00", "mon 05:59", "sun 05:59"},
           {"fri-mon", "sun 12:00", "thu 23:59"},
           {"fri-mon", "mon 23:59", "tue 00:00"},
           {"sat-sun 20:00-24:00", "sun 23:59", "mon 00:00"},
           {"mon 00:00-24:00", "mon 00:00", "sun 23:59"},
           {"mon,wed,sat-sun 08:00-09:00", "wed 08:30", "tue 08:30"},
           {"mon 08:00-09:00; tue 10:00-11:00", "tue 10:30", "mon 10:30"},
       }) {
    EXPECT_TRUE(holds(window, inside)) << window << " at " << inside;
    EXPECT_FALSE(holds(window, outside)) << window << " at " << outside;
  }
}

TEST(TimeWindow, NothingIsAlways) {
  EXPECT_TRUE(holds("", "mon 00:00"));
  EXPECT_TRUE(holds("  ", "sun 23:59"));
  EXPECT_TRUE(TimeWindow::parse("")->always());
  EXPECT_FALSE(TimeWindow::parse("mon")->always());
}

TEST(TimeWindow, ItsTextReadsAsItself) {
  EXPECT_EQ(TimeWindow::parse(" mon 08:00-09:00 ;tue ;")->text(), "mon 08:00-09:00; tue");
}

TEST(TimeWindow, RefusesWhatIsNoTime) {
  for (const auto* bad :
       {"moon", "mon-", "mon 8:00-9:00", "mon 08:00", "mon 08:00-08:00", "mon 24:00-06:00",
        "mon 08:00-25:00", "mon 08:60-09:00", "08:00-09:00 mon", "mon;;tue", ";", ",mon",
        "mon 08:00-09:00 tue", "mon 08:00-24:01"}) {
    EXPECT_FALSE(TimeWindow::parse(bad).ok()) << bad;
  }
  EXPECT_EQ(TimeWindow::parse("mon; 25:00-26:00").error_text(),
            "\"25:00-26:00\" is not a time such as \"mon-fri 08:00-18:00\", \"sat,sun\" or "
            "\"22:00-06:00\"");
  for (const auto* bad : {"", "mon", "08:00", "mon 24:00", "mon 08:00-09:00"}) {
    EXPECT_FALSE(week_minute_of(bad).ok()) << bad;
  }
}

// Local time, with summer time.
TEST(WeekClock, IsTheSwitchsOwn) {
  setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  tzset();
  WeekClock clock;
  EXPECT_EQ(clock.minute(0), *week_minute_of("thu 01:00"));  // 1970-01-01
  EXPECT_EQ(clock.minute(59'999), *week_minute_of("thu 01:00"));
  EXPECT_EQ(clock.minute(60'000), *week_minute_of("thu 01:01"));
  EXPECT_EQ(clock.minute(1'783'000'000'000), *week_minute_of("thu 15:46"));  // 2026-07-02 13:46 Z
  EXPECT_EQ(clock.minute(1'796'000'040'000), *week_minute_of("mon 01:54"));  // 2026-11-30 00:54 Z
  unsetenv("TZ");
  tzset();
}

}  // namespace
}  // namespace tandem::routing
