// Calls whose media go straight from one party to the other: descriptions pass as they are, dialogs
// don't, and no port of ours is taken.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;

class DirectMedia : public SwitchTest {
 protected:
  DirectMedia() : SwitchTest(site_of()) {}
  static config::Site site_of() {
    config::Site out = make_site({{"SS_MEDIAPROXYMODE", "off"}, {"TD_MEDIA_TIMEOUT", "5"}});
    out.gateways[3].overrides = {{"SS_MEDIAPROXYMODE", "mustOn"}};  // far
    out.routes.push_back({"55", 1, 1});
    out.routes.push_back({"55", 3, 2});
    return out;
  }

  void connect(const std::string& number) {
    alice.dial(kSwitch, number);
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
  }
};

TEST_F(DirectMedia, DescriptionsPassAsTheyAre) {
  connect("491");
  EXPECT_EQ(bob.last_body, kOffer);
  EXPECT_EQ(alice.last_body, kAnswer);
  EXPECT_NE(bob.leg()->dialog().call_id, alice.leg()->dialog().call_id);
  EXPECT_TRUE(flows.empty());
  EXPECT_EQ(ports.free_places(), 20u);
  bob.events.clear();
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  const std::string hold = kOffer + "a=sendonly\r\n";
  ASSERT_TRUE(alice.leg()->offer("application/sdp", hold));
  net.settle();
  EXPECT_EQ(bob.events, (std::vector<std::string>{"offer", "offer acked"}));
  EXPECT_EQ(bob.last_body, hold);
  net.run(Seconds{30});
  EXPECT_EQ(alice.leg()->state(), sip::SessionState::kConfirmed)
      << "where no media are seen, none are missed";
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto left = record();
  EXPECT_EQ(left["end_reason"], "NormalClearing");
  EXPECT_EQ(left["media_mode"], "direct");
  EXPECT_EQ(left["media_rule"], "system_off");
  EXPECT_EQ(left["codec"], "PCMU");
}

TEST_F(DirectMedia, UnlessAGatewayMustHaveThemProxied) {
  connect("441");
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_EQ(flows.size(), 4u);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_mode"], "proxy");
  EXPECT_EQ(record()["media_rule"], "party_must_on");
}

TEST_F(DirectMedia, EachGatewayThatIsTriedForItself) {
  int tried = 0;
  bob.on_call = [&](InviteSession& call) {
    if (++tried == 1)
      call.finish(503);
    else
      call.accept("application/sdp", kAnswer);
  };
  connect("551");
  EXPECT_EQ(tried, 2);
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  EXPECT_EQ(flows.size(), 4u);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["routing_gateway"], "far");
  EXPECT_EQ(record()["media_rule"], "party_must_on");
}

class CustomersMedia : public SwitchTest {
 protected:
  CustomersMedia() : SwitchTest(site_of()) {}
  static config::Site site_of() {
    config::Site out = make_site({{"SS_MEDIAPROXYMODE", "on"}});
    out.gateways[0].overrides = {{"SS_MEDIAPROXYMODE", "off"}};  // acme
    return out;
  }
};

TEST_F(CustomersMedia, GoAsItsOwnSettingSays) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(bob.last_body, kOffer);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_rule"], "party_off");
}

}  // namespace
}  // namespace tandem::test
