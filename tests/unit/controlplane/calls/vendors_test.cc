// Several routing gateways for one number: which is asked, when the next one is, and what the
// caller, the record and the gateways' loads say of it.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;
using Set = std::vector<std::pair<std::string, std::string>>;

constexpr routing::GatewayIndex kBob = 1, kCarol = 4, kDave = 5;

class Vendors : public SwitchTest {
 protected:
  explicit Vendors(const Set& set = {}) : SwitchTest(three(set)) {
    for (Phone* phone : {&carol, &dave}) phone->on_call = answer;
    bob.on_call = refuse(404);
  }
  // 49 is bcorp's, then ccorp's, then dcorp's.
  static config::Site three(const Set& set) {
    config::Site site = make_site(set);
    site.gateways[1].capacity = 0;
    site.gateways.push_back({"ccorp", config::GatewayKind::kRouting, {at("10.77.2.3")}, 0, 1});
    site.gateways.push_back({"dcorp", config::GatewayKind::kRouting, {at("10.77.2.4")}, 0, 1});
    site.routes = {{"49", kBob, 1}, {"49", kCarol, 2}, {"49", kDave, 3}};
    return site;
  }
  static void answer(sip::InviteSession& call) {
    call.progress(180);
    call.accept("application/sdp", kAnswer);
  }
  static std::function<void(sip::InviteSession&)> refuse(int status, std::string headers = {}) {
    return [=](sip::InviteSession& call) {
      const Carried refusal("INVITE", headers);
      call.finish(status, {}, headers.empty() ? nullptr : &refusal.message);
    };
  }
  // Described media first, as a tone or announcement would be.
  static std::function<void(sip::InviteSession&)> refuse_after_media(int status) {
    return [=](sip::InviteSession& call) {
      call.progress({.status = 183, .content_type = "application/sdp", .body = kAnswer});
      call.finish(status);
    };
  }
  void change(routing::GatewayIndex index, const std::function<void(config::Gateway&)>& edit) {
    config::Gateway settings = gateways.gateway(index);
    edit(settings);
    gateways.put({settings});
  }
  void dial(base::Nanos wait = Seconds{1}) {
    alice.dial(kSwitch, "491");
    net.run(wait);
  }
  void silence(std::string_view place) {
    net.lose([place](const auto& d) { return d.path.remote == at(place); });
  }
  // The caller hangs up; the record.
  nlohmann::json end() {
    if (alice.leg() != nullptr) alice.leg()->finish(0);
    expect_nothing_left();
    for (const auto index : {kCarol, kDave}) EXPECT_EQ(gateways.load(index), 0u);
    return record();
  }
  static Events given_up(const nlohmann::json& record) {
    Events out;
    for (const auto& one : record["given_up"]) {
      out.push_back(one["routing_gateway"].get<std::string>() + " " +
                    std::to_string(one["sip_code"].get<int>()));
    }
    return out;
  }
  void expect_carol_has_it(int bobs_status) {
    EXPECT_EQ(alice.heard().back(), "200");
    EXPECT_EQ(carol.events, (Events{"invite", "acked"}));
    EXPECT_EQ(gateways.load(kBob), 0u);
    EXPECT_EQ(gateways.load(kCarol), 1u);
    const auto r = end();
    EXPECT_EQ(r["routing_gateway"], "ccorp");
    EXPECT_EQ(r["end_reason"], "NormalClearing");
    EXPECT_EQ(given_up(r), (Events{"bcorp " + std::to_string(bobs_status)}));
  }
  void expect_refused(int status, const std::string& reason) {
    EXPECT_EQ(alice.heard().back(), "refused " + std::to_string(status));
    EXPECT_TRUE(carol.events.empty());
    const auto r = end();
    EXPECT_EQ(r["routing_gateway"], "bcorp");
    EXPECT_EQ(r["end_reason"], reason);
    EXPECT_EQ(r["sip_code"], status);
    EXPECT_TRUE(r["given_up"].empty());
  }

  Phone carol{net, "10.77.2.3:5060"};
  Phone dave{net, "10.77.2.4:5060"};
};

TEST_F(Vendors, ARefusalGoesToTheNextOneAndTheCallerSeesOneCall) {
  dial();
  EXPECT_EQ(alice.events, (Events{"100", "180", "200"}));
  EXPECT_EQ(carol.last_uri, "sip:491@10.77.2.3:5060");
  EXPECT_EQ(gateways.now().at(kBob)->load->asked(), 1u);
  EXPECT_EQ(gateways.now().at(kBob)->load->answered(), 0u);
  EXPECT_EQ(gateways.now().at(kCarol)->load->answered(), 1u);
  expect_carol_has_it(404);
}

TEST_F(Vendors, SilenceGoesToTheNextOne) {
  silence("10.77.2.2:5060");
  dial(Seconds{2});
  EXPECT_TRUE(carol.events.empty());
  net.run(Seconds{2});
  expect_carol_has_it(408);
}

TEST_F(Vendors, AGatewaysOwnTimeOutCounts) {
  change(kBob, [](auto& gateway) { gateway.overrides = {{"SS_SIP_TIMEOUT_INVITE", "1"}}; });
  silence("10.77.2.2:5060");
  dial(base::Millis{900});
  EXPECT_TRUE(carol.events.empty());
  net.run(base::Millis{200});
  expect_carol_has_it(408);
}

TEST_F(Vendors, OneThatTriesForTooLongIsCancelled) {
  change(kBob, [](auto& gateway) { gateway.overrides = {{"SS_SIP_TIMEOUT_TRYING", "2"}}; });
  bob.on_call = [](sip::InviteSession& call) { call.progress(100); };
  dial(Seconds{3});
  EXPECT_EQ(bob.events, (Events{"invite", "cancelled"}));
  expect_carol_has_it(408);
}

TEST_F(Vendors, WhenAllRefuseTheLastOnesStatusIsTheCallers) {
  carol.on_call = refuse(500);
  dave.on_call = refuse(480);
  dial();
  EXPECT_EQ(alice.heard(), (Events{"refused 480"}));
  const auto r = end();
  EXPECT_EQ(r["routing_gateway"], "dcorp");
  EXPECT_EQ(given_up(r), (Events{"bcorp 404", "ccorp 500"}));
  EXPECT_EQ(r["end_reason"], "GatewayRefused");
}

TEST_F(Vendors, BusyIsTheCallers) {
  bob.on_call = refuse(486);
  dial();
  expect_refused(486, "UserBusy");
}

class BusyGoesOn : public Vendors {
 protected:
  BusyGoesOn() : Vendors({{"SS_GATEWAY_SWITCH_STOP_AFTER_USER_BUSY", "off"}}) {}
};

TEST_F(BusyGoesOn, ToTheNextOne) {
  bob.on_call = refuse(486);
  dial();
  expect_carol_has_it(486);
}

TEST_F(Vendors, AListedCodeStops) {
  change(kBob, [](auto& gateway) { gateway.stop_codes = {{404, 404}}; });
  dial();
  expect_refused(404, "GatewayRefused");
}

class Limited : public Vendors {
 protected:
  Limited() : Vendors({{"SS_GATEWAY_SWITCH_LIMIT", "2"}}) {}
};

TEST_F(Limited, ToTwoGateways) {
  carol.on_call = refuse(480);
  dial();
  EXPECT_EQ(alice.heard(), (Events{"refused 480"}));
  EXPECT_TRUE(dave.events.empty());
  EXPECT_EQ(end()["routing_gateway"], "ccorp");
}

TEST_F(Vendors, AfterMediaTheCallIsItsOwn) {
  bob.on_call = refuse_after_media(480);
  dial();
  EXPECT_EQ(alice.heard(), (Events{"183", "refused 480"}));
  expect_refused(480, "GatewayRefused");
}

class MediaGoesOn : public Vendors {
 protected:
  MediaGoesOn() : Vendors({{"SS_SIP_STOP_SWITCH_AFTER_SDP", "off"}}) {}

  static std::string to_tag(const std::string& message) {
    const auto at = message.find(";tag=", message.find("\r\nTo: "));
    return message.substr(at + 5, message.find("\r\n", at) - at - 5);
  }
};

TEST_F(MediaGoesOn, TheNextOnesMediaHaveADialogOfTheirOwn) {
  for (Phone* phone : {&bob, &carol}) {
    phone->on_call = [](sip::InviteSession& call) {
      call.progress({.status = 183, .content_type = "application/sdp", .body = kAnswer});
    };
  }
  dial();
  const std::string bobs = to_tag(alice.last_response);
  bob.leg()->finish(480);
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard(), (Events{"183", "183"}));
  const std::string carols = to_tag(alice.last_response);
  EXPECT_NE(carols, bobs);
  ASSERT_EQ(flows.size(), 4u);  // bob's are closed
  carol.leg()->accept("application/sdp", kAnswer);
  net.run(Seconds{1});
  EXPECT_EQ(to_tag(alice.last_response), carols);
  expect_carol_has_it(480);
}

TEST_F(MediaGoesOn, WithReliableResponsesToo) {
  bob.on_call = [](sip::InviteSession& call) {
    call.progress(
        {.status = 183, .reliably = true, .content_type = "application/sdp", .body = kAnswer});
  };
  carol.on_call = [](sip::InviteSession& call) {
    call.progress(
        {.status = 183, .reliably = true, .content_type = "application/sdp", .body = kAnswer});
  };
  dial();
  ASSERT_NE(bob.leg(), nullptr);
  bob.leg()->finish(503);
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard(), (Events{"183", "183"}));
  ASSERT_NE(carol.leg(), nullptr);
  carol.leg()->accept({}, {});
  net.run(Seconds{1});
  expect_carol_has_it(503);
}

TEST_F(MediaGoesOn, ButNotAfterRtp) {
  bob.on_call = [](sip::InviteSession& call) {
    call.progress({.status = 183, .content_type = "application/sdp", .body = kAnswer});
  };
  dial();
  ASSERT_EQ(flows.size(), 4u);
  for (const auto& [key, flow] : flows) {
    if (key.first != 1 || key.second % 2 != 0) continue;
    wire::Event event;
    event.kind = wire::EventKind::kFlowLatched;
    event.latched.key = flow.key;
    event.latched.generation = flow.generation;
    event.latched.cookie = flow.cookie;
    worker.events.enqueue(event);
  }
  net.run(Seconds{1});
  bob.leg()->finish(480);
  net.run(Seconds{1});
  expect_refused(480, "GatewayRefused");
}

TEST_F(Vendors, OneThatIsFullLockedSilentOrRestingIsLeftOut) {
  bob.on_call = answer;
  const std::vector<std::function<void()>> reasons{
      [&] { change(kBob, [](auto& gateway) { gateway.locked = true; }); },
      [&] {
        change(kBob, [](auto& gateway) {
          gateway.locked = false;
          gateway.capacity = 1;
        });
        ASSERT_EQ(gateways.take(kBob), routing::Admission::kTaken);
      },
      [&] {
        gateways.give_back(kBob);
        gateways.now().at(kBob)->load->set_silent(true);
      },
      [&] {
        gateways.now().at(kBob)->load->set_silent(false);
        gateways.now().at(kBob)->load->rest(net.wheel().now() + Seconds{100});
      }};
  for (const auto& reason : reasons) {
    reason();
    dial();
    EXPECT_TRUE(bob.events.empty());
    EXPECT_EQ(alice.heard().back(), "200");
    alice.leg()->finish(0);
    net.run(Seconds{1});
  }
  EXPECT_EQ(carol.events.size(), 3u * reasons.size());  // invite, acked, bye
  net.run(Seconds{100});
  dial();
  EXPECT_EQ(bob.events, (Events{"invite", "acked"}));
  alice.leg()->finish(0);
  net.run(Seconds{70});
  // What wasn't asked isn't given up.
  for (const auto& r : records()) EXPECT_TRUE(r["given_up"].empty());
}

TEST_F(Vendors, CallsPerSecond) {
  bob.on_call = answer;
  change(kBob, [](auto& gateway) { gateway.calls_per_s = 1; });
  for (int i = 0; i < 2; ++i) {
    alice.dial(kSwitch, "491");
    net.run(base::Millis{100});
    alice.leg()->finish(0);
    net.run(base::Millis{100});
  }
  EXPECT_EQ(bob.events.size(), 3u);
  EXPECT_EQ(carol.events.size(), 3u);
}

TEST_F(Vendors, WhenNoneHasRoomItIsSaid) {
  for (const auto index : {kBob, kCarol, kDave}) {
    change(index, [](auto& gateway) { gateway.locked = true; });
  }
  dial();
  EXPECT_EQ(alice.heard(), (Events{"refused 503"}));
  EXPECT_EQ(end()["end_reason"], "NoAvailableRouter");
}

TEST_F(Vendors, RetryAfterRestsAGateway) {
  bob.on_call = refuse(503, "Retry-After: 20\r\n");
  dial();
  EXPECT_EQ(alice.heard().back(), "200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  bob.events.clear();
  dial();
  EXPECT_TRUE(bob.events.empty());
  alice.leg()->finish(0);
  net.run(Seconds{18});
  bob.on_call = answer;
  dial();
  EXPECT_EQ(bob.events, (Events{"invite", "acked"}));
}

TEST_F(Vendors, UnlessItsSettingsSayThatItDoesNotRest) {
  change(kBob, [](auto& gateway) { gateway.rests = false; });
  bob.on_call = refuse(503, "Retry-After: 20\r\n");
  for (int i = 0; i < 2; ++i) {
    dial();
    alice.leg()->finish(0);
    net.run(Seconds{1});
  }
  EXPECT_EQ(bob.events.size(), 2u);
}

TEST_F(Vendors, WhoRingsButDoesNotAnswerIsNotRungByAnother) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  dial(Seconds{11});
  EXPECT_EQ(alice.heard(), (Events{"180", "refused 480"}));
  expect_refused(480, "NoAnswer");
}

class UntilConnect : public Vendors {
 protected:
  UntilConnect() : Vendors({{"SS_GATEWAY_SWITCH_UNTIL_CONNECT", "on"}}) {}
};

TEST_F(UntilConnect, WhateverTheOthersSay) {
  change(kBob, [](auto& gateway) { gateway.stop_codes = {{300, 699}}; });
  bob.on_call = refuse_after_media(486);
  dial();
  expect_carol_has_it(486);
}

TEST_F(Vendors, TheShorterMaximumDurationEndsIt) {
  change(0, [](auto& gateway) { gateway.max_duration = Seconds{50}; });
  change(kBob, [](auto& gateway) { gateway.max_duration = Seconds{20}; });
  bob.on_call = answer;
  dial(Seconds{19});
  EXPECT_EQ(alice.heard().back(), "200");
  net.run(Seconds{3});
  EXPECT_EQ(alice.heard().back(), "bye");
  EXPECT_EQ(bob.events.back(), "bye");
  EXPECT_EQ(end()["end_reason"], "MaximumDuration");
}

// What ccorp is told of the caller, by its own settings and acme's.
class Told : public Vendors {
 protected:
  Told() { alice.own_headers = "P-Asserted-Identity: <sip:4930@acme.test>\r\nPrivacy: id\r\n"; }
  void expect_told(const Events& lines, const Events& absent) {
    dial();
    for (const auto& line : lines) {
      EXPECT_NE(carol.last_request.find(line), std::string::npos) << line << carol.last_request;
    }
    for (const auto& line : absent) {
      EXPECT_EQ(carol.last_request.find(line), std::string::npos) << line;
    }
    end();
  }
};

TEST_F(Told, NothingByDefault) {
  expect_told({"From: \"Alice\" <sip:alice@"}, {"P-Asserted-Identity", "Privacy"});
}

TEST_F(Told, WhatATrustedOneAssertsIsPassed) {
  change(0, [](auto& gateway) { gateway.trusted = gateway.support_privacy = true; });
  change(kCarol, [](auto& gateway) {
    gateway.pai = config::IdentityRule::kPassthrough;
    gateway.privacy = config::PrivacyRule::kPassthrough;
  });
  expect_told({"From: \"Anonymous\" <sip:anonymous@anonymous.invalid>", "Privacy: id",
               "P-Asserted-Identity: <sip:4930@acme.test>"},
              {"alice"});
}

TEST_F(Told, OfAnUntrustedOneNothingIs) {
  change(kCarol, [](auto& gateway) {
    gateway.pai = config::IdentityRule::kPassthrough;
    gateway.privacy = config::PrivacyRule::kPassthrough;
  });
  expect_told({"From: \"Alice\" <sip:alice@"}, {"P-Asserted-Identity", "Privacy"});
}

TEST_F(Told, AnAnonymousCallerKeepsItsNumberInWhatIsAsserted) {
  change(kCarol, [](auto& gateway) {
    gateway.pai = config::IdentityRule::kCaller;
    gateway.ppi = config::IdentityRule::kCaller;
    gateway.privacy = config::PrivacyRule::kId;
    gateway.pai_plan = "alice:49307";
  });
  expect_told({"From: \"Anonymous\" <sip:anonymous@anonymous.invalid>", "Privacy: id",
               "P-Asserted-Identity: <sip:49307@", "P-Preferred-Identity: <sip:alice@"},
              {"<sip:4930@"});
}

TEST_F(Vendors, ACallerThatHangsUpMeanwhileLeavesNothing) {
  carol.on_call = [](sip::InviteSession& call) { call.progress(180); };
  dial();
  alice.leg()->finish(487);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events, (Events{"invite", "cancelled"}));
  EXPECT_TRUE(dave.events.empty());
  const auto r = end();
  EXPECT_EQ(r["end_reason"], "CallerCancelled");
  EXPECT_EQ(given_up(r), (Events{"bcorp 404"}));
}

TEST_F(Vendors, DialPlansOnTheWayInAndOut) {
  change(0, [](auto& gateway) {
    gateway.callee_plan = "00:,0900:!";
    gateway.caller_plan = "al:4930";
  });
  change(kBob, [](auto& gateway) { gateway.callee_plan = "49:0049"; });
  change(kCarol, [](auto& gateway) {
    gateway.callee_plan = "491:77";
    gateway.caller_plan = "49:+49";
  });
  alice.dial(kSwitch, "00491");
  net.run(Seconds{1});
  EXPECT_EQ(bob.last_uri, "sip:00491@10.77.2.2:5060");
  EXPECT_NE(bob.last_request.find("From: \"Alice\" <sip:4930ice@"), std::string::npos);
  EXPECT_EQ(carol.last_uri, "sip:77@10.77.2.3:5060");
  EXPECT_NE(carol.last_request.find("From: \"Alice\" <sip:+4930ice@"), std::string::npos);
  alice.leg()->finish(0);
  net.run(Seconds{1});
  alice.events.clear();
  alice.dial(kSwitch, "0900123");
  net.run(Seconds{70});
  EXPECT_EQ(alice.heard(), (Events{"refused 403"}));
  const auto all = records();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["callee"], "00491");
  EXPECT_EQ(all[0]["callee_sent"], "77");
  EXPECT_EQ(all[0]["given_up"][0]["callee_sent"], "00491");
  EXPECT_EQ(all[1]["end_reason"], "NumberBarred");
}

// A plan that puts something before every number finds none here.
TEST_F(Vendors, NobodyGetsNoPartOfANumber) {
  alice.own_headers = "P-Asserted-Identity: <sip:4930@acme.test>\r\nPrivacy: id\r\n";
  change(0, [](auto& gateway) { gateway.caller_plan = "alice:anonymous"; });
  change(kBob, [](auto& gateway) { gateway.caller_plan = "anonymous$:4940"; });
  change(kCarol, [](auto& gateway) { gateway.caller_plan = ":+"; });
  dial();
  EXPECT_NE(bob.last_request.find("From: \"Alice\" <sip:4940@"), std::string::npos);
  EXPECT_NE(carol.last_request.find("From: \"Alice\" <sip:anonymous@"), std::string::npos)
      << carol.last_request;
  end();
}

TEST_F(Vendors, ANumberThatAVendorsPlanRefusesGoesToTheNextOne) {
  bob.on_call = answer;
  change(kBob, [](auto& gateway) { gateway.callee_plan = "491:!"; });
  dial();
  EXPECT_TRUE(bob.events.empty());
  EXPECT_EQ(alice.heard().back(), "200");
}

class FailCodes : public Vendors {
 protected:
  FailCodes() {
    change(0, [](auto& gateway) {
      gateway.fail_codes = {{"NoRoute", 503}, {"UserBusy", 600}, {"*", 488}};
    });
  }
};

TEST_F(FailCodes, ACustomerGetsTheStatusThatItWants) {
  alice.dial(kSwitch, "7");
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard(), (Events{"refused 503"}));
  EXPECT_NE(alice.last_response.find("Reason: Q.850;cause=3;"), std::string::npos);
  alice.events.clear();
  bob.on_call = refuse(486);
  dial();
  EXPECT_EQ(alice.heard(), (Events{"refused 600"}));
  alice.events.clear();
  for (Phone* phone : {&bob, &carol, &dave}) phone->on_call = refuse(480);
  dial();
  EXPECT_EQ(alice.heard(), (Events{"refused 488"}));
  net.run(Seconds{70});
  const auto all = records();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]["end_reason"], "NoRoute");
  EXPECT_EQ(all[0]["sip_code"], 503);
}

TEST_F(FailCodes, ItsOwnHangUpIsNoFailure) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  dial();
  alice.leg()->finish(487);
  EXPECT_EQ(end()["sip_code"], 487);
}

}  // namespace
}  // namespace tandem::test
