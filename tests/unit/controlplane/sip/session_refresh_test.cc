// Two user agents that keep their session by RFC 4028: who refreshes, by what, and what becomes of
// a refresh that isn't answered as hoped.
#include "controlplane/sip/session_refresh.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/controlplane/phone.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

constexpr const char* kBob = "10.77.2.2:5060";
constexpr sip::SessionTimerSettings kSettings{.ttl = Seconds{100}};

class Refreshes : public ::testing::Test {
 protected:
  Refreshes() {
    for (Phone* phone : {&alice, &bob}) {
      phone->keep_sessions(kSettings);
      phone->on_change = [phone](InviteSession& leg) {
        leg.answer_offer(200, "application/sdp", phone->own_sdp);
      };
    }
    alice.own_sdp = kOffer;
    bob.own_sdp = kAnswer;
    bob.on_call = [](InviteSession& call) { call.accept("application/sdp", kAnswer); };
  }
  void connect() {
    alice.dial(kBob, "100");
    net.settle();
    ASSERT_EQ(bob.events, (Events{"invite", "acked"}));
    alice.events.clear();
    bob.events.clear();
  }
  void hang_up() {
    if (auto* leg = alice.leg()) leg->finish(0);
    net.run(Seconds{70});
    EXPECT_EQ(alice.agent().live_sessions(), 0u);
    EXPECT_EQ(bob.agent().live_sessions(), 0u);
    EXPECT_EQ(net.wheel().live(), 0u);
  }
  // From now on nothing that begins so gets through.
  void lose(const std::string& start) {
    net.lose([start](const VirtualNet::Datagram& d) { return d.bytes.starts_with(start); });
  }

  VirtualNet net;
  Phone alice{net, "10.77.1.2:5060"};
  Phone bob{net, kBob};
};

TEST_F(Refreshes, ByUpdateHalfwayAndForEver) {
  connect();
  EXPECT_EQ(field(net.last("INVITE"), "Session-Expires"), "100;refresher=uac");
  EXPECT_EQ(field(net.last("INVITE"), "Min-SE"), "90");
  EXPECT_EQ(field(net.last("INVITE"), "Supported"), "100rel, timer");
  EXPECT_EQ(field(net.last("SIP/2.0 200"), "Session-Expires"), "100;refresher=uac");
  EXPECT_EQ(field(net.last("SIP/2.0 200"), "Require"), "timer");
  EXPECT_EQ(alice.leg()->session_interval(), Seconds{100});
  EXPECT_EQ(bob.leg()->session_interval(), Seconds{100});
  net.run(Seconds{49});
  EXPECT_EQ(net.count("UPDATE"), 0);
  net.run(Seconds{2});
  ASSERT_EQ(net.count("UPDATE"), 1);
  const std::string update = net.last("UPDATE");
  EXPECT_EQ(field(update, "Session-Expires"), "100;refresher=uac");
  EXPECT_EQ(field(update, "Supported"), "100rel, timer");
  EXPECT_EQ(field(update, "Content-Length"), "0");
  EXPECT_FALSE(field(update, "Contact").empty());
  net.run(Seconds{950});
  EXPECT_EQ(net.count("UPDATE"), 20);
  EXPECT_EQ(alice.count(wire::Counter::session_refreshes), 20u);
  EXPECT_TRUE(alice.events.empty());
  EXPECT_TRUE(bob.events.empty());
  hang_up();
}

TEST_F(Refreshes, ByReInviteWhereThePeerTakesNoUpdate) {
  bob.keep_sessions(kSettings, false);
  connect();
  net.run(Seconds{51});
  EXPECT_EQ(net.count("UPDATE"), 0);
  EXPECT_EQ(bob.events, (Events{"offer", "offer acked"}));
  EXPECT_EQ(bob.last_body, kOffer);
  EXPECT_EQ(alice.events, (Events{"refreshed"}));
  EXPECT_EQ(field(net.last("INVITE"), "Session-Expires"), "100;refresher=uac");
  net.run(Seconds{50});
  EXPECT_EQ(net.count("INVITE"), 3);
  hang_up();
}

TEST_F(Refreshes, NotWithAPeerThatTakesNoPart) {
  bob.timer.reset();
  bob.keep_sessions({});
  bob.timer.reset();
  connect();
  // It says that it does, and then it takes part by our refreshes alone.
  EXPECT_EQ(alice.leg()->session_interval(), Seconds{100});
  hang_up();
  Phone carol{net, "10.77.2.3:5060"};
  carol.on_call = [](InviteSession& call) { call.accept("application/sdp", kAnswer); };
  alice.dial("10.77.2.3:5060", "100");
  net.run(Seconds{300});
  EXPECT_EQ(alice.leg()->session_interval(), Seconds{0});
  EXPECT_EQ(net.count("UPDATE"), 0);
  hang_up();
}

TEST_F(Refreshes, UnansweredOneIsTriedAgainASegmentLaterAndThenTheSessionIsOver) {
  alice.timer =
      sip::SessionTimerSettings{.ttl = Seconds{160}, .segments = 4, .early_hangup = Seconds{5}};
  bob.timer = sip::SessionTimerSettings{.ttl = Seconds{160}, .early_hangup = Seconds{300}};
  connect();
  lose("UPDATE");
  net.run(Seconds{119});
  EXPECT_EQ(alice.count(wire::Counter::session_refreshes), 2u);  // at 40 and 80
  net.run(Seconds{45});
  EXPECT_EQ(alice.count(wire::Counter::session_refreshes), 4u);
  EXPECT_TRUE(alice.events.empty());
  net.run(Seconds{2});  // 160 and 5
  EXPECT_EQ(alice.events, (Events{"expired 0"}));
  EXPECT_EQ(alice.count(wire::Counter::sessions_expired), 1u);
  EXPECT_EQ(bob.events, (Events{"bye"}));
  hang_up();
}

TEST_F(Refreshes, OneThatIsAnsweredInTimeKeepsTheSession) {
  alice.timer = sip::SessionTimerSettings{.ttl = Seconds{160}, .segments = 4};
  bob.timer = alice.timer;
  connect();
  lose("UPDATE");
  net.run(Seconds{79});
  net.lose({});
  net.run(Seconds{300});
  EXPECT_TRUE(alice.events.empty());
  EXPECT_TRUE(bob.events.empty());
  hang_up();
}

TEST_F(Refreshes, WhoWaitsForThePeersRefreshHangsUpALittleEarlier) {
  connect();
  lose("UPDATE");
  net.run(Seconds{67});
  EXPECT_TRUE(bob.events.empty());
  net.run(Seconds{2});  // 100 - 32
  EXPECT_EQ(bob.events, (Events{"expired 0"}));
  EXPECT_EQ(alice.events, (Events{"bye"}));
  hang_up();
}

TEST_F(Refreshes, TooShortAnIntervalIsRefusedAndAskedForAgainLonger) {
  bob.timer = sip::SessionTimerSettings{.ttl = Seconds{300}, .min_se = Seconds{200}};
  alice.dial(kBob, "100");
  net.settle();
  EXPECT_EQ(field(net.last("SIP/2.0 422"), "Min-SE"), "200");
  EXPECT_EQ(alice.events, (Events{"200"}));
  ASSERT_EQ(net.count("INVITE"), 2);
  const std::string again = net.last("INVITE");
  EXPECT_EQ(field(again, "CSeq"), "2 INVITE");
  EXPECT_EQ(field(again, "Session-Expires"), "200;refresher=uac");
  EXPECT_EQ(field(again, "Min-SE"), "200");
  const auto& log = net.log();
  EXPECT_EQ(field(again, "Call-ID"), field(log.front().bytes, "Call-ID"));
  EXPECT_EQ(field(again, "From"), field(log.front().bytes, "From"));
  EXPECT_EQ(body_of(again), kOffer);
  EXPECT_NE(field(again, "Via"), field(log.front().bytes, "Via"));
  EXPECT_EQ(field(net.last("ACK"), "CSeq"), "2 ACK");
  EXPECT_EQ(alice.leg()->session_interval(), Seconds{200});
  net.run(Seconds{101});
  EXPECT_EQ(field(net.last("UPDATE"), "CSeq"), "3 UPDATE");
  hang_up();
}

TEST_F(Refreshes, ASilentOrEndlessOneThatAsksForMoreIsARefusal) {
  RawParty bad{net, "10.77.2.4:5060"};
  alice.dial("10.77.2.4:5060", "100");
  net.settle();
  bad.respond(bad.last("INVITE"), "422 Session Interval Too Small", "t1");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"refused 422"}));
  alice.events.clear();
  alice.dial("10.77.2.4:5060", "100");
  net.settle();
  for (int i = 1; i <= 4; ++i) {
    ASSERT_EQ(field(bad.last("INVITE"), "CSeq"), std::to_string(i) + " INVITE");
    bad.respond(bad.last("INVITE"), "422 Session Interval Too Small", "t" + std::to_string(i), {},
                "Min-SE: " + std::to_string(1000 * i) + "\r\n");
    net.settle();
  }
  EXPECT_EQ(alice.events, (Events{"refused 422"}));
  net.run(Seconds{70});
  EXPECT_EQ(net.wheel().live(), 0u);
}

// The second INVITE can be given up like the first.
TEST_F(Refreshes, CancelAfterA422) {
  bob.timer = sip::SessionTimerSettings{.ttl = Seconds{300}, .min_se = Seconds{200}};
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial(kBob, "100");
  net.settle();
  ASSERT_EQ(alice.events, (Events{"180"}));
  alice.leg()->finish(0);
  net.settle();
  EXPECT_EQ(field(net.last("CANCEL"), "CSeq"), "2 CANCEL");
  EXPECT_EQ(bob.events.back(), "cancelled");
  net.run(Seconds{70});
  EXPECT_EQ(alice.agent().live_sessions(), 0u);
  EXPECT_EQ(net.wheel().live(), 0u);
}

// --- with a peer that says what the test wants -------------------------------------------------

class OddPeers : public Refreshes {
 protected:
  // `lines`: of its 200.
  void answer(const std::string& lines) {
    alice.dial("10.77.2.4:5060", "100");
    net.settle();
    peer.respond(peer.invite, "200 OK", "t", kAnswer, lines);
    net.settle();
    alice.events.clear();
  }
  // How many came, repetitions left out.
  std::size_t asked(const std::string& method) const {
    std::set<std::string> numbers;
    for (const auto& message : peer.got) {
      if (message.starts_with(method))
        numbers.insert(field(message, "Call-ID") + field(message, "CSeq"));
    }
    return numbers.size();
  }
  RawParty peer{net, "10.77.2.4:5060"};
};

constexpr const char* kTimed = "Session-Expires: 100;refresher=uac\r\nRequire: timer\r\n";
constexpr const char* kTimedUpdate =
    "Session-Expires: 100;refresher=uac\r\nRequire: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";

TEST_F(OddPeers, LostDialogEndsAtOnce) {
  for (const char* status : {"481 Call/Transaction Does Not Exist", "408 Request Timeout"}) {
    answer(kTimedUpdate);
    net.run(Seconds{51});
    peer.respond(peer.last("UPDATE"), status, {});
    net.settle();
    EXPECT_EQ(alice.events, (Events{"expired " + std::string(status).substr(0, 3)}));
    net.run(Seconds{70});
  }
  EXPECT_EQ(net.wheel().live(), 0u);
}

TEST_F(OddPeers, ARefreshThatMeetsTheirsIsTriedAgainSoon) {
  answer(kTimedUpdate);
  net.run(Seconds{51});
  ASSERT_EQ(asked("UPDATE"), 1u);
  peer.respond(peer.last("UPDATE"), "491 Request Pending", {});
  net.run(Seconds{2});  // at least 2.1 s, for the Call-ID is ours
  EXPECT_EQ(asked("UPDATE"), 1u);
  net.run(Seconds{3});
  EXPECT_EQ(asked("UPDATE"), 2u);
  peer.respond(peer.last("UPDATE"), "200 OK", {}, {}, kTimedUpdate);
  net.run(Seconds{49});
  EXPECT_EQ(asked("UPDATE"), 2u);
  alice.leg()->finish(0);
  net.run(Seconds{70});
  EXPECT_EQ(net.wheel().live(), 0u);
}

TEST_F(OddPeers, ALongerIntervalIsTakenAtOnce) {
  answer(kTimedUpdate);
  net.run(Seconds{51});
  peer.respond(peer.last("UPDATE"), "422 Session Interval Too Small", {}, {}, "Min-SE: 150\r\n");
  net.run(base::Millis{100});
  ASSERT_EQ(asked("UPDATE"), 2u);
  EXPECT_EQ(field(peer.last("UPDATE"), "Session-Expires"), "150;refresher=uac");
  EXPECT_EQ(field(peer.last("UPDATE"), "Min-SE"), "150");
  // The same once more wouldn't help: the next segment.
  peer.respond(peer.last("UPDATE"), "422 Session Interval Too Small", {}, {}, "Min-SE: 150\r\n");
  net.run(Seconds{30});
  EXPECT_EQ(asked("UPDATE"), 2u);
  alice.leg()->finish(0);
  net.run(Seconds{70});
}

TEST_F(OddPeers, UpdateThatIsNotKnownAfterAllBecomesAReInvite) {
  answer(kTimedUpdate);
  net.run(Seconds{51});
  const std::size_t before = asked("INVITE");
  peer.respond(peer.last("UPDATE"), "405 Method Not Allowed", {});
  net.run(base::Millis{100});
  ASSERT_EQ(asked("INVITE"), before + 1);
  EXPECT_EQ(body_of(peer.last("INVITE")), kOffer);
  peer.respond(peer.last("INVITE"), "200 OK", {}, kAnswer, kTimed);
  net.settle();
  EXPECT_EQ(alice.events, (Events{"refreshed"}));
  EXPECT_EQ(field(peer.last("ACK"), "CSeq"),
            field(peer.last("INVITE"), "CSeq").substr(0, 1) + " ACK");
  alice.leg()->finish(0);
  net.run(Seconds{70});
}

TEST_F(OddPeers, ARefusedReInviteIsTriedAgainASegmentLater) {
  alice.timer = sip::SessionTimerSettings{.ttl = Seconds{100}, .segments = 4};
  answer(kTimed);
  net.run(Seconds{26});
  ASSERT_EQ(asked("INVITE"), 2u);
  peer.respond(peer.last("INVITE"), "488 Not Acceptable Here", {});
  net.run(Seconds{23});
  EXPECT_EQ(asked("INVITE"), 2u);
  net.run(Seconds{2});
  EXPECT_EQ(asked("INVITE"), 3u);
  peer.respond(peer.last("INVITE"), "491 Request Pending", {});
  net.run(Seconds{5});
  EXPECT_EQ(asked("INVITE"), 4u);
  EXPECT_TRUE(alice.events.empty());
  alice.leg()->finish(0);
  peer.respond(peer.last("INVITE"), "200 OK", {}, kAnswer, kTimed);  // crosses the BYE
  net.settle();
  EXPECT_EQ(field(peer.last("ACK"), "CSeq"),
            field(peer.last("INVITE"), "CSeq").substr(0, 1) + " ACK");
  net.run(Seconds{70});
  EXPECT_EQ(alice.agent().live_sessions(), 0u);
  EXPECT_EQ(net.wheel().live(), 0u);
}

TEST_F(OddPeers, ARefreshWaitsForAChangeAndIsSparedByIt) {
  answer(kTimedUpdate);
  net.run(Seconds{49});
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.run(Seconds{4});
  EXPECT_EQ(asked("UPDATE"), 0u);
  peer.respond(peer.last("INVITE"), "200 OK", {}, kAnswer, kTimed);
  net.run(Seconds{49});
  EXPECT_EQ(asked("UPDATE"), 0u);
  net.run(Seconds{2});
  EXPECT_EQ(asked("UPDATE"), 1u);
  alice.leg()->finish(0);
  net.run(Seconds{70});
}

// An UPDATE of ours is no offer, so the peer's change needn't wait for it.
TEST_F(OddPeers, TheirChangePassesOurRefresh) {
  answer(kTimedUpdate);
  net.run(Seconds{51});
  ASSERT_EQ(asked("UPDATE"), 1u);
  peer.request_uri =
      field(peer.invite, "Contact").substr(1, field(peer.invite, "Contact").size() - 2);
  peer.request("INVITE", "t", 1, "Supported: timer\r\n", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events, (Events{"offer"}));
  EXPECT_EQ(field(peer.last("SIP/2.0 200"), "Session-Expires"), "100;refresher=uas");
  alice.leg()->finish(0);
  net.run(Seconds{70});
}

TEST_F(OddPeers, TheirRefreshIsAnsweredAndCounts) {
  answer("Session-Expires: 100;refresher=uas\r\nRequire: timer\r\n");
  peer.request_uri =
      field(peer.invite, "Contact").substr(1, field(peer.invite, "Contact").size() - 2);
  for (int i = 1; i <= 4; ++i) {
    net.run(Seconds{50});
    peer.request("UPDATE", "t", i, "Supported: timer\r\nSession-Expires: 100;refresher=uac\r\n");
    net.settle();
    EXPECT_EQ(field(peer.last("SIP/2.0 200"), "Session-Expires"), "100;refresher=uac");
    EXPECT_EQ(field(peer.last("SIP/2.0 200"), "CSeq"), std::to_string(i) + " UPDATE");
  }
  EXPECT_EQ(asked("UPDATE"), 0u);
  peer.request("UPDATE", "t", 5, "Supported: timer\r\nSession-Expires: 60;refresher=uac\r\n");
  net.settle();
  EXPECT_EQ(field(peer.last("SIP/2.0 422"), "Min-SE"), "90");
  EXPECT_EQ(alice.count(wire::Counter::session_intervals_refused), 1u);
  EXPECT_TRUE(alice.events.empty());
  net.run(Seconds{69});
  EXPECT_EQ(alice.events, (Events{"expired 0"}));
  net.run(Seconds{70});
  EXPECT_EQ(net.wheel().live(), 0u);
}

}  // namespace
}  // namespace tandem::test
