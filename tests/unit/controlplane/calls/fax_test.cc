// Fax in the middle of a call: a re-INVITE that turns the voice into T.38 (m=image, UDPTL), or puts
// it beside it, or is refused; and other sections that come and go.
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

// A voice, and further sections.
std::string voice_and(const std::string& address, const std::string& port,
                      const std::string& sections) {
  return "v=0\r\no=x 1 2 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address +
         "\r\nt=0 0\r\nm=audio " + port + " RTP/AVP 0\r\n" + sections;
}
std::string image(const std::string& port) { return "m=image " + port + " udptl t38\r\n"; }

class Sections : public Faxes {
 protected:
  // What a party sees of the n-th section.
  static std::uint16_t port_of(const Phone& phone, std::size_t section) {
    const auto description = sdp::parse(phone.last_body);
    EXPECT_TRUE(description.ok());
    return description->media.at(section).port;
  }
  void answer_with(Phone& phone, const std::string& sdp) {
    phone.on_change = [sdp](InviteSession& leg) { leg.answer_offer(200, "application/sdp", sdp); };
  }
  void change(Phone& phone, const std::string& sdp) {
    ASSERT_TRUE(phone.leg()->offer("application/sdp", sdp));
    net.settle();
  }
};

TEST_F(Sections, AnImageBesideTheVoice) {
  connect();
  answer_with(bob, voice_and("10.77.2.2", "8000", image("8500")));
  change(alice, voice_and("10.77.1.2", "7000", image("7500")));
  EXPECT_EQ(alice.events, (Events{"offer 200"}));
  EXPECT_EQ(flows.size(), 8u);
  EXPECT_NE(port_of(bob, 1), 0);
  EXPECT_NE(port_of(bob, 1), port_of(bob, 0));
  EXPECT_NE(port_of(alice, 1), 0);
  EXPECT_EQ(flows.at({0, port_of(alice, 1)}).remote, at("10.77.1.2:7500"));
  EXPECT_EQ(flows.at({1, port_of(bob, 1)}).remote, at("10.77.2.2:8500"));
  EXPECT_EQ(flows.at({1, port_of(bob, 1)}).kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(flows.at({0, port_of(alice, 0)}).kind, wire::FlowKind::kRtp);
  EXPECT_EQ(flows.at({0, port_of(alice, 0)}).remote, at("10.77.1.2:7000"));
  // It is taken away, and comes again from the other side.
  answer_with(bob, voice_and("10.77.2.2", "8000", image("0")));
  change(alice, voice_and("10.77.1.2", "7000", image("0")));
  EXPECT_EQ(flows.size(), 4u);
  EXPECT_EQ(ports.free_places(), 18u);
  EXPECT_TRUE(sends_to("10.77.1.2:7000"));
  answer_with(alice, voice_and("10.77.1.2", "7000", image("7600")));
  change(bob, voice_and("10.77.2.2", "8000", image("8600")));
  EXPECT_EQ(bob.events.back(), "offer 200");
  EXPECT_EQ(flows.size(), 8u);
  EXPECT_TRUE(sends_to("10.77.1.2:7600"));
  EXPECT_TRUE(sends_to("10.77.2.2:8600"));
  hang_up();
}

TEST_F(Sections, AnAnswerMayTakeTheImageAndLeaveTheVoice) {
  connect();
  answer_with(bob, voice_and("10.77.2.2", "0", image("8500")));
  change(alice, voice_and("10.77.1.2", "7000", image("7500")));
  EXPECT_EQ(port_of(alice, 0), 0);
  const auto here = port_of(alice, 1);
  EXPECT_EQ(flows.at({0, here}).remote, at("10.77.1.2:7500"));
  EXPECT_EQ(flows.at({1, flows.at({0, here}).peer.port}).remote, at("10.77.2.2:8500"));
  EXPECT_EQ(flows.at({1, port_of(bob, 1)}).remote, at("10.77.2.2:8500"));
  hang_up();
}

TEST_F(Sections, ARefusalTakesBackWhatWasOffered) {
  connect();
  bob.on_change = [this](InviteSession& leg) {
    work();
    EXPECT_EQ(flows.size(), 8u);
    leg.answer_offer(488);
  };
  change(alice, voice_and("10.77.1.2", "7000", image("7500")));
  EXPECT_EQ(alice.events, (Events{"offer refused 488"}));
  EXPECT_EQ(flows.size(), 4u);
  EXPECT_EQ(ports.free_places(), 18u);
  answer_with(bob, voice_and("10.77.2.2", "8000", image("0")));  // an answer may refuse it too
  change(alice, voice_and("10.77.1.2", "7000", image("7500")));
  EXPECT_EQ(alice.events.back(), "offer 200");
  EXPECT_EQ(port_of(alice, 1), 0);
  EXPECT_EQ(flows.size(), 4u);
  hang_up();
}

TEST_F(Sections, OfALateOffer) {
  connect();
  answer_with(bob, voice_and("10.77.2.2", "8000", image("8500")));
  ASSERT_TRUE(alice.leg()->offer({}, {}));
  net.settle();
  EXPECT_NE(port_of(alice, 1), 0);
  alice.leg()->ack_offer("application/sdp", voice_and("10.77.1.2", "7000", image("7500")));
  net.settle();
  EXPECT_NE(port_of(bob, 1), 0);
  EXPECT_EQ(flows.size(), 8u);
  EXPECT_TRUE(sends_to("10.77.1.2:7500"));
  EXPECT_TRUE(sends_to("10.77.2.2:8500"));
  hang_up();
}

TEST_F(Sections, NoMoreThanTheLimitAndNoMoreThanThereArePorts) {
  connect();
  std::string many;
  for (int i = 0; i < 5; ++i) many += "m=video 7" + std::to_string(i) + "00 RTP/AVP 31\r\n";
  answer_with(bob, voice_and("10.77.2.2", "8000", many));
  change(alice, voice_and("10.77.1.2", "7000", many));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(port_of(alice, i) != 0, i < 4) << i;
  EXPECT_EQ(flows.size(), 16u);
  answer_with(bob, kAnswer);
  change(alice, kOffer);
  EXPECT_EQ(flows.size(), 4u);
  net.run(Seconds{3});  // they have rested
  std::vector<wire::FlowKey> taken;
  while (const auto pair = ports.take_two(0, 1, net.wheel().now())) {
    taken.insert(taken.end(), pair->begin(), pair->end());
  }
  answer_with(bob, voice_and("10.77.2.2", "8000", image("0")));
  change(alice, voice_and("10.77.1.2", "7000", image("7500")));
  EXPECT_EQ(port_of(bob, 1), 0);
  EXPECT_EQ(alice.events.back(), "offer 200");
  for (const auto& key : taken) ports.give_back(key, net.wheel().now());
  hang_up();
}

TEST_F(Sections, TheClockIsThatOfTheAnswersCodec) {
  connect();
  const auto codec = [](const std::string& address, const std::string& port,
                        const std::string& formats) {
    return "v=0\r\no=x 1 2 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address +
           "\r\nt=0 0\r\nm=audio " + port + " RTP/AVP " + formats +
           "\r\na=rtpmap:96 opus/48000/2\r\n";
  };
  answer_with(bob, codec("10.77.2.2", "8000", "96"));
  change(alice, codec("10.77.1.2", "7000", "0 96"));
  ASSERT_EQ(flows.size(), 4u);
  for (const auto& [key, flow] : flows) {
    EXPECT_EQ(flow.clock_khz, 48) << key.second;  // of RTCP's jitter, too
  }
  EXPECT_TRUE(sends_to("10.77.1.2:7000"));
  hang_up();
  EXPECT_EQ(record()["codec"], "opus");
}

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
  const std::string ended = "m=audio 0 RTP/AVP 0\r\n";
  const auto both = [&](const std::string& address, const std::string& port) {
    std::string sdp = fax(address, port);
    return sdp.insert(sdp.find("m=image"), ended);
  };
  bob.on_change = [&](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", both("10.77.2.2", "8500"));
  };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", both("10.77.1.2", "7500")));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"offer 200"}));
  EXPECT_NE(bob.last_body.find(ended), std::string::npos);
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
