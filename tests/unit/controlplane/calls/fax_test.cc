// Fax in the middle of a call: a re-INVITE that turns the voice into T.38 (m=image, UDPTL), or puts
// it beside it, or is refused.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

std::string fax(const std::string& address, const std::string& port) {
  return "v=0\r\no=x 1 2 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address +
         "\r\nt=0 0\r\nm=image " + port +
         " udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n";
}

class Faxes : public SwitchTest {
 protected:
  void connect() {
    alice.dial("10.77.1.1:5060", "491");
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
    alice.events.clear();
    bob.events.clear();
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }
  // The RTP flow that this party's media arrive at, by where it sends to.
  bool sends_to(std::string_view remote) {
    return std::any_of(flows.begin(), flows.end(),
                       [&](const auto& flow) { return flow.second.remote == at(remote); });
  }
};

TEST_F(Faxes, VoiceBecomesAnImage) {
  connect();
  bob.on_change = [](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", fax("10.77.2.2", "8500"));
  };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", fax("10.77.1.2", "7500")));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"offer 200"}));
  // Both see ports of ours, the very ones that the voice had, and every other line as it was.
  const auto& caller_flow = *flows.begin();
  const auto own = std::to_string(caller_flow.first.second);
  const auto peer = std::to_string(caller_flow.second.peer.port);
  EXPECT_NE(alice.last_body.find("m=image " + own + " udptl t38\r\n"), std::string::npos);
  EXPECT_NE(bob.last_body.find("m=image " + peer + " udptl t38\r\n"), std::string::npos);
  EXPECT_NE(bob.last_body.find("a=T38FaxRateManagement:transferredTCF\r\n"), std::string::npos);
  EXPECT_TRUE(sends_to("10.77.1.2:7500"));
  EXPECT_TRUE(sends_to("10.77.2.2:8500"));
  EXPECT_FALSE(sends_to("10.77.1.2:7501"));  // there is no RTCP beside it
  EXPECT_EQ(flows.size(), 4u);
  hang_up();
  EXPECT_EQ(record()["codec"], "t38");
}

TEST_F(Faxes, ARefusalLeavesTheVoice) {
  connect();
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", fax("10.77.1.2", "7500")));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"offer refused 488"}));
  EXPECT_TRUE(sends_to("10.77.1.2:7000"));
  EXPECT_TRUE(sends_to("10.77.2.2:8000"));
  EXPECT_FALSE(sends_to("10.77.1.2:7500"));
  hang_up();
}

TEST_F(Faxes, AnImageBesideTheVoiceThatStops) {
  connect();
  const std::string stopped = "m=audio 0 RTP/AVP 0\r\n";
  const auto both = [&](const std::string& address, const std::string& port) {
    std::string sdp = fax(address, port);
    return sdp.insert(sdp.find("m=image"), stopped);
  };
  bob.on_change = [&](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", both("10.77.2.2", "8500"));
  };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", both("10.77.1.2", "7500")));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"offer 200"}));
  EXPECT_NE(bob.last_body.find(stopped), std::string::npos);
  EXPECT_EQ(bob.last_body.find("m=image 0 "), std::string::npos);
  EXPECT_TRUE(sends_to("10.77.1.2:7500"));
  EXPECT_TRUE(sends_to("10.77.2.2:8500"));
  EXPECT_EQ(flows.size(), 4u);  // through the ports that the voice had
  // And back to the voice.
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  EXPECT_TRUE(sends_to("10.77.1.2:7000"));
  hang_up();
}

}  // namespace
}  // namespace tandem::test
