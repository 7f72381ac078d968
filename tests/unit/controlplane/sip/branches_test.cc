// One call of ours to several places at once (RFC 3261 §§16.6, 16.7): who wins, what the others are
// told, and what is said when nobody does.
#include "controlplane/sip/branches.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/unit/controlplane/phone.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;

constexpr const char* kElsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";

class SeveralPlaces : public ::testing::Test {
 protected:
  static std::string address(int number) { return "10.77.2." + std::to_string(10 + number); }

  // Alice calls as many places at once, each with a RawParty.
  void dial(int places, base::Protocol protocol = base::Protocol::kUdp,
            const std::string& offer = kOffer) {
    std::deque<std::string> uris;
    std::vector<sip::InviteTarget> targets;
    for (int i = 0; i < places; ++i) {
      parties.emplace_back(net, address(i));
      uris.push_back("sip:phone" + std::to_string(i) + "@" + address(i));
      targets.push_back({.path = {at("10.77.1.2"), at(address(i)), protocol}, .uri = uris.back()});
      targets.back().path.observed = true;
      targets.back().path.flow =
          protocol == base::Protocol::kUdp ? 0 : 1u + static_cast<unsigned>(i);
    }
    if (places > 1) targets[1].route = "<sip:10.77.2.11;lr>";
    auto [id, made] = alice.agent().make_session(targets[0].path);
    alice.session = id;
    made->listen(&alice, 0);
    ASSERT_TRUE(made->start({.request_uri = uris.front(),
                             .from = "<sip:alice@10.77.1.2>",
                             .to = "<sip:bob@x>",
                             .others = std::span(targets).subspan(1),
                             .hold_ack = offer.empty(),
                             .content_type = "application/sdp",
                             .body = offer}));
    net.settle();
  }
  void say(int party, const std::string& status, const std::string& tag = "t",
           const std::string& headers = {}) {
    RawParty& from = parties[static_cast<std::size_t>(party)];
    const bool answer = status.starts_with("200");
    from.respond(from.invite, status, tag, answer ? kAnswer : "", headers);
    net.settle();
  }
  // As a phone answers its CANCEL.
  void obey(int party) {
    RawParty& from = parties[static_cast<std::size_t>(party)];
    ASSERT_EQ(from.count("CANCEL"), 1) << party;
    from.respond(from.last("CANCEL"), "200 OK", "t");
    say(party, "487 Request Terminated");
  }
  std::string reason(int party) {
    return field(parties[static_cast<std::size_t>(party)].last("CANCEL"), "Reason");
  }
  int count(int party, const std::string& method) {
    return parties[static_cast<std::size_t>(party)].count(method);
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
  }
  void expect_nothing_left() {
    net.run(Seconds{70});
    EXPECT_EQ(alice.agent().live_sessions(), 0u);
    EXPECT_EQ(alice.agent().live_transactions(), 0u);
    EXPECT_EQ(net.wheel().live(), 0u);
  }

  VirtualNet net;
  Phone alice{net, "10.77.1.2:5060"};
  std::deque<RawParty> parties;
};

TEST_F(SeveralPlaces, AreAskedForTheSameCall) {
  dial(3);
  const std::string& first = parties[0].invite;
  std::vector<std::string> branches;
  for (int i = 0; i < 3; ++i) {
    const std::string& invite = parties[static_cast<std::size_t>(i)].invite;
    const std::string uri = "sip:phone" + std::to_string(i) + "@" + address(i);
    EXPECT_TRUE(invite.starts_with("INVITE " + uri + " SIP/2.0\r\n")) << invite;
    for (const char* name : {"Call-ID", "From", "To", "CSeq", "Contact"}) {
      EXPECT_EQ(field(invite, name), field(first, name)) << name;
    }
    EXPECT_EQ(body_of(invite), kOffer);
    EXPECT_EQ(field(invite, "Route"), i == 1 ? "<sip:10.77.2.11;lr>" : "");
    branches.push_back(field(invite, "Via"));
  }
  EXPECT_TRUE(branches[0] != branches[1] && branches[1] != branches[2]);
  alice.leg()->finish(487);
  expect_nothing_left();
}

TEST_F(SeveralPlaces, TheFirstToAnswerWins) {
  dial(3);
  for (int i = 0; i < 3; ++i) say(i, "180 Ringing", "t" + std::to_string(i));
  EXPECT_EQ(alice.events, (Events{"180", "180", "180"}));
  say(1, "200 OK", "t1");
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(alice.leg()->branch_of(alice.last_fork), 1);
  EXPECT_EQ(count(1, "ACK"), 1);
  EXPECT_EQ(count(1, "CANCEL"), 0);
  for (const int loser : {0, 2}) {
    const RawParty& party = parties[static_cast<std::size_t>(loser)];
    EXPECT_EQ(reason(loser), kElsewhere);
    EXPECT_EQ(field(party.last("CANCEL"), "Via"), field(party.invite, "Via"));
    obey(loser);
    EXPECT_EQ(count(loser, "ACK"), 1);
  }
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
  EXPECT_TRUE(parties[1].last("BYE").starts_with("BYE sip:10.77.2.11"));
  EXPECT_EQ(count(0, "BYE") + count(2, "BYE"), 0);
}

// What crosses the CANCEL is acknowledged and hung up, where it came from; its repetitions bring
// the ACK again. That both chose the same tag is no excuse.
TEST_F(SeveralPlaces, WhoAnswersTooLateIsHungUp) {
  dial(3);
  say(0, "180 Ringing");
  say(1, "180 Ringing");
  say(1, "200 OK");
  say(0, "200 OK");
  say(2, "200 OK");
  for (const int late : {0, 2}) {
    EXPECT_EQ(count(late, "ACK sip:" + address(late)), 1);
    EXPECT_EQ(count(late, "BYE sip:" + address(late)), 1);
  }
  EXPECT_EQ(field(parties[0].last("BYE"), "CSeq"), "2 BYE");
  say(0, "200 OK");
  EXPECT_EQ(count(0, "ACK"), 2);
  EXPECT_EQ(count(0, "BYE"), 1);
  say(1, "200 OK");
  EXPECT_EQ(count(1, "ACK"), 2);
  EXPECT_EQ(count(1, "BYE"), 0);
  EXPECT_EQ(alice.events, (Events{"180", "180", "200"}));
  hang_up();
}

// However long the call was, and whatever became of the others.
TEST_F(SeveralPlaces, WhoAnswersAfterTheCallIsHungUp) {
  dial(3, base::Protocol::kTcp);
  alice.agent().on_connection_lost({at("10.77.1.2"), at(address(0)), base::Protocol::kTcp, 1},
                                   false);
  say(1, "200 OK");
  alice.leg()->finish(0);
  net.run(Seconds{2});
  EXPECT_EQ(count(1, "BYE"), 1);
  say(2, "200 OK");
  EXPECT_EQ(count(2, "ACK"), 1);
  EXPECT_EQ(count(2, "BYE"), 1);
  expect_nothing_left();
}

// §9.1: who has said nothing isn't cancelled until it does, but not asked again either.
TEST_F(SeveralPlaces, ASilentLoserIsCancelledWhenItIsHeard) {
  dial(2);
  say(0, "200 OK");
  net.run(Seconds{5});
  EXPECT_EQ(count(1, "INVITE"), 1);
  EXPECT_EQ(count(1, "CANCEL"), 0);
  alice.leg()->finish(0, "Q.850;cause=16");
  net.run(Seconds{1});
  say(1, "180 Ringing");
  EXPECT_EQ(reason(1), kElsewhere);
  obey(1);
  expect_nothing_left();
}

TEST_F(SeveralPlaces, AllAreCancelled) {
  dial(3);
  say(0, "180 Ringing");
  say(1, "100 Trying", {});
  alice.leg()->finish(487, "Q.850;cause=31");
  net.settle();
  EXPECT_EQ(reason(0), "Q.850;cause=31");
  EXPECT_EQ(count(2, "CANCEL"), 0);
  obey(0);
  obey(1);
  say(2, "180 Ringing");
  EXPECT_EQ(reason(2), "Q.850;cause=31");
  say(2, "200 OK");  // crossing it
  EXPECT_EQ(count(2, "ACK"), 1);
  EXPECT_EQ(count(2, "BYE"), 1);
  EXPECT_EQ(alice.events, (Events{"180", "100"}));
  expect_nothing_left();
}

TEST_F(SeveralPlaces, ARefusalLeavesTheOthers) {
  dial(2);
  say(0, "180 Ringing");
  say(0, "486 Busy Here");
  say(1, "180 Ringing", "u");
  EXPECT_EQ(count(0, "ACK"), 1);
  EXPECT_EQ(alice.events, (Events{"180", "180"}));
  // Its early dialog is gone: what still comes out of it finds none.
  parties[0].request("INFO", "t", 1);
  net.settle();
  EXPECT_EQ(count(0, "SIP/2.0 481"), 1);
  EXPECT_TRUE(alice.ask("INFO"));
  net.settle();
  EXPECT_EQ(count(1, "INFO"), 1);
  EXPECT_EQ(alice.leg()->branch_status(0), 486);
  EXPECT_EQ(alice.leg()->branch_status(1), 0);
  say(1, "200 OK");
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
}

struct Best {
  std::vector<std::string> said;  // empty: nothing, until it is given up
  std::string told;
  int by;
};
class BestResponse : public SeveralPlaces, public ::testing::WithParamInterface<Best> {};

// §16.7 step 6.
TEST_P(BestResponse, IsTheAnswer) {
  const Best& row = GetParam();
  dial(static_cast<int>(row.said.size()));
  std::vector<std::string> told;
  for (int i = 0; i < static_cast<int>(row.said.size()); ++i) {
    EXPECT_TRUE(alice.events.empty()) << "before all have ended";
    const std::string& status = row.said[static_cast<std::size_t>(i)];
    if (!status.empty()) say(i, status + " Said", "t", "X-By: " + std::to_string(i) + "\r\n");
  }
  // One that nobody waits for any longer is dropped at once.
  if (auto* leg = alice.leg()) leg->drop_silent();
  EXPECT_EQ(alice.events, (Events{row.told}));
  const bool silent = row.said[static_cast<std::size_t>(row.by)].empty();
  EXPECT_EQ(field(alice.last_response, "X-By"), silent ? "" : std::to_string(row.by));
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BestResponse,
    ::testing::Values(
        Best{{"486", "480"}, "refused 486", 0}, Best{{"480", "486"}, "refused 480", 0},
        Best{{"500", "486"}, "refused 486", 1}, Best{{"302", "486"}, "refused 486", 1},
        Best{{"401", "486"}, "refused 486", 1}, Best{{"407", "486"}, "refused 486", 1},
        Best{{"415", "486"}, "refused 486", 1}, Best{{"420", "486"}, "refused 486", 1},
        Best{{"302", "404"}, "refused 404", 1}, Best{{"502", "500"}, "refused 500", 1},
        Best{{"", "401"}, "refused 401", 1}, Best{{"500", "302"}, "refused 302", 1},
        Best{{"404", "484"}, "refused 484", 1}, Best{{"503", "500"}, "refused 500", 1},
        Best{{"503", "404"}, "refused 404", 1}, Best{{"482", "486"}, "refused 486", 1},
        Best{{"", "486"}, "refused 486", 1}, Best{{"486", "", "480"}, "refused 486", 0},
        Best{{"408", "480"}, "refused 480", 1}, Best{{"", "500"}, "refused 408", 0},
        Best{{"", ""}, "refused 408", 0}, Best{{"302", "486", "600"}, "refused 600", 2},
        Best{{"486", "603"}, "refused 603", 1}));

// A 6xx speaks for all (§16.7 step 5): who rings is cancelled and waited for, who is silent isn't.
TEST_F(SeveralPlaces, ADeclineEndsTheOthers) {
  dial(3);
  say(0, "180 Ringing");
  say(1, "603 Decline");
  EXPECT_EQ(alice.events, (Events{"180"}));
  obey(0);
  EXPECT_EQ(alice.events, (Events{"180", "refused 603"}));
  say(2, "200 OK");
  EXPECT_EQ(count(2, "ACK"), 1);
  EXPECT_EQ(count(2, "BYE"), 1);
  expect_nothing_left();
}

TEST_F(SeveralPlaces, AnAnswerThatCrossesADeclineStillWins) {
  dial(2);
  say(0, "180 Ringing");
  say(1, "603 Decline");
  EXPECT_EQ(count(0, "CANCEL"), 1);
  say(0, "200 OK");
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(count(0, "BYE"), 0);
  hang_up();
}

TEST_F(SeveralPlaces, WhoNeverObeysACancelIsForgotten) {
  dial(2);
  say(0, "180 Ringing");
  say(1, "603 Decline");
  net.run(Seconds{33});
  EXPECT_EQ(alice.events.back(), "refused 603");
  expect_nothing_left();
}

TEST_F(SeveralPlaces, ALostConnectionIsOneFailure) {
  dial(2, base::Protocol::kTcp);
  say(0, "180 Ringing");
  const sip::Path lost{at("10.77.1.2"), at(address(0)), base::Protocol::kTcp, 1};
  alice.agent().on_connection_lost(lost, false);
  EXPECT_EQ(alice.events, (Events{"180"}));
  EXPECT_EQ(alice.leg()->branch_status(0), 408);
  say(1, "486 Busy Here");
  EXPECT_EQ(alice.events.back(), "refused 486");
  expect_nothing_left();
}

// Timer B of one.
TEST_F(SeveralPlaces, ASilentOneTimesOutAlone) {
  dial(2);
  say(0, "180 Ringing");
  net.run(Seconds{33});
  EXPECT_EQ(alice.leg()->branch_status(1), 408);
  say(0, "200 OK");
  EXPECT_EQ(alice.events, (Events{"180", "200"}));
  hang_up();
}

TEST_F(SeveralPlaces, ADroppedOneCannotWin) {
  dial(2);
  say(0, "180 Ringing");
  say(1, "180 Ringing");
  alice.leg()->drop(0);
  net.settle();
  EXPECT_EQ(count(0, "CANCEL"), 1);
  say(0, "200 OK");
  EXPECT_EQ(count(0, "BYE"), 1);
  EXPECT_EQ(alice.events, (Events{"180", "180"}));
  say(1, "200 OK");
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
}

TEST_F(SeveralPlaces, EachHasItsEarlyDialogs) {
  dial(2);
  const std::string reliable = "Require: 100rel\r\nRSeq: 7\r\n";
  say(0, "183 Session Progress", "same", reliable);
  const int first = alice.last_fork;
  say(1, "183 Session Progress", "same", reliable);
  EXPECT_NE(alice.last_fork, first);
  for (const int i : {0, 1}) {
    EXPECT_EQ(count(i, "PRACK sip:" + address(i)), 1) << i;
    EXPECT_EQ(field(parties[static_cast<std::size_t>(i)].last("PRACK"), "RAck"), "7 1 INVITE");
  }
  EXPECT_EQ(alice.leg()->branch_of(first), 0);
  say(1, "200 OK", "same");
  EXPECT_EQ(alice.leg()->branch_of(alice.last_fork), 1);
  hang_up();
  EXPECT_EQ(count(1, "BYE"), 1);
  EXPECT_EQ(count(0, "BYE"), 0);
}

// The answer to its offer didn't reach one: that one is without an agreement, the others aren't.
TEST_F(SeveralPlaces, ARefusedPrackIsOneFailure) {
  dial(2, base::Protocol::kUdp, {});
  for (RawParty& party : parties) {
    party.answers_prack = false;
    party.respond(party.invite, "183 Session Progress", "t", kAnswer,
                  "Require: 100rel\r\nRSeq: 1\r\n");
    net.settle();
    alice.leg()->prack(alice.last_fork, "application/sdp", kOffer);
    net.settle();
    ASSERT_EQ(party.count("PRACK"), 1);
  }
  parties[0].respond(parties[0].last("PRACK"), "500 No", "");
  parties[1].respond(parties[1].last("PRACK"), "200 OK", "");
  net.settle();
  EXPECT_EQ(alice.leg()->branch_status(0), 500);
  obey(0);
  EXPECT_EQ(alice.events, (Events{"183", "183"}));
  say(1, "200 OK");
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
}

// Out of its early dialog: it won't answer, the other one still may.
TEST_F(SeveralPlaces, OneThatHangsUpLeavesTheOthers) {
  dial(2);
  say(0, "180 Ringing", "a");
  parties[0].request("BYE", "a", 1);
  net.settle();
  EXPECT_EQ(count(0, "CANCEL"), 1);
  EXPECT_EQ(alice.events, (Events{"180"}));
  say(1, "180 Ringing", "b");
  parties[1].request("BYE", "b", 1);
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 480");
  EXPECT_EQ(count(1, "CANCEL"), 1);
  expect_nothing_left();
}

// The best refusal counts, whoever speaks last.
TEST_F(SeveralPlaces, WhoHangsUpSaysLessThanWhoRefuses) {
  for (const bool refused_first : {true, false}) {
    alice.events.clear();
    parties.clear();
    dial(2);
    say(0, "180 Ringing", "a");
    if (refused_first) say(1, "486 Busy Here");
    parties[0].request("BYE", "a", 1);
    net.settle();
    if (!refused_first) say(1, "486 Busy Here");
    EXPECT_EQ(alice.events, (Events{"180", "refused 486"})) << refused_first;
    expect_nothing_left();
  }
}

TEST_F(SeveralPlaces, AsManyAsThereMayBeRingAtOnce) {
  dial(20);
  for (int i = 0; i < 16; ++i) {
    say(i, "183 Session Progress", std::to_string(i), "Require: 100rel\r\nRSeq: 1\r\n");
    EXPECT_EQ(count(i, "PRACK"), 1) << i;
  }
  for (int i = 16; i < 20; ++i) EXPECT_EQ(count(i, "INVITE"), 0) << i;
  for (int i = 0; i < 16; ++i) say(i, "200 OK", std::to_string(i));
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(count(0, "BYE"), 0);
  for (int i = 1; i < 16; ++i) EXPECT_EQ(count(i, "BYE"), 1) << i;
  hang_up();
}

// One that forks further takes nobody's place.
TEST_F(SeveralPlaces, OneOfManyForksLeavesRoomForTheOthers) {
  dial(3);
  const std::string reliable = "Require: 100rel\r\nRSeq: 1\r\n";
  for (int i = 0; i < 20; ++i) say(0, "183 Session Progress", std::to_string(i), reliable);
  EXPECT_EQ(count(0, "PRACK"), 8);
  for (const int i : {1, 2}) {
    say(i, "183 Session Progress", "x", reliable);
    EXPECT_EQ(count(i, "PRACK"), 1) << i;
  }
  alice.leg()->finish(487);
  for (int i = 0; i < 3; ++i) say(i, "487 Request Terminated", "0");
  expect_nothing_left();
}

TEST_F(SeveralPlaces, ManyThatForkLeaveRoomForTheOthers) {
  dial(3);
  for (int i = 0; i < 8; ++i) say(0, "180 Ringing", "a" + std::to_string(i));
  for (int i = 0; i < 8; ++i) say(1, "180 Ringing", "b" + std::to_string(i));
  EXPECT_EQ(alice.events.size(), 9u);
  say(2, "180 Ringing", "c");
  EXPECT_EQ(alice.events.size(), 10u);
  say(2, "200 OK", "c");
  for (int i = 0; i < 10; ++i) say(0, "200 OK", "a" + std::to_string(i));
  for (int i = 0; i < 10; ++i) say(1, "200 OK", "b" + std::to_string(i));
  EXPECT_EQ(count(0, "BYE"), 8);
  EXPECT_EQ(count(1, "BYE"), 1);
  hang_up();
}

// What the first one can do is nothing that the second one has said.
TEST_F(SeveralPlaces, EachHasItsAllow) {
  dial(2);
  say(0, "100 Trying", "", "Allow: INVITE, ACK, BYE, UPDATE\r\n");
  say(1, "180 Ringing", "b");
  EXPECT_FALSE(alice.leg()->allows_update(alice.last_fork));
  say(0, "180 Ringing", "a", "Allow: INVITE, ACK, BYE, UPDATE\r\n");
  EXPECT_TRUE(alice.leg()->allows_update(alice.last_fork));
  alice.leg()->finish(487);
  for (int i = 0; i < 2; ++i) say(i, "487 Request Terminated", i == 0 ? "a" : "b");
  expect_nothing_left();
}

TEST_F(SeveralPlaces, ALateAnswerWithoutContactIsHungUpWhereItWasAsked) {
  dial(3);
  say(0, "180 Ringing");
  say(1, "200 OK");
  parties[0].contact = parties[2].contact = "*";
  for (const int late : {0, 2}) {
    say(late, "200 OK");
    EXPECT_EQ(count(late, "ACK sip:"), 1) << late;
    EXPECT_EQ(count(late, "BYE sip:"), 1) << late;
    const std::string bye = parties[static_cast<std::size_t>(late)].last("BYE");
    EXPECT_EQ(tag_of(field(bye, "To")), "t");
  }
  EXPECT_EQ(count(2, "BYE sip:phone2@10.77.2.12 "), 1);
  hang_up();
}

TEST_F(SeveralPlaces, ALateAnswerWithoutATagIsCounted) {
  dial(2);
  say(1, "200 OK");
  const auto before = alice.count(wire::Counter::drop_sip_malformed);
  say(0, "200 OK", "");
  EXPECT_EQ(alice.count(wire::Counter::drop_sip_malformed), before + 1);
  EXPECT_EQ(count(0, "ACK") + count(0, "BYE"), 0);
  hang_up();
}

TEST_F(SeveralPlaces, AnAnswerWithoutContactEndsThem) {
  dial(3);
  say(0, "180 Ringing");
  parties[1].contact = "*";
  say(1, "200 OK");
  EXPECT_EQ(alice.events.back(), "refused 502");
  EXPECT_EQ(alice.leg()->refused_branch(), 1);
  EXPECT_EQ(count(1, "ACK"), 1);
  EXPECT_EQ(count(1, "BYE"), 1);
  EXPECT_EQ(reason(0), "") << "nothing was completed elsewhere";
  obey(0);
  say(2, "180 Ringing");
  EXPECT_EQ(reason(2), "");
  obey(2);
  expect_nothing_left();
}

// As when it gives up waiting for who was cancelled.
TEST_F(SeveralPlaces, WhoHasDeclinedIsToldWithoutTheOthers) {
  dial(3);
  say(0, "180 Ringing");
  EXPECT_FALSE(alice.leg()->drop_declined());
  say(1, "603 Decline");
  EXPECT_EQ(alice.events, (Events{"180"}));
  EXPECT_TRUE(alice.leg()->drop_declined());
  EXPECT_EQ(alice.events.back(), "refused 603");
  EXPECT_FALSE(alice.last_response.empty());
  obey(0);
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
