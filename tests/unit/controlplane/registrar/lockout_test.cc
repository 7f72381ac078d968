// Each rule of the lockout, with the test's own time.
#include "controlplane/registrar/lockout.h"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::registrar {
namespace {

using base::IpAddress;
using base::Nanos;
using base::Seconds;
using wire::Counter;

class LockoutTest : public ::testing::Test {
 protected:
  void make(const std::vector<std::pair<std::string, std::string>>& set = {},
            std::uint32_t records = 1024) {
    config::Parameters parameters;
    for (const auto& [name, value] : set) CHECK(parameters.set(name, value).ok());
    lockout = std::make_unique<Lockout>(
        Lockout::Setup{.rules = parameters,
                       .secret = {1, 2},
                       .spared = [this](const IpAddress& address) { return address == gateway; },
                       .records = records});
  }
  LockoutTest() { make(); }

  Lockout::Turn turn() { return {now, counters}; }
  void fail(const IpAddress& source, int times = 1) {
    for (int i = 0; i < times; ++i) fail_for(source, {++guess, 0});  // never twice for one account
  }
  void fail_for(const IpAddress& source, const AccountKey& account, int times = 1) {
    for (int i = 0; i < times; ++i) {
      lockout->failed(source, {.account = account, .name = "alice@x", .said = ++guess}, turn());
    }
  }
  // For rules of pairs alone.
  void make_for_pairs() { make({{"SS_AUTHENTICATION_MAX_RETRY", "999"}}); }
  void challenge(const IpAddress& source, int times = 1) {
    for (int i = 0; i < times; ++i) lockout->challenged(source, turn());
  }
  bool suspended(const IpAddress& source) { return lockout->suspended(source, now); }
  // The whole table is looked through, as it is within some seconds.
  void sweep() {
    for (int i = 0; i < 20; ++i) {
      now += base::Millis{200};
      lockout->tend(turn());
    }
  }
  std::uint64_t count(Counter counter) const { return counters.get(counter); }
  std::vector<std::string> listed() {
    std::vector<std::string> out;
    lockout->each(now, [&](const Lockout::Suspension& one) {
      out.push_back(one.source.text() + " " + one.account + " " + std::to_string(one.failures) +
                    (one.unanswered ? " unanswered" : ""));
    });
    return out;
  }

  using Lines = std::vector<std::string>;
  const IpAddress attacker = IpAddress::ip4(192, 0, 2, 1);
  const IpAddress other = IpAddress::ip4(192, 0, 2, 2);
  const IpAddress gateway = IpAddress::ip4(192, 0, 2, 3);
  const AccountKey alice{11, 12};
  const AccountKey bob{21, 22};
  Nanos now = Seconds{10'000};
  wire::CounterBlock counters;
  std::uint64_t guess = 0;
  std::unique_ptr<Lockout> lockout;
};

TEST_F(LockoutTest, SixFailuresSuspendAnAddressForThreeMinutes) {
  fail(attacker, 5);
  EXPECT_FALSE(suspended(attacker));
  fail(attacker);
  EXPECT_TRUE(suspended(attacker));
  EXPECT_FALSE(suspended(other));
  EXPECT_EQ(lockout->suspended_until(attacker, now), now + Seconds{180});
  EXPECT_EQ(listed(), (Lines{"192.0.2.1  6"}));
  EXPECT_EQ(count(Counter::sources_suspended), 1u);
  now += Seconds{179};
  EXPECT_TRUE(suspended(attacker));
  now += Seconds{1};
  EXPECT_FALSE(suspended(attacker));
  EXPECT_TRUE(listed().empty());
  // It begins anew.
  fail(attacker, 5);
  EXPECT_FALSE(suspended(attacker));
  fail(attacker);
  EXPECT_TRUE(suspended(attacker));
}

TEST_F(LockoutTest, WhatComesWhileSuspendedDoesNotMakeItLonger) {
  fail(attacker, 6);
  const Nanos until = lockout->suspended_until(attacker, now);
  now += Seconds{100};
  fail(attacker, 10);
  challenge(attacker, 10);
  lockout->succeeded(attacker, alice);
  EXPECT_EQ(lockout->suspended_until(attacker, now), until);
  EXPECT_EQ(count(Counter::sources_suspended), 1u);
}

TEST_F(LockoutTest, NumbersAndTimesAreTheOperators) {
  make({{"SS_AUTHENTICATION_MAX_RETRY", "2"},
        {"SS_AUTHENTICATION_FAILED_SUSPEND", "60"},
        {"SS_ENDPOINT_REGISTER_RETRY", "3"},
        {"SS_ENDPOINT_REGISTER_SUSPEND", "90"}});
  fail_for(attacker, alice, 2);
  EXPECT_EQ(lockout->suspended_until(attacker, now), now + Seconds{60});
  EXPECT_FALSE(lockout->refuses(attacker, alice, now));
  fail_for(attacker, alice);
  EXPECT_TRUE(lockout->refuses(attacker, alice, now + Seconds{89}));
  EXPECT_FALSE(lockout->refuses(attacker, alice, now + Seconds{90}));
}

TEST_F(LockoutTest, ZeroIsNever) {
  make({{"SS_AUTHENTICATION_MAX_RETRY", "0"}, {"SS_ENDPOINT_REGISTER_RETRY", "0"}});
  fail(attacker, 2000);
  fail_for(attacker, alice, 2000);
  challenge(attacker, 2000);
  now += Seconds{60};
  challenge(attacker);
  EXPECT_FALSE(suspended(attacker));
  EXPECT_FALSE(lockout->refuses(attacker, alice, now));
}

TEST_F(LockoutTest, FailuresAreForgottenWhenNoneComesForAsLongAsASuspension) {
  for (int i = 0; i < 20; ++i) {
    fail_for(attacker, alice, 5);
    now += Seconds{181};
  }
  EXPECT_FALSE(suspended(attacker));
  EXPECT_FALSE(lockout->refuses(attacker, alice, now));
  // One each two minutes is one too many some time.
  for (int i = 0; i < 6; ++i) {
    now += Seconds{120};
    fail_for(attacker, alice);
  }
  EXPECT_TRUE(suspended(attacker));
  EXPECT_TRUE(lockout->refuses(attacker, alice, now));
}

TEST_F(LockoutTest, ARightPasswordResetsBothCounts) {
  fail_for(attacker, alice, 5);
  lockout->succeeded(attacker, alice);
  fail_for(attacker, alice, 5);
  EXPECT_FALSE(suspended(attacker));
  EXPECT_FALSE(lockout->refuses(attacker, alice, now));
  make_for_pairs();
  fail_for(attacker, bob, 5);
  lockout->succeeded(attacker, alice);
  fail_for(attacker, bob);  // not this one's password was proven
  EXPECT_TRUE(lockout->refuses(attacker, bob, now));
}

TEST_F(LockoutTest, ARetransmittedGuessIsOneFailure) {
  for (int i = 0; i < 20; ++i) {
    lockout->failed(attacker, {.account = alice, .name = "alice@x", .said = 7}, turn());
  }
  EXPECT_FALSE(suspended(attacker));
  EXPECT_FALSE(lockout->refuses(attacker, alice, now));
}

// An account is suspended where its password was guessed; elsewhere it works, and from there others
// do.
TEST_F(LockoutTest, APairIsAnAccountAndASource) {
  make_for_pairs();
  fail_for(attacker, alice, 6);
  EXPECT_TRUE(lockout->refuses(attacker, alice, now));
  EXPECT_FALSE(lockout->refuses(other, alice, now));
  EXPECT_FALSE(lockout->refuses(attacker, bob, now));
  EXPECT_FALSE(suspended(attacker));
  EXPECT_EQ(listed(), (Lines{"192.0.2.1 alice@x 6"}));
  EXPECT_EQ(count(Counter::pairs_suspended), 1u);
  const Nanos over = now + Seconds{180};
  now += Seconds{100};
  fail_for(attacker, alice, 10);
  lockout->succeeded(attacker, alice);  // elsewhere in SIP: no pardon
  EXPECT_TRUE(lockout->refuses(attacker, alice, over - Nanos{1}));
  EXPECT_FALSE(lockout->refuses(attacker, alice, over));
}

TEST_F(LockoutTest, NamesAreShownAsTheyCanBe) {
  for (int i = 0; i < 6; ++i) {
    const auto number = static_cast<std::uint64_t>(i + 1);
    const std::string name = "a\x1b[2J\n " + std::string(100, 'b');
    lockout->failed(attacker, {.account = alice, .name = name, .said = number}, turn());
  }
  const std::string line = listed().at(1);  // behind the address
  EXPECT_TRUE(line.starts_with("192.0.2.1 a?[2J??bbb")) << line;
  EXPECT_LT(line.size(), 90u);
}

TEST_F(LockoutTest, GatewaysAreNeverSuspendedTheirPairsAre) {
  fail(gateway, 100);
  challenge(gateway, 5000);
  fail_for(gateway, alice, 6);
  now += Seconds{21};
  challenge(gateway);
  EXPECT_FALSE(suspended(gateway));
  EXPECT_TRUE(lockout->refuses(gateway, alice, now));
}

TEST_F(LockoutTest, ASuspendedAddressThatBecomesAGatewaysIsLetGo) {
  bool known = false;
  Lockout mine({.rules = config::Parameters(),
                .secret = {1, 2},
                .spared = [&](const IpAddress&) { return known; },
                .records = 64});
  for (std::uint64_t i = 1; i <= 6; ++i) mine.failed(attacker, {alice, "alice@x", i}, turn());
  mine.take_changes(100);
  known = true;
  for (int i = 0; i < 20; ++i) mine.tend({now += base::Millis{200}, counters});
  EXPECT_FALSE(mine.suspended(attacker, now));
  EXPECT_EQ(mine.take_changes(100), (std::vector<IpAddress>{attacker}));
}

// --- challenges that nobody answers ------------------------------------------------------------

// Each is a failure when a whole window (10 s) has gone by after its own.
TEST_F(LockoutTest, UnansweredChallengesBecomeFailures) {
  challenge(attacker, 6);
  now += Seconds{19};
  challenge(attacker);
  EXPECT_FALSE(suspended(attacker));
  now += Seconds{1};
  challenge(attacker);
  EXPECT_TRUE(suspended(attacker));
  EXPECT_EQ(listed(), (Lines{"192.0.2.1  6 unanswered"}));
}

// Whether anything more comes or not.
TEST_F(LockoutTest, WhoFellSilentIsFoundByTheSweep) {
  challenge(attacker, 100);
  challenge(other, 5);
  sweep();
  EXPECT_FALSE(suspended(attacker));
  now += Seconds{20};
  sweep();
  EXPECT_TRUE(suspended(attacker));
  EXPECT_FALSE(suspended(other));
}

// Looked at late, they are failures of then, not of now.
TEST_F(LockoutTest, OldOnesAreForgottenLikeOtherFailures) {
  challenge(attacker, 100);
  now += Seconds{3600};
  challenge(attacker);
  EXPECT_FALSE(suspended(attacker));
}

TEST_F(LockoutTest, AnswersTakeChallengesBack) {
  for (int i = 0; i < 50; ++i) {
    challenge(attacker, 20);
    for (int k = 0; k < 20; ++k) lockout->answered(attacker, turn());
    now += Seconds{7};
  }
  EXPECT_FALSE(suspended(attacker));
  // Half of them are not enough.
  challenge(attacker, 20);
  for (int k = 0; k < 10; ++k) lockout->answered(attacker, turn());
  now += Seconds{20};
  challenge(attacker);
  EXPECT_TRUE(suspended(attacker));
}

// An office of hundreds of phones behind one address, after a power cut: all ask at once, and then
// all answer, the first of them long after the last was asked.
TEST_F(LockoutTest, AnOfficeThatRegistersAtOnceIsWelcome) {
  challenge(attacker, 800);
  now += Seconds{3};
  for (int i = 0; i < 800; ++i) lockout->succeeded(attacker, {std::uint64_t(i), 1});
  now += Seconds{60};
  sweep();
  challenge(attacker, 5000);
  now += Seconds{60};
  sweep();
  EXPECT_FALSE(suspended(attacker));
}

TEST_F(LockoutTest, ABurstWithoutAnyAnswerIsStoppedAtOnce) {
  challenge(attacker, 1000);
  EXPECT_FALSE(suspended(attacker));
  challenge(attacker);
  EXPECT_TRUE(suspended(attacker));
  EXPECT_EQ(listed(), (Lines{"192.0.2.1  1001 unanswered"}));
  // One that answers is judged at the end of the window.
  challenge(other, 500);
  lockout->answered(other, turn());
  challenge(other, 5000);
  EXPECT_FALSE(suspended(other));
  now += Seconds{20};
  challenge(other);
  EXPECT_TRUE(suspended(other));
}

TEST_F(LockoutTest, UnansweredOnesMayCountForNothing) {
  make({{"TD_AUTHENTICATION_UNANSWERED", "0"}});
  challenge(attacker, 5000);
  now += Seconds{20};
  challenge(attacker, 10);
  EXPECT_FALSE(suspended(attacker));
}

// Who forges the source address of a living phone can't have it suspended: it has proven a password
// within the longest time that a registration lives. After that it is a stranger again.
TEST_F(LockoutTest, WhereAPasswordWasProvenSilenceIsNoFailure) {
  lockout->tend(turn());
  lockout->succeeded(attacker, alice);
  for (int i = 0; i < 360; ++i) {
    challenge(attacker, 1500);
    now += Seconds{10};
    lockout->tend(turn());
  }
  EXPECT_FALSE(suspended(attacker));
  EXPECT_TRUE(lockout->proven(attacker));
  EXPECT_FALSE(lockout->proven(other));
  for (int hours = 0; hours < 2; ++hours) {
    now += Seconds{3600};
    lockout->tend(turn());
  }
  EXPECT_FALSE(lockout->proven(attacker));
  challenge(attacker, 1001);
  EXPECT_TRUE(suspended(attacker));
}

// Whoever has an account of his own there may fail five times between two successes, but at no
// account more than six times in all.
TEST_F(LockoutTest, AnOwnAccountHelpsNobodyToGuessAnothers) {
  for (int i = 0; i < 2; ++i) {
    fail_for(attacker, alice, 4);
    lockout->succeeded(attacker, bob);
  }
  EXPECT_FALSE(suspended(attacker));
  EXPECT_TRUE(lockout->refuses(attacker, alice, now));
  EXPECT_FALSE(lockout->refuses(attacker, bob, now));
}

// Wrong passwords count there all the same.
TEST_F(LockoutTest, WhereAPasswordWasProvenGuessesAreFailures) {
  lockout->succeeded(attacker, alice);
  fail(attacker, 6);
  EXPECT_TRUE(suspended(attacker));
}

// --- room --------------------------------------------------------------------------------------

// However many addresses are forged, those that are suspended stay so, and phones stay proven.
TEST_F(LockoutTest, AFloodOfAddressesPushesNobodyOutOfHisSuspension) {
  make({}, 64);
  fail(attacker, 6);
  lockout->succeeded(other, alice);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    challenge(IpAddress::ip4_raw(0x0a000000 + i));
    fail_for(IpAddress::ip4_raw(0x0a000000 + i), bob);
  }
  EXPECT_TRUE(suspended(attacker));
  EXPECT_TRUE(lockout->proven(other));
  EXPECT_GT(count(Counter::lockout_forgotten), 9000u);
  EXPECT_EQ(count(Counter::lockout_full), 0u);
}

TEST_F(LockoutTest, WhenAllAreSuspendedOthersFindNoRoom) {
  make({{"SS_AUTHENTICATION_MAX_RETRY", "1"}}, 16);
  for (std::uint32_t i = 1; i <= 16; ++i) fail(IpAddress::ip4_raw(i));
  EXPECT_EQ(listed().size(), 16u);
  fail(attacker, 3);
  EXPECT_FALSE(suspended(attacker));
  EXPECT_EQ(count(Counter::lockout_full), 3u);
  now += Seconds{180};
  sweep();
  fail(attacker);
  EXPECT_TRUE(suspended(attacker));
}

// Silence can be forged: it takes no guesser's place.
TEST_F(LockoutTest, ForgedSilenceLeavesRoomForGuessers) {
  make({{"SS_AUTHENTICATION_MAX_RETRY", "1"}}, 16);
  for (std::uint32_t i = 1; i <= 500; ++i) challenge(IpAddress::ip4_raw(i), 2);
  now += Seconds{25};
  sweep();
  EXPECT_EQ(listed().size(), 16u) << "all that there is room for";
  fail(attacker);
  EXPECT_TRUE(suspended(attacker));
}

// One phone of a site has a wrong password: it is shut out, and nobody beside it.
TEST_F(LockoutTest, OneWrongPhoneLosesItselfNotItsSite) {
  lockout->succeeded(attacker, bob);
  for (int i = 0; i < 30; ++i) {
    now += Seconds{20};
    fail_for(attacker, alice);
    EXPECT_FALSE(suspended(attacker)) << i;
  }
  EXPECT_TRUE(lockout->refuses(attacker, alice, now) || count(Counter::pairs_suspended) > 0);
  EXPECT_FALSE(lockout->refuses(attacker, bob, now));
  // Who tries one account after another loses the address all the same.
  fail(attacker, 6);
  EXPECT_TRUE(suspended(attacker));
}

// An own account doesn't wipe out the guesses at others'.
TEST_F(LockoutTest, ARightPasswordForgivesItsOwnAccount) {
  for (int i = 0; i < 2; ++i) {
    fail(attacker, 2);
    fail_for(attacker, bob);
    lockout->succeeded(attacker, bob);
  }
  EXPECT_FALSE(suspended(attacker)) << "four at others";
  fail(attacker, 2);
  EXPECT_TRUE(suspended(attacker));
}

TEST_F(LockoutTest, RememberedMeanwhileSilenceIsNoFailure) {
  challenge(attacker, 6);
  lockout->remember({.address = attacker, .port = 5060});
  now += Seconds{25};
  sweep();
  EXPECT_FALSE(suspended(attacker));
}

TEST_F(LockoutTest, IPv6AddressesAreToldApartByAllTheirOctets) {
  const auto six = *IpAddress::parse("2001:db8::1");
  fail(six, 6);
  EXPECT_TRUE(suspended(six));
  EXPECT_FALSE(suspended(*IpAddress::parse("2001:db8::2")));
  // 192.0.2.1's octets, and then none.
  fail(attacker, 6);
  EXPECT_FALSE(suspended(*IpAddress::parse("c000:201::")));
}

// --- whoever drops them, and the operator ------------------------------------------------------

TEST_F(LockoutTest, TellsWhatChanges) {
  EXPECT_TRUE(lockout->take_changes(100).empty());
  make({{"SS_ENDPOINT_REGISTER_RETRY", "3"}});
  fail(attacker, 6);
  fail_for(other, alice, 3);  // nothing for the dataplane
  EXPECT_EQ(lockout->take_changes(100), (std::vector<IpAddress>{attacker}));
  EXPECT_TRUE(lockout->take_changes(100).empty());
  now += Seconds{181};
  sweep();
  EXPECT_EQ(lockout->take_changes(100), (std::vector<IpAddress>{attacker}));
  EXPECT_EQ(lockout->suspended_until(attacker, now), Nanos{});
}

TEST_F(LockoutTest, TheOperatorForgives) {
  fail_for(attacker, alice, 6);
  fail_for(attacker, bob, 6);
  fail(other, 6);
  lockout->take_changes(100);
  EXPECT_EQ(lockout->lift(gateway), 0u);
  EXPECT_EQ(lockout->lift(attacker), 3u);
  EXPECT_FALSE(suspended(attacker));
  EXPECT_FALSE(lockout->refuses(attacker, alice, now));
  EXPECT_EQ(lockout->take_changes(100), (std::vector<IpAddress>{attacker}));
  EXPECT_EQ(listed(), (Lines{"192.0.2.2  6"}));
  fail(attacker, 5);  // from nothing
  EXPECT_FALSE(suspended(attacker));
  fail(attacker);
  EXPECT_EQ(lockout->lift_all(), 2u);
  EXPECT_TRUE(listed().empty());
  EXPECT_FALSE(suspended(other));
}

// Shards see each other's failures, and nothing is lost between them.
TEST(LockoutThreads, ShardsShareOne) {
  config::Parameters parameters;
  ASSERT_TRUE(parameters.set("SS_AUTHENTICATION_MAX_RETRY", "800").ok());
  Lockout lockout({.rules = parameters,
                   .secret = {1, 2},
                   .spared = [](const IpAddress&) { return false; },
                   .records = 256});
  const IpAddress attacker = IpAddress::ip4(192, 0, 2, 1);
  const Nanos now = Seconds{1000};
  wire::CounterBlock counters[4];
  const auto shard = [&](std::uint64_t number) {
    const Lockout::Turn turn{now, counters[number]};
    for (std::uint64_t i = 0; i < 199 + number % 2; ++i) {
      lockout.failed(attacker, {{number, i}, "x", (number + 1) << 32 | i}, turn);
      lockout.challenged(IpAddress::ip4_raw(static_cast<std::uint32_t>(i + 1)), turn);
      lockout.succeeded(IpAddress::ip4_raw(static_cast<std::uint32_t>(i + 1)), {i, i});
      (void)lockout.suspended(attacker, now);
      if (number == 0) lockout.tend(turn);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t number = 0; number < 4; ++number) threads.emplace_back(shard, number);
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(lockout.suspended(attacker, now));  // 199 + 200 + 199 + 200
  lockout.failed(attacker, {{9, 9}, "x", 1ULL << 60}, {now, counters[0]});
  EXPECT_FALSE(lockout.suspended(attacker, now));
  lockout.failed(attacker, {{9, 9}, "x", 1ULL << 61}, {now, counters[1]});
  EXPECT_TRUE(lockout.suspended(attacker, now));
  EXPECT_EQ(counters[1].get(Counter::sources_suspended), 1u);
}

}  // namespace
}  // namespace tandem::registrar
