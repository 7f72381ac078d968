// Calls that fork behind the routing gateway (RFC 3261 §§12.1, 13.2.2.4; RFC 3262 §4): early
// dialogs side by side on both legs, and one winner.
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

constexpr const char* kAllow = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\n";

std::string answer_at(int port) {
  std::string sdp = kAnswer;
  return sdp.replace(sdp.find("8000"), 4, std::to_string(port));
}

class Forks : public SwitchTest {
 protected:
  void dial() {
    alice.dial(kSwitch, "491");
    net.settle();
  }
  void progress(const std::string& tag, int rseq, const std::string& body) {
    gateway.respond(gateway.invite, "183 Session Progress", tag, body,
                    kAllow + ("Require: 100rel\r\nRSeq: " + std::to_string(rseq) + "\r\n"));
    net.settle();
  }
  void answer(const std::string& tag, const std::string& body = {}) {
    gateway.respond(gateway.invite, "200 OK", tag, body, kAllow);
    net.settle();
  }
  // The tag of the last such response to the caller.
  std::string caller_tag(std::string_view start) {
    for (auto it = net.log().rbegin(); it != net.log().rend(); ++it) {
      if (it->path.remote == at("10.77.1.2:5060") && it->bytes.starts_with(start)) {
        return tag_of(field(it->bytes, "To"));
      }
    }
    return {};
  }
  Endpoint callee_media() {
    const auto peer = flows.begin()->second.peer;
    return flows.at({peer.address, peer.port}).remote;
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }

  RawParty gateway{net, "10.77.2.2:5060"};
};

TEST_F(Forks, EachAnswerIsAnEarlyDialogOfTheCallers) {
  dial();
  progress("b1", 100, answer_at(8100));
  const std::string first = caller_tag("SIP/2.0 183");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8100"));
  EXPECT_EQ(tag_of(field(gateway.last("PRACK"), "To")), "b1");
  progress("b2", 500, answer_at(8200));
  const std::string second = caller_tag("SIP/2.0 183");
  EXPECT_NE(first, second);
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  EXPECT_EQ(tag_of(field(gateway.last("PRACK"), "To")), "b2");
  EXPECT_EQ(field(gateway.last("PRACK"), "RAck"), "500 1 INVITE");
  EXPECT_EQ(field(gateway.last("PRACK"), "CSeq"), "2 PRACK");  // each has its own count
  progress("b1", 101, {});
  EXPECT_EQ(caller_tag("SIP/2.0 183"), first);
  EXPECT_EQ(field(gateway.last("PRACK"), "CSeq"), "3 PRACK");
  EXPECT_EQ(alice.heard(), (Events{"183", "183", "183"}));
  answer("b1");  // the first wins, without saying its description again
  EXPECT_EQ(caller_tag("SIP/2.0 200"), first);
  EXPECT_EQ(callee_media(), at("10.77.2.2:8100"));
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
  EXPECT_EQ(tag_of(field(gateway.last("BYE"), "To")), "b1");
}

TEST_F(Forks, TheWinnerMayBeOneNeverHeardOf) {
  dial();
  progress("b1", 100, answer_at(8100));
  const std::string first = caller_tag("SIP/2.0 183");
  answer("b9", answer_at(8900));
  EXPECT_NE(caller_tag("SIP/2.0 200"), first);
  EXPECT_EQ(callee_media(), at("10.77.2.2:8900"));
  answer("b1", answer_at(8100));  // too late: hung up, in its own dialog
  EXPECT_EQ(gateway.count("BYE"), 1);
  EXPECT_EQ(tag_of(field(gateway.last("BYE"), "To")), "b1");
  EXPECT_EQ(field(gateway.last("BYE"), "CSeq"), "3 BYE");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8900"));
  hang_up();
}

TEST_F(Forks, AnUnreliableAnswerIsReplacedByThe200s) {
  dial();
  gateway.respond(gateway.invite, "183 Session Progress", "b1", answer_at(8100));
  net.settle();
  answer("b1", answer_at(8150));
  EXPECT_EQ(callee_media(), at("10.77.2.2:8150"));
  hang_up();
}

TEST_F(Forks, MoreThanWeKeepAreLeftAlone) {
  dial();
  for (int i = 0; i < 20; ++i) {
    progress("b" + std::to_string(i), 10, answer_at(8100 + 10 * i));
  }
  EXPECT_EQ(gateway.count("PRACK"), 8);
  EXPECT_EQ(alice.heard().size(), 8u);
  answer("b19", answer_at(8900));
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8900"));
  hang_up();
}

TEST_F(Forks, AForkThatHangsUpLeavesTheOthers) {
  dial();
  progress("b1", 100, answer_at(8100));
  progress("b2", 200, answer_at(8200));
  gateway.request("BYE", "b1", 1);
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"183", "183"}));
  EXPECT_EQ(gateway.count("CANCEL"), 0);
  answer("b2");
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
}

TEST_F(Forks, TheLastForkThatHangsUpEndsTheCall) {
  dial();
  progress("b1", 100, answer_at(8100));
  gateway.request("BYE", "b1", 1);
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 480");
  gateway.respond(gateway.invite, "487 Request Terminated", "b1");
  expect_nothing_left();
}

TEST_F(Forks, AnUpdateStaysInItsFork) {
  dial();
  progress("b1", 100, answer_at(8100));
  progress("b2", 200, answer_at(8200));
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kOffer); };
  gateway.request("UPDATE", "b1", 1, kAllow, answer_at(8110));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer");
  EXPECT_EQ(alice.last_fork, 1);
  EXPECT_EQ(gateway.count("SIP/2.0 200"), 1);
  EXPECT_EQ(callee_media(), at("10.77.2.2:8110"));
  ASSERT_TRUE(alice.leg()->update(2, "application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(tag_of(field(gateway.last("UPDATE"), "To")), "b2");
  // The other one wins before it has answered.
  answer("b1");
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8110"));
  gateway.respond(gateway.last("UPDATE"), "200 OK", "", answer_at(8300));
  net.settle();
  EXPECT_EQ(callee_media(), at("10.77.2.2:8110"));
  hang_up();
}

// INFO and its like, both ways: in the early dialog that stands for the one they came in.
TEST_F(Forks, ARequestStaysInItsFork) {
  const auto ask = [this](int fork) {
    return alice.leg()->relay(Carried("INFO", "X-A: 1\r\n").message, {}, fork);
  };
  const auto to_alice = [this] {
    std::string tag;
    for (const auto& sent : net.log()) {
      if (sent.path.remote == at("10.77.1.2:5060") && sent.bytes.starts_with("INFO")) {
        tag = tag_of(field(sent.bytes, "From"));
      }
    }
    return tag;
  };
  dial();
  progress("b1", 100, answer_at(8100));
  const std::string first = caller_tag("SIP/2.0 183");
  progress("b2", 200, answer_at(8200));
  const std::string second = caller_tag("SIP/2.0 183");
  for (const int fork : {1, 2, 1}) {
    const std::string tag = "b" + std::to_string(fork);
    ASSERT_TRUE(ask(fork));
    net.settle();
    EXPECT_EQ(tag_of(field(gateway.last("INFO"), "To")), tag);
    gateway.respond(gateway.last("INFO"), "200 OK", "", {}, "X-From: " + tag + "\r\n");
    net.settle();
    EXPECT_EQ(alice.events.back(), "answer 200");
    EXPECT_EQ(field(alice.last_response, "X-From"), tag);
  }
  gateway.request("INFO", "b1", 1);
  net.settle();
  EXPECT_EQ(to_alice(), first);
  gateway.request("INFO", "b2", 1);
  net.settle();
  EXPECT_EQ(to_alice(), second);
  EXPECT_EQ(tag_of(field(gateway.last("SIP/2.0 200"), "To")),
            tag_of(field(gateway.invite, "From")));
  // One that has hung up is asked no more, the other still is.
  gateway.request("BYE", "b1", 2);
  net.settle();
  const int before = gateway.count("INFO");
  ASSERT_TRUE(ask(1));
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 500");
  EXPECT_EQ(gateway.count("INFO"), before);
  ASSERT_TRUE(ask(2));
  net.settle();
  EXPECT_EQ(tag_of(field(gateway.last("INFO"), "To")), "b2");
  gateway.respond(gateway.last("INFO"), "200 OK", "");
  answer("b2");
  EXPECT_EQ(caller_tag("SIP/2.0 200"), second);
  ASSERT_TRUE(ask(2));
  net.settle();
  EXPECT_EQ(tag_of(field(gateway.last("INFO"), "To")), "b2");
  gateway.respond(gateway.last("INFO"), "200 OK", "");
  net.settle();
  hang_up();
}

TEST_F(Forks, AStrangersTagFindsNothing) {
  dial();
  progress("b1", 100, answer_at(8100));
  gateway.request("UPDATE", "b7", 1, kAllow, answer_at(8110));
  net.settle();
  EXPECT_EQ(gateway.count("SIP/2.0 481"), 1);
  alice.leg()->finish(487);
  net.settle();
  gateway.respond(gateway.invite, "487 Request Terminated", "b1");
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
