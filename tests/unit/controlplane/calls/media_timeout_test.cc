// TD_MEDIA_TIMEOUT: whose silence ends a call, by what both parties have described.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;

class MediaTimeout : public SwitchTest {
 protected:
  explicit MediaTimeout(const char* mode = "all", const char* bobs = "")
      : SwitchTest(site_with(mode, bobs)) {
    bob.on_call = [](sip::InviteSession& call) {
      call.progress(180);
      call.accept("application/sdp", kAnswer);
    };
    bob.on_change = [](sip::InviteSession& leg) {
      leg.answer_offer(200, "application/sdp", kAnswer);
    };
  }
  static config::Site site_with(const char* mode, const std::string& bobs) {
    config::Site out = make_site({{"TD_MEDIA_TIMEOUT", "20"}, {"TD_MEDIA_TIMEOUT_MODE", mode}});
    if (!bobs.empty()) out.gateways[1].overrides = {{"TD_MEDIA_TIMEOUT", bobs}};
    return out;
  }
  void dial(base::Nanos wait = Seconds{1}) {
    alice.dial(kSwitch, "491");
    net.run(wait);
    ASSERT_EQ(alice.heard().back(), "200");
  }
  // The worker's publication: media came just now from this party.
  void hear(int address) {
    for (const auto& [key, flow] : flows) {
      if (key.first != address) continue;
      wire::FlowRecord record;
      record.generation = flow.generation;
      record.opened_ns = 1;
      record.last_packet_ns = net.wheel().now().count();
      segment.flow_record(flow.key).write(record);
    }
  }
  void hear_for(int address, base::Nanos each, int times) {
    for (int i = 0; i < times; ++i) {
      hear(address);
      net.run(each);
    }
  }
  void change_to(const std::string& direction) {
    ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer + "a=" + direction + "\r\n"));
    net.run(Seconds{1});
    ASSERT_EQ(alice.heard().back(), "offer 200");
  }
  bool is_up() { return alice.heard().back() != "bye"; }
  void expect_timed_out() {
    EXPECT_EQ(alice.heard().back(), "bye");
    EXPECT_EQ(bob.events.back(), "bye");
    EXPECT_NE(bob.last_request.find("Reason: Q.850;cause=102;"), std::string::npos);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "MediaTimeout");
  }
};

TEST_F(MediaTimeout, SilenceOfBothEndsTheCall) {
  dial();
  hear(0);
  hear(1);
  for (int i = 0; i < 10; ++i) hear_for(i % 2, Seconds{15}, 1);  // one party is enough
  EXPECT_TRUE(is_up());
  net.run(Seconds{12});
  expect_timed_out();
}

TEST_F(MediaTimeout, NotWhereNothingIsKnown) {
  dial(Seconds{60});  // no worker has said anything
  EXPECT_TRUE(is_up());
}

TEST_F(MediaTimeout, NotWhileAPartyIsInactive) {
  dial();
  hear(0);
  hear(1);
  change_to("inactive");
  net.run(Seconds{60});
  EXPECT_TRUE(is_up());
  change_to("sendrecv");
  net.run(Seconds{60});
  expect_timed_out();
}

// On hold with music: who only receives is excused, and the packets that it sends all the same are
// no sign of life of the one who plays the music.
TEST_F(MediaTimeout, OnlyWhoSendsIsWaitedFor) {
  dial();
  hear(0);
  hear(1);
  change_to("sendonly");
  hear_for(0, Seconds{15}, 6);
  EXPECT_TRUE(is_up());
  hear_for(1, Seconds{9}, 3);
  expect_timed_out();
}

class OneIsEnough : public MediaTimeout {
 protected:
  OneIsEnough() : MediaTimeout("any") {}
};

TEST_F(OneIsEnough, ItsSilenceEndsTheCall) {
  dial();
  for (int i = 0; i < 4; ++i) {
    hear(0);
    hear(1);
    net.run(Seconds{15});
  }
  EXPECT_TRUE(is_up());
  hear_for(1, Seconds{6}, 3);
  expect_timed_out();
}

TEST_F(OneIsEnough, WhoOnlyReceivesIsExcused) {
  dial();
  hear(0);
  hear(1);
  change_to("sendonly");
  hear_for(0, Seconds{15}, 6);
  EXPECT_TRUE(is_up());
}

class Shorter : public MediaTimeout {
 protected:
  Shorter() : MediaTimeout("all", "10") {}
};

TEST_F(Shorter, TheGatewaysOwnCounts) {
  dial();
  hear(0);
  hear(1);
  net.run(Seconds{14});
  expect_timed_out();
}

}  // namespace
}  // namespace tandem::test
