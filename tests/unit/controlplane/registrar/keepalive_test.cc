#include "controlplane/registrar/keepalive.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/controlplane/registrar/registered_phones.h"

namespace tandem::registrar {
namespace {

using base::Millis;
using base::Nanos;
using base::Seconds;
using wire::Counter;

// 100 in 100 ms, a period of 10 s: room for 10,000.
class KeepaliveTest : public ::testing::Test {
 protected:
  explicit KeepaliveTest(std::vector<std::pair<std::string, std::string>> set = {})
      : phones([&] {
          set.insert(set.begin(), {{"SS_SIP_NAT_KEEP_ALIVE_PERIOD", "10"},
                                   {"SS_SIP_NAT_KEEP_ALIVE_SEND_INTERVAL", "100"},
                                   {"SS_SIP_NAT_KEEP_ALIVE_SEND_ONE_TIME", "100"}});
          return set;
        }()) {}

  void start(std::uint32_t shards = 1) {
    for (std::uint32_t s = 0; s < shards; ++s) {
      envs.push_back(std::make_unique<sip::Environment>(phones.env));
      envs.back()->shard = s;
      parts.push_back(std::make_unique<Keepalive>(Keepalive::Setup{.env = *envs.back(),
                                                                   .parameters = phones.parameters,
                                                                   .bindings = phones.table,
                                                                   .shards = shards}));
    }
  }
  void run(Nanos duration) {
    for (const Nanos end = phones.wheel.now() + duration; phones.wheel.now() < end;) {
      phones.wheel.advance(phones.wheel.now() + Millis{1});
      for (auto& part : parts) part->tend();
    }
  }
  // How often each phone was served since the last call.
  std::map<std::string, int> served() {
    std::map<std::string, int> out;
    for (const auto& sent : phones.out.sent) ++out[sent.path.remote.text()];
    phones.out.sent.clear();
    return out;
  }
  static std::size_t with_count(const std::map<std::string, int>& all, int count) {
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const auto& one) { return one.second == count; }));
  }
  std::uint64_t count(Counter counter) const { return phones.counters.get(counter); }

  test::RegisteredPhones phones;
  std::vector<std::unique_ptr<sip::Environment>> envs;
  std::vector<std::unique_ptr<Keepalive>> parts;
};

TEST_F(KeepaliveTest, EachPhoneOnceAPeriod) {
  for (std::uint32_t i = 0; i < 500; ++i) phones.add(i);
  for (std::uint32_t i = 500; i < 600; ++i) phones.add(i, false);
  start();
  for (int period = 0; period < 3; ++period) {
    run(Seconds{10});
    const auto all = served();
    EXPECT_EQ(all.size(), 500u) << "those behind NAT";
    EXPECT_EQ(with_count(all, 1), 500u);
  }
  EXPECT_EQ(count(Counter::keepalives_sent), 1500u);
  EXPECT_EQ(count(Counter::keepalives_missed), 0u);
}

TEST_F(KeepaliveTest, SaysItsTextFromWhereThePhoneRegistered) {
  phones.add(7);
  start();
  run(Seconds{1});
  ASSERT_EQ(phones.out.sent.size(), 1u);
  EXPECT_EQ(phones.out.sent[0].text, "HELLO");
  EXPECT_EQ(phones.out.sent[0].path.local.text(), "192.0.2.1:5060");
  EXPECT_EQ(phones.out.sent[0].path.remote, test::RegisteredPhones::address_of(7));
}

TEST_F(KeepaliveTest, CrLfOnConnections) {
  phones.add(1, true, sip::Protocol::kTcp);
  phones.add(2, true, sip::Protocol::kTls);
  start();
  run(Seconds{1});
  ASSERT_EQ(phones.out.sent.size(), 2u);
  for (const auto& sent : phones.out.sent) {
    EXPECT_EQ(sent.text, "\r\n");
    EXPECT_NE(sent.path.flow, 0u) << "on its own connection";
  }
}

TEST_F(KeepaliveTest, LeavesAsAnEvenStream) {
  for (std::uint32_t i = 0; i < 5000; ++i) phones.add(i);
  start();
  run(Seconds{10});
  ASSERT_EQ(phones.out.sent.size(), 5000u);
  std::map<std::int64_t, int> in_10_ms;
  for (const auto& sent : phones.out.sent) ++in_10_ms[sent.at / Millis{10}];
  for (const auto& [window, number] : in_10_ms) EXPECT_LE(number, 12) << "10 would be even";
}

TEST_F(KeepaliveTest, TwoShardsShareThePace) {
  for (std::uint32_t i = 0; i < 9900; ++i) phones.add(i);
  start(2);
  run(Millis{10'100});
  const auto all = served();
  EXPECT_EQ(all.size(), 9900u);
  EXPECT_EQ(with_count(all, 1), 9900u - with_count(all, 2)) << "some are the next period's";
  EXPECT_EQ(count(Counter::keepalives_missed), 0u);
}

// One of them takes its turn five times as often: in a shortage that gives it no more than its
// part.
TEST_F(KeepaliveTest, ShardsHaveTheirPartsInAShortage) {
  for (std::uint32_t i = 0; i < 15'000; ++i) phones.add(i);
  start(2);
  std::map<std::string, int> before;
  for (int period = 0; period < 3; ++period) {
    for (int ms = 0; ms < 10'000; ++ms) {
      phones.wheel.advance(phones.wheel.now() + Millis{1});
      parts[0]->tend();
      if (ms % 5 == 0 || ms % 5 == 2) parts[1]->tend();
    }
    const auto all = served();
    if (period != 0) {
      for (std::uint32_t i = 0; i < 15'000; ++i) {
        const auto phone = test::RegisteredPhones::address_of(i).text();
        ASSERT_TRUE(all.contains(phone) || before.contains(phone)) << "missed twice in a row";
      }
    }
    before = all;
  }
}

// A phone whose connection is gone costs the others nothing.
TEST_F(KeepaliveTest, GoneConnectionsHoldUpNobody) {
  for (std::uint32_t i = 0; i < 9'000; ++i) {
    phones.add(i, true, i % 2 == 0 ? sip::Protocol::kUdp : sip::Protocol::kTcp);
  }
  phones.out.refuses_streams = true;
  start();
  run(Seconds{10});
  EXPECT_EQ(served().size(), 4'500u);
  EXPECT_EQ(count(Counter::keepalives_unsent), 4'500u);
  EXPECT_EQ(count(Counter::keepalives_missed), 0u);
}

// As it is found again after a restart: there is no connection to be tried.
TEST_F(KeepaliveTest, AFormerLifesConnectionIsPassedOver) {
  phones.add(1, true, sip::Protocol::kTcp);
  phones.table.with(test::RegisteredPhones::key_of(1), "u1@example",
                    [](auto& bindings) { bindings[0].way.flow = 0; });
  phones.add(2);
  start();
  run(Seconds{10});
  EXPECT_EQ(phones.out.tries, 1);
  EXPECT_EQ(count(Counter::keepalives_sent), 1u);
}

TEST_F(KeepaliveTest, BeginsWhenAllAreFoundAgain) {
  phones.table.keep_track();
  phones.add(1);
  start();
  run(Seconds{25});
  EXPECT_EQ(phones.out.tries, 0);
  phones.table.all_restored();
  run(Millis{100});
  EXPECT_EQ(served().size(), 1u);
}

TEST_F(KeepaliveTest, GoesOnWhereItStopped) {
  for (std::uint32_t i = 0; i < 15'000; ++i) phones.add(i);
  start();
  run(Seconds{10});
  const auto first = served();
  run(Seconds{10});
  const auto second = served();
  EXPECT_NEAR(static_cast<double>(count(Counter::keepalives_missed)), 5000.0, 110.0);
  std::size_t in_neither = 15'000 - first.size();
  for (const auto& [phone, times] : second) in_neither -= first.contains(phone) ? 0 : 1;
  EXPECT_EQ(in_neither, 0u) << "nobody is missed twice in a row";
  run(Seconds{20});
  EXPECT_LE(count(Counter::keepalives_missed), 3u * 5110u);
}

class RestartOrder : public KeepaliveTest {
 protected:
  RestartOrder() : KeepaliveTest({{"TD_KEEPALIVE_ORDER", "restart"}}) {}
};

TEST_F(RestartOrder, StartsOverFromTheFirst) {
  for (std::uint32_t i = 0; i < 15'000; ++i) phones.add(i);
  start();
  run(Seconds{40});
  const auto all = served();
  EXPECT_NEAR(static_cast<double>(all.size()), 10'000.0, 110.0) << "the tail is never served";
  EXPECT_NEAR(static_cast<double>(count(Counter::keepalives_missed)), 15'000.0, 330.0);
}

TEST_F(KeepaliveTest, WhoComesIsServedAndWhoIsGoneIsNot) {
  for (std::uint32_t i = 0; i < 100; ++i) phones.add(i);
  start();
  run(Seconds{5});
  served();
  phones.table.forget(test::RegisteredPhones::key_of(5));
  phones.add(100);
  run(Seconds{10});
  const auto all = served();
  EXPECT_EQ(all.size(), 100u);
  EXPECT_FALSE(all.contains(test::RegisteredPhones::address_of(5).text()));
  EXPECT_TRUE(all.contains(test::RegisteredPhones::address_of(100).text()));
}

TEST_F(KeepaliveTest, WaitsForRoomOnceThenGoesOn) {
  for (std::uint32_t i = 0; i < 3; ++i) phones.add(i);
  start();
  phones.out.full = true;
  run(Millis{12});
  EXPECT_GT(phones.out.tries, 0);
  phones.out.full = false;
  run(Seconds{1});
  EXPECT_EQ(served().size() + count(Counter::keepalives_unsent), 3u) << "nobody is forgotten";
  EXPECT_GE(count(Counter::keepalives_unsent), 1u);
}

TEST_F(KeepaliveTest, OneTurnWithoutRoomCostsNobody) {
  for (std::uint32_t i = 0; i < 3; ++i) phones.add(i);
  start();
  run(Nanos{Millis{1}});
  phones.out.full = true;
  while (phones.out.tries == static_cast<int>(phones.out.sent.size())) run(Millis{1});
  phones.out.full = false;
  run(Seconds{1});
  EXPECT_EQ(served().size(), 3u);
  EXPECT_EQ(count(Counter::keepalives_unsent), 0u);
}

class NoText : public KeepaliveTest {
 protected:
  NoText() : KeepaliveTest({{"SS_SIP_NAT_KEEP_ALIVE_MESSAGE", ""}}) {}
};

TEST_F(NoText, NothingIsSent) {
  phones.add(1);
  start();
  run(Seconds{30});
  EXPECT_EQ(phones.out.tries, 0);
}

}  // namespace
}  // namespace tandem::registrar
