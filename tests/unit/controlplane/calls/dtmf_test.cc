// Digits by INFO on one leg and as telephone events on the other.
#include "controlplane/calls/dtmf.h"

#include "controlplane/sdp/events.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using calls::Digit;
using calls::read_digit;
using Names = std::vector<std::string>;

TEST(DtmfBody, SaysADigit) {
  EXPECT_EQ(read_digit("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n"), (Digit{5, 250}));
  EXPECT_EQ(read_digit("Application/DTMF-Relay; x=y", "signal= * \nduration= 100"),
            (Digit{10, 100}));
  EXPECT_EQ(read_digit("application/dtmf-relay", "Signal=#"), (Digit{11, 160}));
  EXPECT_EQ(read_digit("application/dtmf-relay", "Signal=d\r\nDuration=1"), (Digit{15, 40}));
  EXPECT_EQ(read_digit("application/dtmf-relay", "Signal=11\r\nDuration=x"), (Digit{11, 160}));
  EXPECT_EQ(read_digit("application/dtmf-relay", "Signal=hf"), (Digit{16, 160}));
  EXPECT_EQ(read_digit("application/dtmf", "7\r\n"), (Digit{7, 160}));
  EXPECT_EQ(read_digit("application/dtmf", "Signal=7"), (Digit{7, 160}));
}

TEST(DtmfBody, SaysNone) {
  EXPECT_FALSE(read_digit("application/dtmf-relay", ""));
  EXPECT_FALSE(read_digit("application/dtmf-relay", "5"));
  EXPECT_FALSE(read_digit("application/dtmf-relay", "Signal=x"));
  EXPECT_FALSE(read_digit("application/dtmf-relay", "Signal=17"));
  EXPECT_FALSE(read_digit("text/plain", "Signal=5"));
}

TEST(DtmfBody, IsWrittenAsItIsRead) {
  for (std::uint8_t event = 0; event <= 16; ++event) {
    const Digit digit{event, 120};
    EXPECT_EQ(read_digit(calls::kDtmfRelay, *calls::dtmf_relay_body(digit)), digit);
  }
  EXPECT_FALSE(calls::dtmf_relay_body({17, 100}));
  EXPECT_EQ(calls::dtmf_relay_body({0, 0}), "Signal=0\r\nDuration=160\r\n");
}

const std::string kEventsAnswer =
    "v=0\r\no=bob 2 2 IN IP4 10.77.2.2\r\ns=-\r\nc=IN IP4 10.77.2.2\r\nt=0 0\r\n"
    "m=audio 8000 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n";
const std::string kPlainOffer =
    "v=0\r\no=alice 1 1 IN IP4 10.77.1.2\r\ns=-\r\nc=IN IP4 10.77.1.2\r\nt=0 0\r\n"
    "m=audio 7000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
constexpr const char* kFive = "Signal=5\r\nDuration=250\r\n";
const std::string kRelayType = "Content-Type: application/dtmf-relay\r\n";

class Dtmf : public SwitchTest {
 protected:
  Dtmf(const char* caller, const char* callee)
      : SwitchTest([&] {
          config::Site made = make_site();
          made.gateways[0].overrides = {{"TD_DTMF", caller}};
          made.gateways[1].overrides = {{"TD_DTMF", callee}};
          return made;
        }()) {}

  void talk(const std::string& offer, const std::string& answer) {
    bob.on_call = [this, answer](sip::InviteSession& call) {
      offered_ = bob.last_body;
      call.accept("application/sdp", answer);
    };
    alice.dial(kSwitch, "491", offer);
    net.run(base::Seconds{1});
    ASSERT_EQ(alice.heard(), Names{"200"});
    answered_ = alice.last_body;
  }
  void end() {
    alice.leg()->finish(0);
    net.run(base::Seconds{1});
    expect_nothing_left();
  }
  // What the worker knows of events that come from this side; taken, from, to.
  std::array<int, 3> rules(std::uint16_t side) const {
    for (const auto& [place, set] : events_of) {
      if (place.first == side) return {set.taken, set.from, set.to};
    }
    return {0xff, 0xff, 0xff};
  }
  void hear_digit(std::uint16_t side, std::uint8_t digit) {
    wire::Event event;
    event.kind = wire::EventKind::kDigitHeard;
    event.digit = {};
    for (const auto& [place, flow] : flows) {
      if (place.first != side || flow.kind != wire::FlowKind::kRtp) continue;
      event.digit.key = flow.key;
      event.digit.generation = flow.generation;
      event.digit.cookie = flow.cookie;
    }
    event.digit.event = digit;
    event.digit.duration_ms = 120;
    worker.events.enqueue(event);
    net.run(base::Seconds{1});
  }

  std::string offered_;   // as the callee saw it
  std::string answered_;  // as the caller did
};

class DtmfAsItComes : public Dtmf {
 protected:
  DtmfAsItComes() : Dtmf("pass", "pass") {}
};

TEST_F(DtmfAsItComes, InfoPassesAsInfo) {
  talk(kOffer, kEventsAnswer);
  alice.ask("INFO", kRelayType, kFive);
  net.run(base::Seconds{1});
  EXPECT_EQ(bob.events.back(), "INFO");
  EXPECT_EQ(bob.last_body, kFive);
  EXPECT_TRUE(digits.empty());
  end();
}

TEST_F(DtmfAsItComes, AnAnswersOwnNumberIsMappedToTheOffers) {
  talk(kOffer, kEventsAnswer);
  EXPECT_EQ(sdp::events_of(offered_), 101);
  EXPECT_EQ(sdp::events_of(answered_), 101);
  EXPECT_EQ(rules(0), (std::array<int, 3>{0xff, 101, 96})) << "what the caller sends";
  EXPECT_EQ(rules(1), (std::array<int, 3>{0xff, 0xff, 0xff})) << "the callee sends what we said";
  end();
}

TEST_F(DtmfAsItComes, WhereBothSayOneNumberNothingIsOrdered) {
  std::string answer = kEventsAnswer;
  for (auto at = answer.find("96"); at != answer.npos; at = answer.find("96")) {
    answer.replace(at, 2, "101");
  }
  talk(kOffer, answer);
  EXPECT_EQ(answered_.find("101") != answered_.npos, true);
  EXPECT_TRUE(events_of.empty());
  end();
}

class DtmfToEvents : public Dtmf {
 protected:
  DtmfToEvents() : Dtmf("pass", "rfc4733") {}
};

TEST_F(DtmfToEvents, InfoBecomesAnEvent) {
  talk(kOffer, kEventsAnswer);
  alice.ask("INFO", kRelayType, kFive);
  net.run(base::Seconds{1});
  EXPECT_EQ(alice.events.back(), "answer 200");
  EXPECT_EQ(bob.events.back(), "acked") << "it gets no INFO";
  ASSERT_EQ(digits.size(), 1u);
  EXPECT_EQ(digits[0].key.address, 1);
  EXPECT_EQ(digits[0].event, 5);
  EXPECT_EQ(digits[0].duration_ms, 250);
  EXPECT_EQ(digits[0].payload_type, 96);
  // What says nothing of a digit passes.
  alice.ask("INFO", "Content-Type: text/plain\r\n", "hello");
  net.run(base::Seconds{1});
  EXPECT_EQ(bob.events.back(), "INFO");
  end();
}

TEST_F(DtmfToEvents, WhoKnowsNoEventsGetsTheInfo) {
  talk(kOffer, kAnswer);
  alice.ask("INFO", kRelayType, kFive);
  net.run(base::Seconds{1});
  EXPECT_EQ(bob.events.back(), "INFO");
  EXPECT_TRUE(digits.empty());
  end();
}

TEST_F(DtmfToEvents, EventsAreOfferedForACallerThatHasNone) {
  talk(kPlainOffer, kEventsAnswer);
  EXPECT_EQ(sdp::events_of(offered_), 101);
  EXPECT_EQ(sdp::events_of(answered_), std::nullopt) << "it had not offered them";
  alice.ask("INFO", kRelayType, kFive);
  net.run(base::Seconds{1});
  ASSERT_EQ(digits.size(), 1u);
  EXPECT_EQ(digits[0].payload_type, 96);
  end();
}

class DtmfToInfo : public Dtmf {
 protected:
  DtmfToInfo() : Dtmf("pass", "info") {}
};

TEST_F(DtmfToInfo, EventsBecomeInfo) {
  talk(kOffer, kAnswer);
  EXPECT_EQ(sdp::events_of(offered_), std::nullopt) << "it is told by INFO";
  EXPECT_EQ(sdp::events_of(answered_), 101) << "the caller may send them";
  EXPECT_EQ(rules(0), (std::array<int, 3>{101, 0xff, 0xff}));
  hear_digit(0, 11);
  EXPECT_EQ(bob.events.back(), "INFO");
  EXPECT_EQ(bob.last_body, "Signal=#\r\nDuration=120\r\n");
  EXPECT_TRUE(has(bob.last_request, "application/dtmf-relay")) << bob.last_request;
  EXPECT_EQ(alice.heard(), Names{"200"}) << "nobody asked for the answer";
  end();
}

TEST_F(DtmfToInfo, NotMoreThanItCanAnswer) {
  talk(kOffer, kAnswer);
  bob.on_request = [](auto&, auto, const auto&) {};
  for (int i = 0; i < 10; ++i) hear_digit(0, 1);
  EXPECT_EQ(counters.get(wire::Counter::drop_digit_unsent), 2u);
  end();
}

class DtmfOfACallerByInfo : public Dtmf {
 protected:
  DtmfOfACallerByInfo() : Dtmf("info", "rfc4733") {}
};

TEST_F(DtmfOfACallerByInfo, IsConvertedBothWays) {
  talk(kPlainOffer, kEventsAnswer);
  EXPECT_EQ(sdp::events_of(offered_), 101);
  EXPECT_EQ(rules(1), (std::array<int, 3>{101, 0xff, 0xff})) << "by the number that we offered";
  alice.ask("INFO", kRelayType, kFive);
  net.run(base::Seconds{1});
  EXPECT_EQ(digits.size(), 1u);
  hear_digit(1, 3);
  EXPECT_EQ(alice.events.back(), "INFO");
  EXPECT_EQ(alice.last_body, "Signal=3\r\nDuration=120\r\n");
  end();
}

}  // namespace
}  // namespace tandem::test
