// What the SIP room answers by itself: RFC 3261 §8.2, and what must be dropped without an answer.
#include "controlplane/sip/user_agent.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/phone.h"

namespace tandem::test {
namespace {

using wire::Counter;

class Door : public ::testing::Test, protected sip::TransportListener {
 protected:
  Door() { net.attach(at("10.77.1.2").address, *this); }

  // Sends raw lines (LF becomes CRLF) from 10.77.1.2 and returns the answers' status lines.
  std::vector<std::string> send(std::string_view text, std::string_view from = "10.77.1.2:5060") {
    std::string bytes;
    for (const char c : text) {
      if (c == '\n') bytes += '\r';
      bytes += c;
    }
    answers.clear();
    bob.agent().on_datagram({at("10.77.2.2"), at(from)}, {bytes.data(), bytes.size()});
    net.settle();
    return answers;
  }
  std::string request(std::string_view method, std::string_view extra = {},
                      std::string_view to = "<sip:bob@10.77.2.2>") {
    const auto m = std::string(method);
    return m + " sip:bob@10.77.2.2 SIP/2.0\nVia: SIP/2.0/UDP 10.77.1.2:5060;branch=z9hG4bK" +
           std::to_string(++branch) +
           "\nMax-Forwards: 70\nFrom: <sip:alice@10.77.1.2>;tag=a1\nTo: " + std::string(to) +
           "\nCall-ID: c1@x\nCSeq: 7 " + m + "\n" + std::string(extra) + "Content-Length: 0\n\n";
  }
  void on_datagram(const sip::Path&, std::span<char> bytes) override {
    const std::string_view text(bytes.data(), bytes.size());
    answers.emplace_back(text.substr(0, text.find('\r')));
    last = text;
  }

  using Lines = std::vector<std::string>;
  VirtualNet net;
  Phone bob{net, "10.77.2.2:5060"};
  std::vector<std::string> answers;
  std::string last;
  int branch = 0;
};

TEST_F(Door, OptionsTellsWhatWeCan) {
  EXPECT_EQ(send(request("OPTIONS")), (Lines{"SIP/2.0 200 OK"}));
  EXPECT_NE(last.find("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, "
                      "NOTIFY\r\n"),
            std::string::npos);
  EXPECT_NE(last.find("Accept: application/sdp, multipart/mixed\r\nAccept-Encoding: identity\r\n"
                      "Accept-Language: en\r\nSupported: 100rel\r\n"),
            std::string::npos)
      << last;
}

TEST_F(Door, UnknownAndUnsupportedMethods) {
  EXPECT_EQ(send(request("REGISTER", "Contact: <sip:a@10.77.1.2>\n")),
            (Lines{"SIP/2.0 405 Method Not Allowed"}));
  EXPECT_EQ(send(request("FROBNICATE")), (Lines{"SIP/2.0 501 Not Implemented"}));
}

TEST_F(Door, OutsideOfADialog) {
  // Of a dialog by their nature, and there is none; or nothing that we do outside of one.
  for (const auto* method : {"INFO", "NOTIFY", "UPDATE", "PRACK"}) {
    EXPECT_EQ(send(request(method)), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
  }
  for (const auto* method : {"MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER"}) {
    EXPECT_EQ(send(request(method, "Contact: <sip:a@10.77.1.2>\nRefer-To: <sip:b@x>\n")),
              (Lines{"SIP/2.0 405 Method Not Allowed"}));
    EXPECT_NE(last.find("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"), std::string::npos);
  }
}

// Whom its handler hides from gets no answer to anything, be it well written or not.
TEST_F(Door, SilenceForWhomWeHideFrom) {
  class Hidden final : public sip::CallHandler {
   public:
    bool knows(const sip::Path& path) override { return !hides_from(path); }
    bool hides_from(const sip::Path& path) override {
      return path.remote.address == at("10.77.1.2").address;
    }
    void on_invite(sip::SessionId, sip::InviteSession&, const sip::Message&,
                   const sip::Path&) override {
      ADD_FAILURE() << "a call of somebody who isn't to see us";
    }
  } handler;
  VirtualNet::Port port{net};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{
      .wheel = net.wheel(), .transport = port, .counters = counters, .random = random};
  sip::UserAgent agent(env, handler);
  const auto ask = [&](std::string text, std::string_view from) {
    for (std::size_t i = 0; (i = text.find('\n', i)) != std::string::npos; i += 2) {
      text.insert(i, 1, '\r');
    }
    answers.clear();
    agent.on_datagram({at("10.77.2.2"), at(from)}, {text.data(), text.size()});
    net.settle();
    return answers.size();
  };
  std::uint64_t silent = 0;
  const std::string in_dialog = request("BYE", {}, "<sip:bob@10.77.2.2>;tag=none");
  std::string broken = request("OPTIONS");
  broken.replace(broken.find("CSeq: 7"), 7, "CSeq: x");
  for (const std::string& text :
       {request("OPTIONS"), request("INVITE", "Contact: <sip:a@x>\n"), request("REGISTER"),
        request("CANCEL"), request("MESSAGE"), request("FROBNICATE"), in_dialog, broken}) {
    EXPECT_EQ(ask(text, "10.77.1.2:5060"), 0u) << text;
    EXPECT_EQ(counters.get(Counter::drop_sip_unanswered), ++silent) << text;
  }
  std::string head =
      "OPTIONS sip:b@x SIP/2.0\r\nVia: SIP/2.0/TCP 10.77.1.2;branch=z9hG4bK1\r\n"
      "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: 1\r\n"
      "CSeq: 1 OPTIONS\r\n\r\n";
  agent.on_unframed({at("10.77.2.2"), at("10.77.1.2")}, {head.data(), head.size()}, 413, "");
  net.settle();
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(counters.get(Counter::sip_refused), 0u);
  // Others are answered; the answers go where the Via says, to the same place.
  net.attach(at("10.77.1.3").address, *this);
  for (const std::string& text : {request("OPTIONS"), in_dialog, broken}) {
    EXPECT_EQ(ask(text, "10.77.1.3:5060"), 1u) << text;
  }
}

TEST_F(Door, AnInviteThatCameTwoWaysIsTakenOnce) {
  const std::string invite = request("INVITE", "Contact: <sip:a@10.77.1.2>\n");
  send(invite);
  EXPECT_EQ(bob.events, (std::vector<std::string>{"invite"}));
  EXPECT_EQ(send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n")),
            (Lines{"SIP/2.0 482 Loop Detected"}));
  EXPECT_EQ(bob.events, (std::vector<std::string>{"invite"}));
  // Another attempt is another CSeq (as after a challenge) or another tag.
  for (const auto& [field, with] : {std::pair{"CSeq: 7", "CSeq: 8"}, {"tag=a1", "tag=a2"}}) {
    std::string other = request("INVITE", "Contact: <sip:a@10.77.1.2>\n");
    other.replace(other.find(field), std::string(field).size(), with);
    send(other);
  }
  EXPECT_EQ(bob.events.size(), 3u);
}

TEST_F(Door, AForgottenInviteIsNoCopy) {
  bob.on_call = [](sip::InviteSession& call) { call.finish(486); };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n")).front(),
              "SIP/2.0 486 Busy Here");
    net.run(base::Seconds{70});
  }
}

TEST_F(Door, CancelOfPeersThatForgetTheirBranch) {
  send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n"));
  // A stranger who knows Call-ID, tag and CSeq, or somebody who means another INVITE.
  EXPECT_EQ(send(request("CANCEL"), "10.77.1.3:5060").size(), 0u);  // answered to 10.77.1.3
  EXPECT_NE(net.last("SIP/2.0 481").find("CANCEL"), std::string::npos);
  std::string other = request("CANCEL");
  other.replace(other.find("CSeq: 7"), 7, "CSeq: 6");
  EXPECT_EQ(send(other), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
  EXPECT_EQ(bob.events, (std::vector<std::string>{"invite"}));
  EXPECT_EQ(send(request("CANCEL")), (Lines{"SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"}));
  EXPECT_EQ(bob.events.back(), "cancelled");
  EXPECT_EQ(send(request("CANCEL")), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
}

TEST_F(Door, CancelAfterTheAnswerChangesNothing) {
  bob.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
  send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n"));
  EXPECT_EQ(send(request("CANCEL")), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
  EXPECT_EQ(bob.leg()->state(), sip::InviteSession::State::kAccepted);
}

TEST_F(Door, RequiredExtensionIsNamedBack) {
  EXPECT_EQ(send(request("INVITE", "Contact: <sip:a@10.77.1.2>\nRequire: 100rel, x\n")),
            (Lines{"SIP/2.0 420 Bad Extension"}));
  EXPECT_NE(last.find("Unsupported: x\r\n"), std::string::npos);
}

TEST_F(Door, NoHopsLeft) {
  std::string text = request("INVITE", "Contact: <sip:a@10.77.1.2>\n");
  text.replace(text.find("Max-Forwards: 70"), 16, "Max-Forwards: 0");
  EXPECT_EQ(send(text), (Lines{"SIP/2.0 483 Too Many Hops"}));
}

TEST_F(Door, BodyThatIsNoSessionDescription) {
  std::string text = request("INVITE", "Contact: <sip:a@10.77.1.2>\nContent-Type: text/plain\n");
  text.replace(text.find("Content-Length: 0"), 17, "Content-Length: 2");
  EXPECT_EQ(send(text + "hi"), (Lines{"SIP/2.0 415 Unsupported Media Type"}));
  EXPECT_NE(last.find("Accept: application/sdp, multipart/mixed\r\n"), std::string::npos);
}

TEST_F(Door, WhoTakesNoDescriptionGetsNone) {
  const auto invite = [this](const std::string& lines) {
    bob.events.clear();
    net.run(base::Seconds{70});  // it is no copy of the one before
    return send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n" + lines));
  };
  bob.on_call = [](sip::InviteSession& call) { call.finish(486); };
  for (const auto* refused :
       {"Accept: text/plain\n", "Accept:\n", "Accept: application/pidf+xml\n"}) {
    EXPECT_EQ(invite(refused), (Lines{"SIP/2.0 406 Not Acceptable"})) << refused;
  }
  for (const auto* taken : {"", "Accept: text/plain, Application/SDP;level=1\n", "Accept: */*\n",
                            "Accept: text/plain\nAccept: application/*\n"}) {
    EXPECT_EQ(invite(taken).front(), "SIP/2.0 486 Busy Here") << taken;
  }
}

// RFC 2543 §6.13: its clients may leave the Contact out, and are called back at their From.
TEST_F(Door, AnOldClientNeedsNoContact) {
  bob.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
  std::string text = request("INVITE");
  const auto begin = text.find(";branch=");
  text.erase(begin, text.find('\n', begin) - begin);
  EXPECT_EQ(send(text), (Lines{"SIP/2.0 200 OK"}));
  EXPECT_EQ(bob.leg()->dialog().remote_target, "sip:alice@10.77.1.2");
}

TEST_F(Door, UnknownDialogs) {
  const std::string to = "<sip:bob@10.77.2.2>;tag=nobody";
  EXPECT_EQ(send(request("BYE", {}, to)), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
  EXPECT_EQ(send(request("BYE")), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
  EXPECT_EQ(send(request("CANCEL")), (Lines{"SIP/2.0 481 Call/Transaction Does Not Exist"}));
  EXPECT_EQ(send(request("ACK", {}, to)), Lines{});
  EXPECT_EQ(bob.count(Counter::drop_sip_ack_stray), 1u);
}

// A tag leads to its dialog; whoever guesses where dialogs are still doesn't know one.
TEST_F(Door, AlmostTheRightTagIsNoDialog) {
  bob.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
  send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n"));
  const auto tag_at = last.find("tag=", last.find("\r\nTo:")) + 4;
  const std::string tag = last.substr(tag_at, last.find('\r', tag_at) - tag_at);
  const auto bye_to = [&](std::string_view to_tag) {
    return send(request("BYE", {}, "<sip:bob@10.77.2.2>;tag=" + std::string(to_tag))).front();
  };
  for (const std::size_t digit : {std::size_t{0}, tag.size() / 2 - 1, tag.size() - 1}) {
    std::string almost = tag;
    almost[digit] = almost[digit] == '7' ? '8' : '7';
    EXPECT_EQ(bye_to(almost), "SIP/2.0 481 Call/Transaction Does Not Exist");
  }
  EXPECT_EQ(bye_to(tag.substr(1)), "SIP/2.0 481 Call/Transaction Does Not Exist");
  EXPECT_EQ(bye_to(tag), "SIP/2.0 200 OK");
}

TEST_F(Door, InviteWithoutContact) {
  EXPECT_EQ(send(request("INVITE")), (Lines{"SIP/2.0 400 Bad or Missing Contact"}));
}

TEST_F(Door, GarbageIsCountedAndNotAnswered) {
  EXPECT_EQ(send("nonsense\n\n"), Lines{});
  EXPECT_EQ(send(std::string(300, '\0')), Lines{});
  EXPECT_EQ(bob.count(Counter::drop_sip_malformed), 2u);
  EXPECT_EQ(send("\n\n"), Lines{});
  EXPECT_EQ(bob.count(Counter::sip_keepalive), 1u);
}

TEST_F(Door, StrayResponsesAreCounted) {
  const std::string vias = "Via: SIP/2.0/UDP 10.77.2.2;branch=z9hG4bKx\n";
  const std::string rest =
      "From: <sip:b@x>;tag=1\nTo: <sip:a@x>;tag=2\nCall-ID: z\nCSeq: 1 INVITE\n"
      "Content-Length: 0\n\n";
  EXPECT_EQ(send("SIP/2.0 200 OK\n" + vias + rest), Lines{});
  EXPECT_EQ(send("SIP/2.0 200 OK\n" + vias + vias + rest), Lines{});
  EXPECT_EQ(bob.count(Counter::drop_sip_response_stray), 2u);
}

TEST_F(Door, BrokenRequestGetsItsStatusAndLeavesNothing) {
  std::string text = request("INVITE", "Contact: <sip:a@10.77.1.2>\n");
  text.replace(text.find("SIP/2.0\n"), 8, "SIP/7.0\n");
  EXPECT_EQ(send(text).front().substr(0, 11), "SIP/2.0 505");
  EXPECT_EQ(bob.agent().live_transactions(), 0u);
}

TEST_F(Door, ResponseGoesWhereRportAsks) {
  std::string text = request("OPTIONS");
  text.replace(text.find(";branch"), 7, ";rport;branch");
  send(text, "10.77.1.2:41234");
  EXPECT_NE(last.find(";rport=41234"), std::string::npos);
  EXPECT_EQ(net.log().back().path.remote.port, 41234);
  // Without rport: to the port of sent-by, from wherever it came.
  send(request("OPTIONS"), "10.77.1.2:41234");
  EXPECT_EQ(net.log().back().path.remote.port, 5060);
}

TEST_F(Door, RequestsInADialogThatWeDoNotSpeak) {
  bob.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
  send(request("INVITE", "Contact: <sip:a@10.77.1.2>\n"));
  ASSERT_EQ(answers, (Lines{"SIP/2.0 200 OK"}));
  const auto tag_at = last.find("tag=", last.find("\r\nTo:"));
  const auto to = "<sip:bob@10.77.2.2>;" + last.substr(tag_at, last.find('\r', tag_at) - tag_at);
  // Glare with the unacknowledged 200 (§14.2); then it is somebody's to answer.
  std::string again = request("INVITE", "Contact: <sip:a@10.77.1.2>\n", to);
  again.replace(again.find("CSeq: 7"), 7, "CSeq: 8");
  EXPECT_EQ(send(again).front(), "SIP/2.0 491 Request Pending");
  send(request("ACK", {}, to));
  EXPECT_EQ(bob.events.back(), "acked");
  again = request("INVITE", "Contact: <sip:a@10.77.1.2>\n", to);
  again.replace(again.find("CSeq: 7"), 7, "CSeq: 9");
  EXPECT_EQ(send(again).front(), "SIP/2.0 100 Trying");
  EXPECT_EQ(bob.events.back(), "offer");
  // Another one before the first is settled waits (§14.2).
  again = request("INVITE", "Contact: <sip:a@10.77.1.2>\n", to);
  again.replace(again.find("CSeq: 7"), 7, "CSeq: 10");
  EXPECT_EQ(send(again).front(), "SIP/2.0 500 Server Internal Error");
  EXPECT_NE(last.find("Retry-After: "), std::string::npos);
  bob.leg()->answer_offer(488);
  net.settle();
  EXPECT_EQ(answers.back(), "SIP/2.0 488 Not Acceptable Here");
  // Out of order: below the last CSeq.
  EXPECT_EQ(send(request("INFO", {}, to)).front(), "SIP/2.0 500 Server Internal Error");
  EXPECT_EQ(bob.leg()->state(), sip::InviteSession::State::kConfirmed);
}

}  // namespace
}  // namespace tandem::test
