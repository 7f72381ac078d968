// Gateways that are known by an account: a customer's calls are proven with its password, a
// vendor's go to where it has registered.
#include "tests/unit/controlplane/calls/endpoint_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;

constexpr routing::GatewayIndex kAccountVendor = 4;
constexpr const char* kVendorContact = "sip:carol@10.77.2.3:5060";

// 33 is the vendor's that registers as carol, then bcorp's (bob).
class AccountGateways : public Endpoints {
 protected:
  explicit AccountGateways(const std::vector<std::pair<std::string, std::string>>& set = {})
      : Endpoints(set) {
    config::Gateway vendor{"vend", config::GatewayKind::kRouting, {}, 0, 1};
    vendor.account = kCarol.user + "@" + kCarol.realm;
    vendor.callee_plan = "33:0033";
    gateways.put({vendor});
    published.publish(std::make_shared<routing::RouteTable>(
        std::vector<config::Route>{{"33", kAccountVendor, 50}, {"33", 1, 100}}));
  }
  void dial33() {
    alice.dial(kSwitch, "331");
    net.run(Seconds{1});
    EXPECT_EQ(alice.heard().back(), "200");
  }
  nlohmann::json end() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(gateways.load(kAccountVendor), 0u);
    return record();
  }
  void expect_carol_is_asked(const std::string& uri) {
    dial33();
    EXPECT_EQ(carol.last_uri, uri);
    EXPECT_EQ(field(carol.last_request, "To"), "<sip:00331@10.77.2.3:5060>");
    EXPECT_TRUE(bob.events.empty());
    const auto one = end();
    EXPECT_EQ(one["routing_gateway"], "vend");
    EXPECT_EQ(one["callee_account"], "");
  }
  void expect_bob_is_asked() {
    dial33();
    EXPECT_EQ(bob.last_uri, "sip:331@10.77.2.2:5060");
    EXPECT_TRUE(carol.events.empty());
    const auto one = end();
    EXPECT_EQ(one["routing_gateway"], "bcorp");
    EXPECT_TRUE(one["given_up"].empty());
  }
};

TEST_F(AccountGateways, TheNextOneWhileItIsNotRegistered) { expect_bob_is_asked(); }

TEST_F(AccountGateways, TheNextOneWhileItIsSilent) {
  enroll(kCarol, kVendorContact, "10.77.2.3:5060").silent = true;
  expect_bob_is_asked();
}

TEST_F(AccountGateways, TheNextOneWhenItsRegistrationIsOver) {
  enroll(kCarol, kVendorContact, "10.77.2.3:5060");
  net.run(Seconds{601});
  expect_bob_is_asked();
}

TEST_F(AccountGateways, WhereItRegisteredByItsNumber) {
  enroll(kCarol, kVendorContact, "10.77.2.3:5060");
  expect_carol_is_asked("sip:00331@10.77.2.3:5060");
}

class ByContact : public AccountGateways {
 protected:
  ByContact() : AccountGateways({{"SS_SIP_ROUTING_GATEWAY_INVITE_USE_CONTACT", "on"}}) {}
};

TEST_F(ByContact, WhereItRegisteredByItsContact) {
  enroll(kCarol, kVendorContact, "10.77.2.3:5060");
  expect_carol_is_asked(kVendorContact);
}

TEST_F(ByContact, UnlessTheGatewaySaysOtherwise) {
  config::Gateway vendor = gateways.gateway(kAccountVendor);
  vendor.overrides = {{"SS_SIP_ROUTING_GATEWAY_INVITE_USE_CONTACT", "off"}};
  gateways.put({vendor});
  enroll(kCarol, kVendorContact, "10.77.2.3:5060");
  expect_carol_is_asked("sip:00331@10.77.2.3:5060");
}

TEST_F(AccountGateways, ItsRefusalGoesToTheNextOne) {
  enroll(kCarol, kVendorContact, "10.77.2.3:5060");
  carol.on_call = [](sip::InviteSession& call) { call.finish(480); };
  dial33();
  const auto one = end();
  EXPECT_EQ(one["routing_gateway"], "bcorp");
  ASSERT_EQ(one["given_up"].size(), 1u);
  EXPECT_EQ(one["given_up"][0]["routing_gateway"], "vend");
}

// A customer known by its account is a gateway: what its network says passes, and a phone's
// doesn't.
TEST_F(AccountGateways, ACustomersNetworkIsHeardAndAPhonesIsNot) {
  const std::string words = "Diversion: <sip:1@x>\r\nIdentity: e.e.e\r\ny: f.f.f\r\n";
  dave.invite_headers = words;
  dial("332");
  for (const char* header : {"Diversion", "Identity", "y"}) {
    EXPECT_EQ(field(bob.last_request, header), "") << header;
  }
  dave.leg()->finish(0);
  net.run(Seconds{1});
  config::Gateway customer{"cust", config::GatewayKind::kMapping, {}, 0, 0};
  customer.account = kDave.user + "@" + kDave.realm;
  gateways.put({customer});
  dave.events.clear();
  dial("332");
  EXPECT_EQ(field(bob.last_request, "Diversion"), "<sip:1@x>");
  EXPECT_EQ(field(bob.last_request, "Identity"), "e.e.e");
  EXPECT_EQ(field(bob.last_request, "y"), "f.f.f");
  dave.leg()->finish(0);
  expect_nothing_left();
  const auto all = records();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["mapping_gateway"], "");
  EXPECT_EQ(all[1]["mapping_gateway"], "cust");
}

}  // namespace
}  // namespace tandem::test
