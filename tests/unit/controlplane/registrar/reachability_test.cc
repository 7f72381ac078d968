#include "controlplane/registrar/reachability.h"

#include <gtest/gtest.h>

#include <map>

#include "controlplane/sip/parser.h"
#include "drivers/wire/plan.h"
#include "tests/unit/controlplane/raw_party.h"
#include "tests/unit/controlplane/registrar/registered_phones.h"

namespace tandem::registrar {
namespace {

using base::Millis;
using base::Nanos;
using base::Seconds;
using test::field;
using wire::Counter;

class ReachabilityTest : public ::testing::Test {
 protected:
  explicit ReachabilityTest(const std::vector<std::pair<std::string, std::string>>& set =
                                {{"SS_ENDPOINTTIMETOLIVE", "60"}})
      : phones(set) {}

  void run(Nanos duration) {
    for (const Nanos end = phones.wheel.now() + duration; phones.wheel.now() < end;) {
      phones.wheel.advance(phones.wheel.now() + Millis{1});
      part.tend();
    }
  }
  // The first request that was sent to a phone since the last clear().
  std::string asked(std::uint32_t number) {
    for (const auto& sent : phones.out.sent) {
      if (sent.path.remote == test::RegisteredPhones::address_of(number)) return sent.text;
    }
    return {};
  }
  void answer(const std::string& request, const std::string& status) {
    std::string bytes = "SIP/2.0 " + status + "\r\nVia: " + field(request, "Via") +
                        "\r\nFrom: " + field(request, "From") + "\r\nTo: " + field(request, "To") +
                        ";tag=x\r\nCall-ID: " + field(request, "Call-ID") +
                        "\r\nCSeq: " + field(request, "CSeq") + "\r\nContent-Length: 0\r\n\r\n";
    sip::Message message;
    ASSERT_EQ(sip::Parser::parse({bytes.data(), bytes.size()}, message).verdict,
              sip::ParseVerdict::kOk);
    EXPECT_TRUE(part.transactions().receive(message));
  }
  std::uint64_t count(Counter counter) const { return phones.counters.get(counter); }

  test::RegisteredPhones phones;
  Reachability part{{.env = phones.env, .parameters = phones.parameters, .bindings = phones.table}};
};

TEST_F(ReachabilityTest, AsksByOptions) {
  phones.add(7);
  run(Seconds{60});
  const std::string request = asked(7);
  EXPECT_TRUE(request.starts_with("OPTIONS sip:u7@192.168.1.2 SIP/2.0\r\n")) << request;
  EXPECT_EQ(field(request, "To"), "<sip:u7@example>");
  EXPECT_TRUE(field(request, "Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"));
  EXPECT_EQ(field(request, "CSeq"), "1 OPTIONS");
  EXPECT_EQ(field(request, "Max-Forwards"), "70");
}

// Its answer finds the way back to the shard that asked.
TEST_F(ReachabilityTest, ItsNameIsTheShards) {
  phones.add(7);
  for (std::uint32_t shard = 0; shard < 8; ++shard) {
    phones.env.shard = shard;
    Reachability one(
        {.env = phones.env, .parameters = phones.parameters, .bindings = phones.table});
    phones.out.sent.clear();
    while (asked(7).empty()) {
      phones.wheel.advance(phones.wheel.now() + Millis{1});
      one.tend();
    }
    EXPECT_EQ(wire::shard_of_call_id(8, field(asked(7), "Call-ID")), shard);
  }
}

TEST_F(ReachabilityTest, EachPhoneOnceAnIntervalEvenly) {
  for (std::uint32_t i = 0; i < 600; ++i) phones.add(i, i % 2 == 0);
  std::map<std::string, int> times;
  for (int tenth = 0; tenth < 30; ++tenth) {
    run(Seconds{6});
    int fresh = 0;
    for (const auto& sent : phones.out.sent) {
      // A retransmission is the same request.
      if (++times[field(sent.text, "Via") + sent.path.remote.text()] == 1) {
        ++fresh;
        answer(sent.text, "200 OK");
      }
    }
    phones.out.sent.clear();
    EXPECT_NEAR(fresh, 60, 1) << tenth;
  }
  EXPECT_NEAR(static_cast<double>(count(Counter::probes_sent)), 1800, 2);
  EXPECT_EQ(count(Counter::probes_answered), count(Counter::probes_sent));
  EXPECT_EQ(count(Counter::contacts_lost), 0u);
}

// Whoever comes while a round is under way waits for its share of the next one.
TEST_F(ReachabilityTest, ACrowdIsNoBurst) {
  run(Seconds{30});
  for (std::uint32_t i = 0; i < 6000; ++i) phones.add(i);
  run(Seconds{30});
  phones.out.sent.clear();
  for (int second = 0; second < 60; ++second) {
    const auto before = count(Counter::probes_sent);
    run(Seconds{1});
    EXPECT_NEAR(static_cast<double>(count(Counter::probes_sent) - before), 100, 2) << second;
  }
}

TEST_F(ReachabilityTest, AnyAnswerIsLife) {
  for (const auto* status : {"200 OK", "404 Not Found", "500 Server Error", "603 Decline"}) {
    phones.add(1);
    while (asked(1).empty()) run(Millis{1});
    run(Millis{5});
    answer(asked(1), status);
    EXPECT_EQ(count(Counter::contacts_lost), 0u) << status;
    EXPECT_EQ(phones.binding(1).heard, phones.wheel.now());
    phones.out.sent.clear();
    phones.table.forget(test::RegisteredPhones::key_of(1));
  }
}

TEST_F(ReachabilityTest, TellsTheRoundTrip) {
  phones.add(1);
  EXPECT_EQ(phones.binding(1).round_trip_us, 0u);
  while (asked(1).empty()) run(Millis{1});
  run(Millis{23});
  answer(asked(1), "486 Busy Here");
  EXPECT_EQ(phones.binding(1).round_trip_us, 23'000u);
}

TEST_F(ReachabilityTest, SilenceIsOfflineUntilItAnswers) {
  phones.add(1);
  while (asked(1).empty()) run(Millis{1});
  run(Seconds{31});
  EXPECT_FALSE(phones.binding(1).silent) << "it has until timer F";
  EXPECT_GT(phones.out.sent.size(), 5u) << "and is asked again meanwhile";
  run(Seconds{2});
  EXPECT_TRUE(phones.binding(1).silent);
  EXPECT_EQ(count(Counter::contacts_lost), 1u);
  EXPECT_EQ(phones.table.size(), 1u) << "the registration stays";
  phones.out.sent.clear();
  while (asked(1).empty()) run(Millis{1});
  answer(asked(1), "404 Not Found");
  EXPECT_FALSE(phones.binding(1).silent);
  EXPECT_EQ(count(Counter::contacts_back), 1u);
}

TEST_F(ReachabilityTest, NoWayThereIsOffline) {
  phones.add(1, false, sip::Protocol::kTcp);
  while (asked(1).empty()) run(Millis{1});
  sip::Path lost;
  phones.table.look(test::RegisteredPhones::key_of(1),
                    [&](const auto&, const auto& all) { lost = all[0].way; });
  lost.observed = true;
  phones.out.full = true;
  part.transactions().connection_lost(lost, false);
  run(Seconds{1});
  EXPECT_TRUE(phones.binding(1).silent);
}

// Its REGISTER came after the probe: that one's silence says nothing any more.
TEST_F(ReachabilityTest, ARegisterMeanwhileCounts) {
  phones.add(1);
  while (asked(1).empty()) run(Millis{1});
  run(Seconds{20});
  phones.table.with(test::RegisteredPhones::key_of(1), "u1@example",
                    [&](auto& bindings) { bindings[0].heard = phones.wheel.now(); });
  run(Seconds{15});
  EXPECT_FALSE(phones.binding(1).silent);
  EXPECT_EQ(count(Counter::contacts_lost), 0u);
}

TEST_F(ReachabilityTest, WhoIsGoneMeanwhileIsNobodyElse) {
  phones.add(1);
  while (asked(1).empty()) run(Millis{1});
  phones.table.forget(test::RegisteredPhones::key_of(1));
  phones.add(1);
  run(Seconds{33});
  EXPECT_FALSE(phones.binding(1).silent);
}

class Never : public ReachabilityTest {
 protected:
  Never() : ReachabilityTest({{"SS_ENDPOINTTIMETOLIVE", "0"}}) {}
};

TEST_F(Never, NobodyIsAsked) {
  phones.add(1);
  run(Seconds{120});
  EXPECT_EQ(phones.out.tries, 0);
}

}  // namespace
}  // namespace tandem::registrar
