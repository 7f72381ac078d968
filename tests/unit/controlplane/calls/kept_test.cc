// What outlives the process of each call's record, seen at the moment when a message leaves: if we
// died right behind it, this is what the next life would find.
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;

class KeptRecords : public SwitchTest {
 protected:
  struct Found {
    bool finished = false;
    cdr::CallRecord record;
  };
  // The way out of the switch under test.
  class Watch final : public sip::Transport {
   public:
    Watch(VirtualNet& net, std::function<void(std::string_view)> look)
        : port_(net), look_(std::move(look)) {}
    bool send(const sip::Path& path, std::string_view message) override {
      look_(message);
      return port_.send(path, message);
    }

   private:
    VirtualNet::Port port_;
    std::function<void(std::string_view)> look_;
  };

  KeptRecords() {
    journal.stop();  // its records wait for ever: slots are freed by tests alone
    watched.attach(door);
    watched.keep_in(open_calls);
    net.attach(at("10.77.1.1").address, door);
    net.attach(at("10.77.2.1").address, door);
    net.on_idle([this] {
      door.tidy();
      watched.tidy();
    });
  }
  std::vector<Found> kept() {
    std::vector<Found> out;
    open_calls.each_left([&](const cdr::OpenCalls::Left& left) {
      ASSERT_TRUE(left.record);
      out.push_back({left.finished, *left.record});
    });
    return out;
  }
  // What was kept when the first message that begins so, and has this in it, was sent.
  std::vector<Found> when(const std::string& begin, const std::string& part = {}) {
    for (const auto& [message, found] : seen) {
      if (message.starts_with(begin) && has(message, part)) return found;
    }
    ADD_FAILURE() << "never sent: " << begin << part;
    return {};
  }
  void expect_ended(const std::vector<Found>& found, const std::string& reason, int sip_code) {
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].finished);
    EXPECT_EQ(found[0].record.end_reason, reason);
    EXPECT_EQ(found[0].record.sip_code, sip_code);
    EXPECT_NE(found[0].record.end_ms, 0);
  }

  std::vector<std::pair<std::string, std::vector<Found>>> seen;
  Watch watch{
      net, [this](std::string_view message) { seen.emplace_back(std::string(message), kept()); }};
  sip::Environment watched_env{
      .wheel = net.wheel(), .transport = watch, .counters = counters, .random = random};
  calls::CallService watched{watched_env, site,  gateways, routes,
                             datapath,    ports, journal,  "watched"};
  sip::UserAgent door{watched_env, watched};
};

TEST_F(KeptRecords, AnAnsweredCall) {
  alice.dial(kSwitch, "4930123");
  net.run(Seconds{1});
  ASSERT_EQ(alice.events.back(), "200");
  // Whoever gets one of these knows of the call: the caller, who won't ask again, and the callee.
  for (const char* first : {"SIP/2.0 100", "INVITE"}) {
    const auto begun = when(first);
    ASSERT_EQ(begun.size(), 1u) << first;
    EXPECT_EQ(begun[0].record.routing_gateway, "bcorp");
    EXPECT_EQ(begun[0].record.callee_sent, "4930123");
    EXPECT_TRUE(has(seen.front().first, "\r\nCall-ID: " + begun[0].record.callee_call_id + "\r\n"));
  }
  const auto ringing = when("SIP/2.0 180");
  ASSERT_EQ(ringing.size(), 1u);
  EXPECT_FALSE(ringing[0].finished);
  EXPECT_NE(ringing[0].record.ring_ms, 0);
  EXPECT_EQ(ringing[0].record.answer_ms, 0);
  const auto answered = when("SIP/2.0 200");
  ASSERT_EQ(answered.size(), 1u);
  EXPECT_FALSE(answered[0].finished);
  EXPECT_NE(answered[0].record.answer_ms, 0);
  EXPECT_EQ(answered[0].record.sip_code, 200);
  EXPECT_EQ(answered[0].record.codec, "PCMU");
  EXPECT_EQ(answered[0].record.media_mode, "proxy");
  bob.leg()->finish(0);
  net.run(Seconds{3});
  const auto ended = when("BYE");
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0].finished);
  EXPECT_EQ(ended[0].record.end_reason, "NormalClearing");
  EXPECT_EQ(ended[0].record.end_direction, "callee");
  EXPECT_NE(ended[0].record.end_ms, 0);
  expect_ended(when("SIP/2.0 200", " BYE\r\n"), "NormalClearing", 200);
  // It waits for the disk; the call is gone.
  EXPECT_EQ(watched.live(), 0u);
  EXPECT_EQ(kept().size(), 1u);
}

TEST_F(KeptRecords, RefusalsAreKeptBeforeTheyAreSaid) {
  bob.on_call = [](sip::InviteSession& call) { call.finish(486); };
  alice.dial(kSwitch, "4930");
  net.run(Seconds{1});
  auto kept_now = when("SIP/2.0 486");
  ASSERT_EQ(kept_now.size(), 1u);
  EXPECT_TRUE(kept_now[0].finished);
  EXPECT_EQ(kept_now[0].record.end_reason, "UserBusy");
  EXPECT_EQ(kept_now[0].record.sip_code, 486);
  alice.dial(kSwitch, "7");  // no route: it never got as far as a gateway
  net.run(Seconds{1});
  kept_now = when("SIP/2.0 404");
  ASSERT_EQ(kept_now.size(), 2u);
  EXPECT_TRUE(kept_now[1].finished);
  EXPECT_EQ(kept_now[1].record.end_reason, "NoRoute");
  // One that doesn't become a call at all.
  watched.drain();
  alice.dial(kSwitch, "4930");
  net.run(Seconds{1});
  kept_now = when("SIP/2.0 503");
  ASSERT_EQ(kept_now.size(), 3u);
  EXPECT_TRUE(kept_now[2].finished);
  EXPECT_EQ(kept_now[2].record.end_reason, "Shutdown");
  EXPECT_EQ(kept_now[2].record.mapping_gateway, "acme");
}

TEST_F(KeptRecords, ACancelledCall) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  alice.dial(kSwitch, "4930");
  net.run(Seconds{1});
  alice.leg()->finish(487);
  net.run(Seconds{1});
  expect_ended(when("SIP/2.0 487"), "CallerCancelled", 487);
  expect_ended(when("CANCEL"), "CallerCancelled", 487);
}

TEST_F(KeptRecords, ACallThatItsCallerLeavesBeforeTheAnswer) {
  RawParty caller(net, "10.77.1.2:5060");  // in alice's place
  caller.towards(kSwitch);
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  const std::string from = "<sip:a@10.77.1.2>;tag=1";
  caller.send("INVITE", from, "<sip:491@10.77.1.1>", "early", 1, {}, kOffer);
  net.run(Seconds{1});
  caller.send("BYE", from, field(caller.last("SIP/2.0 180"), "To"), "early", 2);
  net.run(Seconds{1});
  expect_ended(when("SIP/2.0 200", " BYE\r\n"), "CallerCancelled", 487);
  expect_ended(when("SIP/2.0 487"), "CallerCancelled", 487);
}

TEST_F(KeptRecords, AnAnswerThatIsNeverAcknowledged) {
  RawParty caller(net, "10.77.1.2:5060");
  caller.towards(kSwitch);
  caller.send("INVITE", "<sip:a@10.77.1.2>;tag=1", "<sip:491@10.77.1.1>", "silent", 1, {}, kOffer);
  net.run(Seconds{40});
  ASSERT_EQ(caller.count("BYE"), 1);
  expect_ended(when("BYE sip:10.77.1.2"), "AckTimeout", 200);
}

TEST_F(KeptRecords, ARingThatIsNeverAcknowledged) {
  RawParty caller(net, "10.77.1.2:5060");
  caller.towards(kSwitch);
  bob.on_call = [](sip::InviteSession& call) {
    call.progress(183, "application/sdp", kAnswer);
    call.accept({}, {});
  };
  caller.send("INVITE", "<sip:a@10.77.1.2>;tag=1", "<sip:491@10.77.1.1>", "silent", 1,
              "Require: 100rel\r\n", kOffer);
  net.run(Seconds{40});
  expect_ended(when("SIP/2.0 504"), "PrackTimeout", 504);
}

TEST_F(KeptRecords, ACallToASilentGateway) {
  const RawParty silent(net, "10.77.2.2:5060");  // in bob's place
  alice.dial(kSwitch, "4930");
  net.run(Seconds{20});
  ASSERT_EQ(alice.events.back(), "refused 408");
  const auto kept_now = when("SIP/2.0 408");
  ASSERT_EQ(kept_now.size(), 1u);
  EXPECT_TRUE(kept_now[0].finished);
  EXPECT_EQ(kept_now[0].record.end_reason, "InviteTimeout");
}

TEST_F(KeptRecords, WithoutASlotACallIsRefused) {
  cdr::OpenCalls one(1);
  const std::string path = open_calls_path + ".one";
  ASSERT_TRUE(one.open(path).ok());
  watched.keep_in(one);
  alice.dial(kSwitch, "4930");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "200");
  alice.dial(kSwitch, "4930");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 503");
  EXPECT_FALSE(field(alice.last_response, "Retry-After").empty());
  EXPECT_EQ(counters.get(wire::Counter::calls_refused_records), 1u);
  bob.leg()->finish(0);
  net.run(Seconds{3});
  one.free(1);  // the record is on disk
  alice.dial(kSwitch, "4930");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "200");
  bob.leg()->finish(0);
  net.run(Seconds{3});
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tandem::test
