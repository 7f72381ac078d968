// A gateway whose name leads to several places (RFC 3263 §4.3): the next one is asked where the
// former is silent, out of reach or overloaded, and nowhere else.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;

class Places : public SwitchTest {
 protected:
  Places() : SwitchTest(named_site()) {
    gateways.set_targets(1, 0, {{at("10.77.2.2:5060"), 10, 0}, {at("10.77.2.9:5070"), 20, 0}});
    carol.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
  }
  static config::Site named_site() {
    config::Site site = make_site();
    site.gateways[1].addresses.clear();
    site.gateways[1].hosts = {{"bcorp.test", 0}};
    site.gateways.resize(2);
    site.routes.resize(1);
    return site;
  }
  Phone carol{net, "10.77.2.9:5070"};
};

TEST_F(Places, TheFirstIsAskedFirst) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"100", "180", "200"}));
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_TRUE(carol.events.empty());
}

TEST_F(Places, ASilentOneGivesWayToTheNext) {
  net.lose([](const auto& datagram) { return datagram.path.remote == at("10.77.2.2:5060"); });
  alice.dial(kSwitch, "491");
  net.run(Seconds{2});
  EXPECT_TRUE(carol.events.empty());
  net.run(Seconds{2});  // SS_SIP_TIMEOUT_INVITE is 3 s
  EXPECT_EQ(alice.events, (Events{"100", "200"}));
  EXPECT_EQ(carol.events, (Events{"invite", "acked"}));
  EXPECT_EQ(gateways.load(1), 1u);
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto one = record();
  EXPECT_EQ(one["sip_code"], 200);
  ASSERT_EQ(one["given_up"].size(), 1u);
  EXPECT_EQ(one["given_up"][0]["sip_code"], 408);
  EXPECT_EQ(one["given_up"][0]["routing_gateway"], "bcorp");
}

// The late answer of the first place finds its leg let go of, not the call's.
TEST_F(Places, ALateAnswerOfTheFormerIsHungUp) {
  bool deaf = true;
  net.lose(
      [&](const auto& datagram) { return deaf && datagram.path.local == at("10.77.2.2:5060"); });
  alice.dial(kSwitch, "491");
  net.run(Seconds{4});
  EXPECT_EQ(alice.events, (Events{"100", "200"}));
  deaf = false;
  net.run(Seconds{10});
  EXPECT_EQ(bob.events, (Events{"invite", "acked", "bye"}));
  EXPECT_EQ(calls.live(), 1u);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Places, AnOverloadedOneGivesWayToTheNext) {
  bob.on_call = [](sip::InviteSession& call) { call.finish(503); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"100", "200"}));
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["given_up"][0]["sip_code"], 503);
}

TEST_F(Places, AnAnswerIsAnAnswer) {
  bob.on_call = [](sip::InviteSession& call) { call.finish(500); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"100", "refused 500"}));
  expect_nothing_left();
  EXPECT_TRUE(carol.events.empty());
}

TEST_F(Places, WhenAllAreSilentTheCallTimesOut) {
  net.lose([](const auto& datagram) { return datagram.path.local == at("10.77.2.1:5060"); });
  alice.dial(kSwitch, "491");
  net.run(Seconds{5});
  EXPECT_EQ(alice.events, (Events{"100"}));
  net.run(Seconds{2});
  EXPECT_EQ(alice.events, (Events{"100", "refused 408"}));
  expect_nothing_left();
  const auto one = record();
  EXPECT_EQ(one["end_reason"], "InviteTimeout");
  EXPECT_EQ(one["given_up"].size(), 1u);
}

TEST_F(Places, TheCallerMayCancelAtTheSecond) {
  bob.on_call = [](sip::InviteSession& call) { call.finish(503); };
  carol.on_call = [](sip::InviteSession& call) { call.progress(180); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events, (Events{"invite", "cancelled"}));
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "CallerCancelled");
}

}  // namespace
}  // namespace tandem::test
