// A gateway's 3xx: mapped to a refusal, or followed to other routing gateways; what the caller
// sees, what the record says, and that no gateway can send a call where it likes.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;

std::string field(const std::string& message, const std::string& name) {
  const auto at = message.find("\r\n" + name + ": ");
  const auto begin = at + name.size() + 4;
  return message.substr(begin, message.find("\r\n", begin) - begin);
}

// Answers each INVITE with the next of its responses: a status and Contacts.
class Redirector final : public sip::TransportListener {
 public:
  Redirector(VirtualNet& net, const std::string& address) : port_(net) {
    net.attach(at(address).address, *this);
  }
  void on_datagram(const sip::Path& path, std::span<char> bytes) override {
    const std::string got(bytes.data(), bytes.size());
    if (!got.starts_with("INVITE")) return;
    invites.push_back(got);
    for (const std::string& provisional : first) respond(path, got, provisional, {}, kAnswer);
    respond(path, got, status, contacts, {});
  }

  std::string status = "302 Moved Temporarily";
  std::string contacts;
  std::vector<std::string> first;
  std::vector<std::string> invites;

 private:
  void respond(const sip::Path& path, const std::string& request, const std::string& line,
               const std::string& contact, const std::string& body) {
    port_.send(path, "SIP/2.0 " + line + "\r\nVia: " + field(request, "Via") +
                         "\r\nFrom: " + field(request, "From") + "\r\nTo: " + field(request, "To") +
                         ";tag=r\r\nCall-ID: " + field(request, "Call-ID") +
                         "\r\nCSeq: " + field(request, "CSeq") +
                         "\r\nContact: " + (contact.empty() ? "<sip:b@10.77.2.2>" : contact) +
                         "\r\n" + (body.empty() ? "" : "Content-Type: application/sdp\r\n") +
                         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  VirtualNet::Port port_;
};

class Redirected : public SwitchTest {
 protected:
  Redirected() : Redirected({{"TD_SIP_REDIRECT", "follow"}, {"TD_SIP_REDIRECT_LIMIT", "3"}}) {}
  explicit Redirected(const std::vector<std::pair<std::string, std::string>>& set,
                      const std::vector<config::Route>& more = {})
      : SwitchTest(named_site(set, more)) {
    gateways.set_targets(4, 0, {{at("10.77.2.7:5060"), 10, 0}, {at("10.77.2.8:5060"), 20, 0}});
    carol.on_call = [](sip::InviteSession& call) {
      call.progress(180);
      call.accept("application/sdp", kAnswer);
    };
  }
  // With a gateway that is known by its name, in two places.
  static config::Site named_site(const std::vector<std::pair<std::string, std::string>>& set,
                                 const std::vector<config::Route>& more) {
    config::Site site = make_site(set);
    config::Gateway named{"named", config::GatewayKind::kRouting, {}, 1, 1};
    named.hosts = {{"Named.test", 0}};
    site.gateways.push_back(named);
    site.routes.push_back({"39", 4});
    site.routes.insert(site.routes.end(), more.begin(), more.end());
    return site;
  }
  // Nobody hears what is sent there.
  void silence(std::string_view place) {
    net.lose([place](const auto& d) { return d.path.remote == at(place); });
  }
  void dial() {
    alice.dial(kSwitch, "491");
    net.run(Seconds{1});
  }
  Redirector gateway{net, "10.77.2.2"};  // in bob's place
  Phone carol{net, "10.77.2.9:5060"};    // the routing gateway "dead", alive here
};

TEST_F(Redirected, ToAnotherGatewayWithAnotherNumber) {
  alice.invite_headers = "X-Kept: 1\r\n";
  gateway.contacts = "<sip:%2B4930@10.77.2.9>;expires=60";
  dial();
  EXPECT_EQ(alice.events, (Events{"100", "180", "200"}));
  EXPECT_EQ(carol.events, (Events{"invite", "acked"}));
  EXPECT_EQ(carol.last_uri, "sip:4930@10.77.2.9:5060");
  EXPECT_NE(carol.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_EQ(gateways.load(1), 0u);
  EXPECT_EQ(gateways.load(2), 1u);
  ASSERT_EQ(flows.size(), 4u);  // the former ones are closed
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(gateways.load(2), 0u);
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "NormalClearing");
  EXPECT_EQ(r["routing_gateway"], "dead");
  EXPECT_EQ(r["callee_sent"], "4930");
  ASSERT_EQ(r["given_up"].size(), 1u);
  EXPECT_EQ(r["given_up"][0]["routing_gateway"], "bcorp");
  EXPECT_EQ(r["given_up"][0]["callee_sent"], "491");
  EXPECT_EQ(r["given_up"][0]["sip_code"], 302);
  EXPECT_NE(r["given_up"][0]["callee_call_id"], r["callee_call_id"]);
}

TEST_F(Redirected, NeverToAStranger) {
  Phone thief{net, "10.77.2.66:5060"};
  gateway.contacts =
      "<sip:900@10.77.2.66>, <sip:900@10.77.2.9:5099>, <sip:900@thief.example>, "
      "<tel:+900>, <sips:900@10.77.2.9>, <sip:900@10.77.1.2>, <tel:33;phone-context=x.test>, "
      "<sip:900@named.test:5070>, <sip:900@named.test.example>, <tel:33>, <sip:900@acme>";
  dial();
  EXPECT_EQ(alice.events.back(), "refused 480");
  EXPECT_TRUE(thief.events.empty());
  EXPECT_TRUE(carol.events.empty());
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "GatewayRedirected");
  EXPECT_EQ(record()["routing_gateway"], "bcorp");
  EXPECT_TRUE(record()["given_up"].empty());
}

TEST_F(Redirected, LikeliestFirstAndTheNextWhenItRefuses) {
  gateway.contacts = "<sip:1@10.77.2.9>;q=0.2, <sip:2@10.77.2.9>;q=0.9, <sip:3@10.77.2.9>;q=0.5";
  int calls_there = 0;
  std::vector<std::string> asked;
  carol.on_call = [&](sip::InviteSession& call) {
    asked.push_back(carol.last_uri.substr(0, 5));
    ++calls_there == 2 ? call.accept("application/sdp", kAnswer) : call.finish(480);
  };
  dial();
  EXPECT_EQ(asked, (Events{"sip:2", "sip:3"}));
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["given_up"].size(), 2u);
  EXPECT_EQ(record()["callee_sent"], "3");
}

TEST_F(Redirected, BusyThereIsTheEnd) {
  gateway.contacts = "<sip:1@10.77.2.9>, <sip:2@10.77.2.9>";
  carol.on_call = [](sip::InviteSession& call) { call.finish(486); };
  dial();
  EXPECT_EQ(alice.events.back(), "refused 486");
  EXPECT_EQ(carol.events, (Events{"invite"}));
  expect_nothing_left();
  EXPECT_EQ(record()["routing_gateway"], "dead");
  EXPECT_EQ(record()["given_up"].size(), 1u);
}

TEST_F(Redirected, RoundAndRoundEndsAtTheLimit) {
  // Each attempt is sent back to itself with a number of its own.
  Redirector other(net, "10.77.2.9");
  gateway.contacts = "<sip:1@10.77.2.9>";
  other.contacts =
      "<sip:1@10.77.2.9>, <sip:2@10.77.2.9>, <sip:3@10.77.2.9>, <sip:4@10.77.2.9>, "
      "<sip:5@10.77.2.2>";
  dial();
  EXPECT_EQ(alice.events.back(), "refused 480");
  EXPECT_EQ(other.invites.size(), 3u);
  expect_nothing_left();
  EXPECT_EQ(record()["given_up"].size(), 3u);
  EXPECT_EQ(record()["callee_sent"], "3");
}

TEST_F(Redirected, NotAfterTheCallerHeardTheGateway) {
  gateway.first = {"183 Session Progress"};
  gateway.contacts = "<sip:1@10.77.2.9>";
  dial();
  EXPECT_EQ(alice.events, (Events{"100", "183", "refused 480"}));
  EXPECT_TRUE(carol.events.empty());
  expect_nothing_left();
}

TEST_F(Redirected, ToTheNameOfAGateway) {
  Phone place{net, "10.77.2.7:5060"};
  place.on_call = carol.on_call;
  gateway.contacts = "<sip:+391@NAMED.test.;user=phone>";
  dial();
  EXPECT_EQ(alice.events, (Events{"100", "180", "200"}));
  EXPECT_EQ(place.last_uri, "sip:391@10.77.2.7:5060");
  EXPECT_EQ(gateways.load(4), 1u);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(gateways.load(4), 0u);
  EXPECT_EQ(record()["routing_gateway"], "named");
}

TEST_F(Redirected, EachPlaceOfTheNameIsTriedThenTheNextContact) {
  Phone first{net, "10.77.2.7:5060"};
  Phone second{net, "10.77.2.8:5060"};
  silence("10.77.2.7:5060");
  second.on_call = [](sip::InviteSession& call) { call.finish(503); };
  gateway.contacts = "<sip:1@named.test:5060>;q=0.9, <sip:2@10.77.2.9>;q=0.1";
  dial();
  EXPECT_TRUE(second.events.empty());
  net.run(Seconds{4});
  EXPECT_EQ(second.events, (Events{"invite"}));
  EXPECT_EQ(carol.events, (Events{"invite", "acked"}));
  EXPECT_EQ(carol.last_uri, "sip:2@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto r = record();
  ASSERT_EQ(r["given_up"].size(), 3u);
  EXPECT_EQ(r["given_up"][0]["sip_code"], 302);
  EXPECT_EQ(r["given_up"][1]["sip_code"], 408);
  EXPECT_EQ(r["given_up"][2]["sip_code"], 503);
  EXPECT_EQ(r["given_up"][2]["routing_gateway"], "named");
}

TEST_F(Redirected, ANumberGoesWhereItsRouteLeads) {
  gateway.contacts = "<tel:+33-1-23>";
  dial();
  EXPECT_EQ(carol.last_uri, "sip:33123@10.77.2.9:5060");
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["routing_gateway"], "dead");
  EXPECT_EQ(record()["callee_sent"], "33123");
}

TEST_F(Redirected, ALocalNumberIsCompletedByItsContext) {
  gateway.contacts = "<tel:4711;phone-context=+33>";
  dial();
  EXPECT_EQ(carol.last_uri, "sip:334711@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Redirected, StrangersBeforeItDoNotCount) {
  gateway.contacts =
      "<sip:1@x.test>, <sip:2@x.test>, <tel:+1>, <sip:3@x.test>, <sip:4@x.test>, <sip:5@10.77.2.9>";
  dial();
  EXPECT_EQ(carol.last_uri, "sip:5@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
}

// Its only place is the one that the call holds already.
TEST_F(Redirected, ToTheSameGatewayWithAnotherNumber) {
  Redirector full{net, "10.77.2.7"};
  gateway.contacts = "<sip:391@named.test>";
  full.contacts = "<tel:+392>, <sip:1@10.77.2.9>";
  dial();
  ASSERT_EQ(full.invites.size(), 2u);
  EXPECT_TRUE(full.invites[1].starts_with("INVITE sip:392@10.77.2.7"));
  EXPECT_EQ(carol.last_uri, "sip:1@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(gateways.load(4), 0u);
}

// A Contact without a user part means the number that was asked for there, never one that another
// Contact has and that the customer may not call.
TEST_F(Redirected, ABarredNumberIsCalledByNoContact) {
  config::Gateway customer = gateways.gateway(0);
  customer.lists = {"cheap"};
  gateways.put({customer});
  put_list("cheap", routing::NumberList::Kind::kCallee, routing::Verdict::kAllow,
           {{"4900", routing::Verdict::kDeny}});
  gateway.contacts = "<sip:4900@10.77.2.9>, <sip:10.77.2.9>";
  dial();
  EXPECT_EQ(carol.last_uri, "sip:491@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Redirected, AContactWithoutAUserMeansTheNumberThatWasAskedForThere) {
  Redirector second{net, "10.77.2.7"};
  gateway.contacts = "<sip:4477@named.test>";
  second.contacts = "<sip:10.77.2.9>";
  dial();
  EXPECT_EQ(carol.last_uri, "sip:4477@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Redirected, ASilentContactGivesWayToTheNext) {
  silence("10.77.2.7:5060");
  gateways.set_targets(4, 0, {{at("10.77.2.7:5060"), 0, 0}});
  gateway.contacts = "<sip:1@10.77.2.7>;q=0.9, <sip:2@10.77.2.9>;q=0.8";
  dial();
  net.run(Seconds{1});
  EXPECT_TRUE(carol.events.empty());
  net.run(Seconds{2});
  EXPECT_EQ(carol.events, (Events{"invite", "acked"}));
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto r = record();
  ASSERT_EQ(r["given_up"].size(), 2u);
  EXPECT_EQ(r["given_up"][1]["sip_code"], 408);
  EXPECT_EQ(r["given_up"][1]["routing_gateway"], "named");
  EXPECT_EQ(r["callee_sent"], "2");
}

TEST_F(Redirected, ToAGatewayThatNeverAnswers) {
  gateway.contacts = "<sip:1@10.77.2.9>";
  silence("10.77.2.9:5060");
  dial();
  net.run(Seconds{4});
  EXPECT_EQ(alice.events.back(), "refused 408");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "InviteTimeout");
}

TEST_F(Redirected, TheCallerGivesUpOnTheWay) {
  carol.on_call = [](sip::InviteSession& call) { call.progress(180); };
  gateway.contacts = "<sip:1@10.77.2.9>";
  dial();
  EXPECT_EQ(alice.events.back(), "180");
  alice.leg()->finish(487);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "cancelled");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "CallerCancelled");
}

TEST_F(Redirected, LateOffer) {
  gateway.contacts = "<sip:1@10.77.2.9>";
  alice.dial(kSwitch, "491", "", true);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->ack("application/sdp", kOffer);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_NE(carol.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  alice.leg()->finish(0);
  expect_nothing_left();
}

class Mapped : public Redirected {
 protected:
  Mapped() : Redirected(std::vector<std::pair<std::string, std::string>>{}) {}
};

TEST_F(Mapped, IsTheDefault) {
  gateway.contacts = "<sip:1@10.77.2.9>";
  dial();
  EXPECT_EQ(alice.events.back(), "refused 480");
  EXPECT_TRUE(carol.events.empty());
  EXPECT_EQ(net.last("SIP/2.0 480").find("10.77.2.9"), std::string::npos);
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "GatewayRedirected");
}

// Where the route has another gateway, "dead", alive here.
class RedirectedThenNext : public Redirected {
 protected:
  RedirectedThenNext() : Redirected({{"TD_SIP_REDIRECT", "follow"}}, {{"49", 2, 200}}) {
    gateway.contacts = "<sip:4477@named.test>";
  }
  Phone dave{net, "10.77.2.7:5060"};
};

TEST_F(RedirectedThenNext, TheNextOneOfTheRouteGetsTheNumberThatWasDialled) {
  dave.on_call = [](sip::InviteSession& call) { call.finish(480); };
  dial();
  EXPECT_EQ(dave.last_uri, "sip:4477@10.77.2.7:5060");
  EXPECT_EQ(carol.last_uri, "sip:491@10.77.2.9:5060");
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto r = record();
  EXPECT_EQ(r["callee_sent"], "491");
  EXPECT_EQ(r["routing_gateway"], "dead");
  ASSERT_EQ(r["given_up"].size(), 2u);
  EXPECT_EQ(r["given_up"][1]["callee_sent"], "4477");
}

TEST_F(RedirectedThenNext, AContactsNumberPassesThePlanOfItsGateway) {
  config::Gateway named = gateways.gateway(4);
  named.callee_plan = "44:0044";
  gateways.put({named});
  dave.on_call = carol.on_call;
  dial();
  EXPECT_EQ(dave.last_uri, "sip:004477@10.77.2.7:5060");
  EXPECT_TRUE(carol.events.empty());
}

}  // namespace
}  // namespace tandem::test
