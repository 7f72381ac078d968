// A routing gateway that does what no user agent of ours would: whatever it sends, no leg stays
// half open, no transaction stays for ever, and the caller is told the truth.
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;

class OddGateways : public SwitchTest {
 protected:
  OddGateways() = default;
  explicit OddGateways(config::Site configured) : SwitchTest(std::move(configured)) {}
  void dial() {
    alice.dial(kSwitch, "491");
    net.settle();
  }
  RawParty gateway{net, "10.77.2.2:5060"};
};

TEST_F(OddGateways, ByeOutOfAnEarlyDialog) {
  dial();
  gateway.respond(gateway.invite, "180 Ringing", "b1");
  net.settle();
  gateway.request("BYE", "b1", 1);
  net.settle();
  EXPECT_EQ(gateway.count("SIP/2.0 200"), 1);
  EXPECT_EQ(gateway.count("CANCEL"), 1);  // the INVITE still wants an end
  EXPECT_EQ(alice.events.back(), "refused 480");
  net.run(Seconds{1});
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);  // it answers all the same
  net.settle();
  EXPECT_EQ(gateway.count("ACK"), 1);
  EXPECT_EQ(gateway.count("BYE"), 1);
  expect_nothing_left();
}

TEST_F(OddGateways, RingingAfterProgressHasItsOwnLimit) {
  // The limits here: 20 s after a 183 without description, 10 s after 180.
  dial();
  gateway.respond(gateway.invite, "183 Session Progress", "b1");
  net.run(Seconds{15});
  gateway.respond(gateway.invite, "180 Ringing", "b1");
  net.run(Seconds{8});
  EXPECT_EQ(alice.events.back(), "180");
  gateway.respond(gateway.invite, "183 Session Progress", "b1");  // begins nothing again
  net.run(Seconds{3});
  EXPECT_EQ(alice.events.back(), "refused 480");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "NoAnswer");
}

class SlowGateways : public OddGateways {
 protected:
  // The limits here: 5 s after a 100, 7 s after a 183 without description, 12 s after one with it.
  SlowGateways()
      : OddGateways(make_site({{"SS_SIP_TIMEOUT_TRYING", "5"},
                               {"SS_SIP_TIMEOUT_SESSION_PROGRESS", "7"},
                               {"SS_SIP_TIMEOUT_SESSION_PROGRESS_SDP", "12"}})) {}
  // What the limit's end does: the gateway is cancelled, the caller told, the record says why.
  void expect_given_up_after(base::Nanos rest) {
    const int invites = gateway.count("INVITE");
    net.run(rest - base::Millis{100});
    EXPECT_EQ(gateway.count("CANCEL"), 0);
    EXPECT_EQ(net.count("SIP/2.0 408"), 0);
    net.run(base::Millis{200});
    EXPECT_EQ(gateway.count("CANCEL"), 1);
    EXPECT_EQ(alice.events.back(), "refused 408");
    EXPECT_NE(net.last("SIP/2.0 408").find("Reason: Q.850;cause=102"), std::string::npos);
    gateway.respond(gateway.last("CANCEL"), "200 OK", "b1");
    gateway.respond(gateway.invite, "487 Request Terminated", "b1");
    net.settle();
    EXPECT_EQ(gateway.count("ACK"), 1);
    EXPECT_EQ(gateway.count("INVITE"), invites);
    expect_nothing_left();
    const auto r = record();
    EXPECT_EQ(r["end_reason"], "ProgressTimeout");
    EXPECT_EQ(r["end_direction"], "switch");
    EXPECT_EQ(r["sip_code"], 408);
  }
};

TEST_F(SlowGateways, TryingAndNothingMore) {
  dial();
  net.run(Seconds{2});  // an INVITE's own limit would be 3 s
  gateway.respond(gateway.invite, "100 Trying", "");
  net.run(Seconds{3});
  gateway.respond(gateway.invite, "100 Trying", "");  // begins nothing again
  expect_given_up_after(Seconds{2});
}

TEST_F(SlowGateways, ProgressAndNothingMore) {
  dial();
  gateway.respond(gateway.invite, "100 Trying", "");
  net.run(Seconds{4});
  gateway.respond(gateway.invite, "183 Session Progress", "b1");
  net.run(Seconds{5});
  EXPECT_EQ(alice.events.back(), "183");
  gateway.respond(gateway.invite, "183 Session Progress", "b1");  // begins nothing again
  gateway.respond(gateway.invite, "100 Trying", "");              // nor is this a step back
  expect_given_up_after(Seconds{2});
}

TEST_F(SlowGateways, EarlyMediaAndNothingMore) {
  dial();
  gateway.respond(gateway.invite, "183 Session Progress", "b1");
  net.run(Seconds{6});
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer);
  net.run(Seconds{10});
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer);  // begins nothing again
  expect_given_up_after(Seconds{2});
}

TEST_F(OddGateways, ForkAfterTheLegHasEnded) {
  dial();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  net.settle();
  alice.leg()->finish(0);
  net.settle();
  const int acks = gateway.count("ACK");
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);  // repeated: its ACK again
  net.settle();
  EXPECT_EQ(gateway.count("ACK"), acks + 1);
  gateway.respond(gateway.invite, "200 OK", "b2", kAnswer);  // another fork: ACK and BYE
  net.settle();
  EXPECT_EQ(gateway.count("ACK"), acks + 2);
  EXPECT_EQ(gateway.count("BYE"), 2);
  expect_nothing_left();
}

TEST_F(OddGateways, ARepeatedForkIsHungUpOnce) {
  dial();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  for (int i = 0; i < 10; ++i) gateway.respond(gateway.invite, "200 OK", "b2", kAnswer);
  net.settle();
  EXPECT_EQ(gateway.count("BYE"), 1);
  EXPECT_EQ(gateway.count("ACK"), 11);
  EXPECT_EQ(alice.events.back(), "200");  // the first answer stands
  for (int i = 0; i < 100; ++i) {
    gateway.respond(gateway.invite, "200 OK", "x" + std::to_string(i), kAnswer);
  }
  net.settle();
  EXPECT_LE(gateway.count("BYE"), 8);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(OddGateways, AnswerWithoutDescriptionFailsAndIsHungUp) {
  dial();
  gateway.respond(gateway.invite, "200 OK", "b1");
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 502");
  EXPECT_EQ(gateway.count("ACK"), 1);
  EXPECT_EQ(gateway.count("BYE"), 1);
  expect_nothing_left();
}

TEST_F(OddGateways, RedirectsAndChallengesAreNotRelayedBlindly) {
  for (const auto& [status, seen] : {std::pair{"302 Moved", "refused 480"},
                                     {"407 Auth", "refused 503"},
                                     {"420 Bad Extension", "refused 502"},
                                     {"404 Not Found", "refused 404"}}) {
    dial();
    gateway.respond(gateway.invite, status, "b1");
    net.run(Seconds{3});
    EXPECT_EQ(alice.events.back(), seen);
  }
  expect_nothing_left();
}

// Sends the call back to us, as a proxy of the gateway's would, to `number`.
std::string sent_back(std::string invite, const std::string& number) {
  const auto via = invite.find("Via: ");
  invite.insert(via, "Via: SIP/2.0/UDP 10.77.1.2:5060;branch=z9hG4bKback" + number + "\r\n");
  const auto uri = invite.find("sip:491@10.77.2.2");
  return invite.replace(uri, 7, "sip:" + number);
}

TEST_F(OddGateways, ACallThatComesBackIsALoop) {
  dial();
  gateway.respond(gateway.invite, "180 Ringing", "b1");
  Phone acme{net, "10.77.1.2:5060"};  // takes alice's place: the gateway calls in as a customer
  VirtualNet::Port back(net);
  back.send({at("10.77.1.2:5060"), at(kSwitch)}, sent_back(gateway.invite, "491"));
  net.settle();
  EXPECT_EQ(net.count("SIP/2.0 482"), 1);
  EXPECT_EQ(gateway.count("INVITE"), 1);
  // The same call with another number is a spiral: somebody has done something with it.
  std::string spiral = sent_back(gateway.invite, "331");
  back.send({at("10.77.1.2:5060"), at(kSwitch)}, spiral);
  net.settle();
  EXPECT_EQ(net.count("SIP/2.0 482"), 1);
  EXPECT_EQ(calls.live(), 2u);
  calls.drain();
  net.run(Seconds{40});
  expect_nothing_left();
}

TEST_F(OddGateways, StrangersAreNotAmplifiedAndHoldNoMemory) {
  Phone eve{net, "10.77.1.66:5060"};
  net.lose([](const VirtualNet::Datagram& d) { return d.bytes.starts_with("ACK"); });
  eve.dial(kSwitch, "491");
  net.settle();
  EXPECT_EQ(agent.live_transactions(), 0u);
  net.run(Seconds{40});
  EXPECT_EQ(net.count("SIP/2.0 403"), 1);
  expect_nothing_left();
}

TEST_F(OddGateways, TooLargeARequestIsGivenUpWhole) {
  auto [id, session] = agent.make_session({at("10.77.2.1"), at("10.77.2.2")});
  const std::string body(70000, 'x');
  EXPECT_FALSE(session->start({.request_uri = "sip:a@10.77.2.2",
                               .from = "<sip:a@b>",
                               .to = "<sip:a@b>",
                               .content_type = "application/sdp",
                               .body = body}));
  session->finish(503);
  expect_nothing_left();
}

TEST_F(OddGateways, DrainRefusesHangsUpAndRecordsAll) {
  dial();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  net.run(Seconds{1});
  calls.drain();
  alice.dial(kSwitch, "492");
  mute = true;  // no figures come any more
  net.run(base::Millis{100});
  EXPECT_EQ(alice.events.back(), "refused 503");
  calls.record_all_now();
  net.run(base::Millis{8});
  EXPECT_EQ(calls.live(), 0u);
  std::map<std::string, int> reasons;
  for (const auto& r : records()) ++reasons[r["end_reason"].get<std::string>()];
  EXPECT_EQ(reasons, (std::map<std::string, int>{{"Shutdown", 2}}));
  EXPECT_EQ(gateway.count("BYE"), 1);
}

TEST_F(OddGateways, FullRecordQueueRefusesWithoutAddingToIt) {
  cdr::Journal full(0, base::Millis{50});
  calls::CallService refusing{env, site, gateways, routes, datapath, ports, full, "full"};
  sip::UserAgent door{env, refusing};
  refusing.attach(door);
  net.attach(at("10.77.1.1").address, door);
  net.on_idle([&] { door.tidy(); });
  dial();
  EXPECT_EQ(alice.events.back(), "refused 503");
  EXPECT_FALSE(field(alice.last_response, "Retry-After").empty());
  EXPECT_EQ(counters.get(wire::Counter::calls_refused_records), 1u);
  EXPECT_EQ(refusing.live(), 0u);
  net.run(Seconds{40});
}

}  // namespace
}  // namespace tandem::test
