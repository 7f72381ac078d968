// A switch that carries transfers out (TD_SIP_REFER = follow), a third party to go to, and what all
// of them are asked and told.
#pragma once

#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

// The second number of an o= line.
inline int version_of(const std::string& sdp) {
  const auto line = sdp.substr(sdp.find("o=") + 2, 80);
  const auto second = line.find(' ', line.find(' ') + 1);
  return std::stoi(line.substr(second + 1));
}

inline std::string session_of(const std::string& sdp) {
  const auto line = sdp.substr(sdp.find("o="), 80);
  return line.substr(0, line.find(' ', line.find(' ') + 1));
}

inline const std::string kCarols =
    "v=0\r\no=carol 3 3 IN IP4 10.77.2.5\r\ns=-\r\nc=IN IP4 10.77.2.5\r\nt=0 0\r\n"
    "m=audio 9000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

inline config::Site transfer_site(config::Site site) {
  site.gateways.push_back({"ccorp", config::GatewayKind::kRouting, {at("10.77.2.5")}, 0, 1});
  // bcorp's own customers, so that its phone can ask somebody back.
  config::Gateway customer{"bmap", config::GatewayKind::kMapping, {at("10.77.2.2")}, 0, 1};
  customer.addresses.front().port = 0;
  site.gateways.push_back(customer);
  site.routes.push_back({"39", 4});
  auto& acme = site.gateways.front();
  acme.capacity = 3;
  site.gateways[1].capacity = 0;  // bcorp: as many as come
  acme.addresses.push_back(at("10.77.1.3"));
  acme.addresses.back().port = 0;
  return site;
}

class Transfers : public SwitchTest {
 protected:
  // bob and carol are in one network.
  // `change`: what else the site is to have.
  explicit Transfers(const char* media = "on", config::Site (*change)(config::Site) = nullptr)
      : SwitchTest(changed(
            transfer_site(make_site({{"TD_SIP_REFER", "follow"}, {"SS_MEDIAPROXYMODE", media}})),
            change)) {
    carol.on_call = [](InviteSession& call) {
      call.progress(180);
      call.accept("application/sdp", kCarols);
    };
  }

  static config::Site changed(config::Site site, config::Site (*change)(config::Site)) {
    return change != nullptr ? change(std::move(site)) : site;
  }

  // alice and bob, who says in SDP what they are asked for.
  void connect() {
    alice.dial("10.77.1.1:5060", "491");
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
    for (Phone* phone : {&alice, &bob, &carol}) {
      phone->events.clear();
      phone->on_change = [phone, this](InviteSession& leg) {
        asked[phone].push_back(phone->last_body);
        leg.answer_offer(200, "application/sdp", said(phone));
      };
    }
    first = bob.session;
  }
  const std::string& said(Phone* phone) const {
    if (phone == &alice) return kOffer;
    return phone == &bob ? kAnswer : kCarols;
  }
  // bob asks carol back; his first call stays.
  void consult() {
    bob.dial("10.77.2.1:5060", "391", kAnswer);
    net.run(Seconds{1});
    second = bob.session;
    ASSERT_EQ(carol.events.back(), "acked");
    bob.session = first;
    bob.events.clear();
    carol.events.clear();
  }
  // bob's dialog of the second call, as the switch knows it.
  std::string replaces(Phone& of, sip::SessionId id) {
    const sip::Dialog& dialog = of.agent().find(id)->dialog();
    std::string theirs = dialog.remote_tag;
    if (theirs.empty()) {  // not answered yet: of the early dialog
      const std::string& to = of.last_response;
      const auto begin = to.find(";tag=", to.find("\r\nTo: ")) + 5;
      theirs = to.substr(begin, to.find("\r\n", begin) - begin);
    }
    return dialog.call_id + ";to-tag=" + theirs + ";from-tag=" + dialog.local_tag;
  }
  std::string refer_to_second() {
    std::string out = replaces(bob, second);
    for (const auto& [plain, escaped] : {std::pair{"@", "%40"}, {";", "%3B"}, {"=", "%3D"}}) {
      for (auto at = out.find(plain); at != std::string::npos; at = out.find(plain)) {
        out.replace(at, 1, escaped);
      }
    }
    return "Refer-To: <sip:391@10.77.2.1?Replaces=" + out + ">\r\n";
  }
  // The fragments that bob's NOTIFYs brought, in order.
  void listen_to_notifies() {
    bob.on_request = [this](InviteSession& leg, sip::ServerId id, const sip::Message& request) {
      told.push_back(std::string(request.body()));
      states.push_back(std::string(request.value(sip::HeaderId::kSubscriptionState)));
      events_said.push_back(std::string(request.value(sip::HeaderId::kEvent)));
      leg.answer_relayed(id, {.status = 200});
    };
  }
  // alice and carol talk to each other, by this host's flows.
  void expect_alice_talks_to_carol() {
    int to_alice = 0;
    int to_carol = 0;
    for (const auto& [key, flow] : flows) {
      if (flow.kind != wire::FlowKind::kRtp) continue;
      const auto& peer = flows.at({flow.peer.address, flow.peer.port});
      if (flow.remote == at("10.77.1.2:7000")) {
        ++to_alice;
        EXPECT_EQ(peer.remote, at("10.77.2.5:9000"));
      }
      if (flow.remote == at("10.77.2.5:9000")) ++to_carol;
    }
    EXPECT_EQ(to_alice, 1);
    EXPECT_EQ(to_carol, 1);
  }
  nlohmann::json record_with(const std::string& member, const std::string& value) {
    for (const auto& each : records()) {
      if (each[member] == value) return each;
    }
    ADD_FAILURE() << "no record with " << member << " " << value;
    return {};
  }
  void expect_all_over() {
    net.run(Seconds{2});
    for (Phone* phone : {&alice, &bob, &carol}) {
      phone->agent().tidy();
      EXPECT_EQ(phone->agent().open_sessions(), 0u);
    }
    expect_nothing_left();
    EXPECT_EQ(gateways.load(4), 0u);
    EXPECT_EQ(gateways.load(5), 0u);
  }

  Phone carol{net, "10.77.2.5:5060"};
  sip::SessionId first;
  sip::SessionId second;
  std::map<Phone*, std::vector<std::string>> asked;  // what re-INVITEs brought
  Events told;
  Events states;
  Events events_said;
};

}  // namespace tandem::test
