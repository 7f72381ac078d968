// What both ends of a leg say about its session timer, and when it is due (RFC 4028); no clock but
// the test's.
#include "controlplane/sip/session_timer.h"

#include <gtest/gtest.h>

#include "controlplane/sip/parser.h"

namespace tandem::sip {
namespace {

using base::Nanos;
using base::Seconds;
using Due = SessionTimer::Due;

constexpr Nanos kStart = Seconds{5000};

TimerWords words_of(const std::string& lines) {
  std::string bytes =
      "UPDATE sip:x@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
      "From: <sip:x@x>;tag=x\r\nTo: <sip:x@x>;tag=y\r\nCall-ID: x\r\nCSeq: 1 UPDATE\r\n" +
      lines + "\r\n";
  Message message;
  EXPECT_EQ(Parser::parse({bytes.data(), bytes.size()}, message).verdict, ParseVerdict::kOk);
  return read_timer(message);
}

SessionTimer timer_of(const SessionTimerSettings& settings = {}) {
  SessionTimer timer;
  timer.configure(settings);
  return timer;
}

// The seconds after kStart at which due() next says something else; -1: never.
std::int64_t next_s(const SessionTimer& timer) {
  const auto next = timer.next();
  return next ? std::chrono::duration_cast<Seconds>(*next - kStart).count() : -1;
}

TEST(SessionTimer, ReadsWhatAMessageSays) {
  const auto all =
      words_of("Supported: 100rel, timer\r\nx: 1800 ;refresher=UAS;a=b\r\nMin-SE: 120\r\n");
  EXPECT_EQ(all.interval, Seconds{1800});
  EXPECT_EQ(all.refresher, Refresher::kUas);
  EXPECT_EQ(all.min_se, Seconds{120});
  EXPECT_TRUE(all.supported);
  const auto required = words_of("Require: timer\r\nSession-Expires: 90;refresher=uac\r\n");
  EXPECT_TRUE(required.supported);
  EXPECT_EQ(required.refresher, Refresher::kUac);
  const auto none = words_of("Supported: 100rel\r\n");
  EXPECT_FALSE(none.interval || none.refresher || none.min_se || none.supported);
}

TEST(SessionTimer, NonsenseSaysNothing) {
  for (const char* value : {"0", "soon", "-5", "1.5", ";refresher=uac", "9x"}) {
    EXPECT_FALSE(words_of("Session-Expires: " + std::string(value) + "\r\n").interval) << value;
  }
  EXPECT_FALSE(words_of("Session-Expires: 90;refresher=me\r\n").refresher);
  // Beyond any number: very long.
  EXPECT_EQ(words_of("Session-Expires: 99999999999999999999999\r\n").interval, Seconds{1'000'000});
}

TEST(SessionTimer, OffSaysAndDoesNothing) {
  SessionTimer timer;
  EXPECT_EQ(timer.ask(), "");
  EXPECT_EQ(timer.answer(words_of("Supported: timer\r\nSession-Expires: 90\r\n"), kStart), "");
  timer.answered(words_of("Session-Expires: 90;refresher=uac\r\n"), kStart);
  EXPECT_FALSE(timer.running());
  EXPECT_FALSE(timer.refuses(words_of("Supported: timer\r\nSession-Expires: 1\r\n")));
  EXPECT_EQ(next_s(timer), -1);
}

// --- UAC ---------------------------------------------------------------------------------------

TEST(SessionTimer, AsksForItsIntervalAndOffersToRefresh) {
  EXPECT_EQ(timer_of().ask(), "Session-Expires: 600;refresher=uac\r\nMin-SE: 90\r\n");
}

struct Answer {
  const char* lines;
  std::int64_t interval;  // 0: no timer
  bool ours;
  std::int64_t next;
};

class Answers : public ::testing::TestWithParam<Answer> {};

TEST_P(Answers, DecideWhoRefreshesAndHowOften) {
  SessionTimer timer = timer_of();
  timer.answered(words_of(GetParam().lines), kStart);
  EXPECT_EQ(timer.interval(), Seconds{GetParam().interval});
  EXPECT_EQ(timer.ours(), GetParam().ours);
  EXPECT_EQ(next_s(timer), GetParam().next);
}

INSTANTIATE_TEST_SUITE_P(
    All, Answers,
    ::testing::Values(
        Answer{"Require: timer\r\nSession-Expires: 600;refresher=uac\r\n", 600, true, 300},
        // Shorter than we asked for: as short as it says, below our Min-SE too.
        Answer{"Require: timer\r\nSession-Expires: 60;refresher=uac\r\n", 60, true, 30},
        // Longer than asked for isn't its to grant.
        Answer{"Require: timer\r\nSession-Expires: 9000;refresher=uac\r\n", 600, true, 300},
        // The peer refreshes: 32 s before the end we hang up (§10).
        Answer{"Require: timer\r\nSession-Expires: 600;refresher=uas\r\n", 600, false, 568},
        Answer{"Require: timer\r\nSession-Expires: 60;refresher=uas\r\n", 60, false, 40},
        // It doesn't say who: as we have asked.
        Answer{"Session-Expires: 300\r\n", 300, true, 150},
        // It takes part, and leaves the interval to us.
        Answer{"Supported: timer\r\n", 600, true, 300},
        // It takes no part.
        Answer{"Supported: 100rel\r\n", 0, true, -1}));

TEST(SessionTimer, A422RaisesWhatWeAskForAndStaysRaised) {
  SessionTimer timer = timer_of({.ttl = Seconds{100}});
  EXPECT_FALSE(timer.raise(words_of("")));                 // it doesn't say to what
  EXPECT_FALSE(timer.raise(words_of("Min-SE: 100\r\n")));  // that is what we asked for
  EXPECT_TRUE(timer.raise(words_of("Min-SE: 200\r\n")));
  EXPECT_EQ(timer.ask(), "Session-Expires: 200;refresher=uac\r\nMin-SE: 200\r\n");
  timer.answered(words_of("Session-Expires: 200;refresher=uas\r\n"), kStart);
  // §7.4: whoever refreshes goes on, and the largest Min-SE stays.
  EXPECT_EQ(timer.ask(), "Session-Expires: 200;refresher=uas\r\nMin-SE: 200\r\n");
}

// --- UAS ---------------------------------------------------------------------------------------

struct Question {
  const char* lines;
  const char* answer;
  std::int64_t interval;
  bool ours;
};

class Questions : public ::testing::TestWithParam<Question> {};

TEST_P(Questions, AreAnsweredAsTheRfcSays) {
  SessionTimer timer = timer_of();
  const TimerWords words = words_of(GetParam().lines);
  EXPECT_FALSE(timer.refuses(words));
  EXPECT_EQ(timer.answer(words, kStart), GetParam().answer);
  EXPECT_EQ(timer.interval(), Seconds{GetParam().interval});
  EXPECT_EQ(timer.ours(), GetParam().ours);
}

INSTANTIATE_TEST_SUITE_P(
    All, Questions,
    ::testing::Values(
        // It names nobody: we refresh.
        Question{"Supported: timer\r\nSession-Expires: 300\r\n",
                 "Session-Expires: 300;refresher=uas\r\nRequire: timer\r\n", 300, true},
        Question{"Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n",
                 "Session-Expires: 300;refresher=uac\r\nRequire: timer\r\n", 300, false},
        Question{"Supported: timer\r\nSession-Expires: 300;refresher=uas\r\n",
                 "Session-Expires: 300;refresher=uas\r\nRequire: timer\r\n", 300, true},
        // Longer than ours is made shorter, but not below its Min-SE.
        Question{"Supported: timer\r\nSession-Expires: 1800\r\n",
                 "Session-Expires: 600;refresher=uas\r\nRequire: timer\r\n", 600, true},
        Question{"Supported: timer\r\nSession-Expires: 1800\r\nMin-SE: 900\r\n",
                 "Session-Expires: 900;refresher=uas\r\nRequire: timer\r\n", 900, true},
        // It takes part and asks for nothing.
        Question{"Supported: timer\r\n", "Session-Expires: 600;refresher=uas\r\nRequire: timer\r\n",
                 600, true},
        // A proxy asks for a peer that takes no part: whatever it says, and only we can refresh.
        Question{"Session-Expires: 30;refresher=uac\r\n", "Session-Expires: 30;refresher=uas\r\n",
                 30, true},
        // Nobody asks.
        Question{"Supported: 100rel\r\n", "", 0, true}));

TEST(SessionTimer, RefusesWhatIsTooShortOfWhoCanBeTold) {
  const SessionTimer timer = timer_of();
  EXPECT_TRUE(timer.refuses(words_of("Supported: timer\r\nSession-Expires: 89\r\n")));
  EXPECT_FALSE(timer.refuses(words_of("Supported: timer\r\nSession-Expires: 90\r\n")));
  EXPECT_FALSE(timer.refuses(words_of("Session-Expires: 89\r\n")));
  EXPECT_EQ(timer.min_se(), "90");
}

TEST(SessionTimer, AChangeKeepsWhoRefreshesUnlessItSaysSo) {
  SessionTimer timer = timer_of();
  timer.answer(words_of("Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n"), kStart);
  ASSERT_FALSE(timer.ours());
  EXPECT_EQ(timer.answer(words_of("Supported: timer\r\nSession-Expires: 300\r\n"), kStart),
            "Session-Expires: 300;refresher=uac\r\nRequire: timer\r\n");
  // A change that says nothing of it: we take over, for nothing more may come.
  EXPECT_EQ(timer.answer(words_of(""), kStart), "Session-Expires: 300;refresher=uas\r\n");
  EXPECT_TRUE(timer.ours());
}

// --- the clock ---------------------------------------------------------------------------------

TEST(SessionTimer, RefreshesEachSegmentUntilTheIntervalIsOver) {
  SessionTimer timer = timer_of({.segments = 4, .early_hangup = Seconds{10}});
  timer.answered(words_of("Supported: timer\r\n"), kStart);
  EXPECT_EQ(timer.due(kStart + Seconds{149}), Due::kNothing);
  EXPECT_EQ(timer.due(kStart + Seconds{150}), Due::kRefresh);
  timer.sent(kStart + Seconds{150});  // and nobody answers
  EXPECT_EQ(timer.due(kStart + Seconds{150}), Due::kNothing);
  EXPECT_EQ(next_s(timer), 300);
  timer.sent(kStart + Seconds{300});
  timer.sent(kStart + Seconds{450});
  timer.sent(kStart + Seconds{600});
  EXPECT_EQ(timer.due(kStart + Seconds{609}), Due::kNothing);  // the grace
  EXPECT_EQ(timer.due(kStart + Seconds{610}), Due::kExpired);
}

TEST(SessionTimer, AnAnswerBeginsAnotherInterval) {
  SessionTimer timer = timer_of();
  timer.answered(words_of("Supported: timer\r\n"), kStart);
  timer.sent(kStart + Seconds{300});
  timer.answered(words_of("Session-Expires: 200;refresher=uac\r\n"), kStart + Seconds{301});
  EXPECT_EQ(next_s(timer), 401);
  timer.sent(kStart + Seconds{401});
  EXPECT_EQ(timer.due(kStart + Seconds{501}), Due::kExpired);
  // One that says nothing keeps what was agreed on.
  timer.answered(words_of(""), kStart + Seconds{401});
  EXPECT_EQ(timer.interval(), Seconds{200});
  EXPECT_EQ(next_s(timer), 501);
}

TEST(SessionTimer, PutOffIsDueThen) {
  SessionTimer timer = timer_of();
  timer.answered(words_of("Supported: timer\r\n"), kStart);
  timer.put_off(kStart + Seconds{303});
  EXPECT_EQ(timer.due(kStart + Seconds{302}), Due::kNothing);
  EXPECT_EQ(timer.due(kStart + Seconds{303}), Due::kRefresh);
  timer.stop();
  EXPECT_EQ(timer.due(kStart + Seconds{9999}), Due::kNothing);
}

TEST(SessionTimer, NeverRefreshesMoreThanOnceASecond) {
  SessionTimer timer = timer_of({.segments = 10});
  timer.answered(words_of("Session-Expires: 1;refresher=uac\r\n"), kStart);
  EXPECT_EQ(timer.due(kStart + base::Millis{999}), Due::kNothing);
}

}  // namespace
}  // namespace tandem::sip
