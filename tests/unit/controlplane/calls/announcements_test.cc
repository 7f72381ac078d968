// What the switch says to a caller itself: ringback while the callee rings, and why a call failed.
#include "controlplane/media/sounds.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"

#include <sndfile.h>

namespace tandem::test {
namespace {

using Names = std::vector<std::string>;

class Announcements : public SwitchTest {
 protected:
  using Set = std::vector<std::pair<std::string, std::string>>;

  explicit Announcements(const Set& set = {})
      : SwitchTest([&] {
          config::Site made = make_site(set);
          made.gateways[0].announcements = {{"NoRoute", "unknown"}, {"*", "sorry"}};
          return made;
        }()) {
    std::filesystem::create_directory(folder_);
    write("unknown", 800);
    write("sorry", 16'000);
    sounds_.emplace(media::Sounds::read(folder_, {"unknown", "sorry"}).value());
    CHECK(sounds_->fill(segment.sounds()));
    calls.play(*sounds_);
  }
  ~Announcements() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& file, int samples) {
    SF_INFO info{};
    info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    info.samplerate = 8000;
    info.channels = 1;
    SNDFILE* out = sf_open((folder_ + "/" + file + ".wav").c_str(), SFM_WRITE, &info);
    const std::vector<std::int16_t> silence(static_cast<std::size_t>(samples));
    sf_write_short(out, silence.data(), samples);
    sf_close(out);
  }
  std::uint16_t number_of(const std::string& sound) const { return sounds_->find(sound)->number; }
  // As the worker says that the caller's sound is over.
  void end_play() {
    wire::Event event;
    event.kind = wire::EventKind::kPlayEnded;
    event.play_ended = {};
    event.play_ended.key = plays.back().key;
    event.play_ended.number = plays.back().number;
    event.play_ended.generation = plays.back().generation;
    event.play_ended.cookie = flows.at({0, plays.back().key.port}).cookie;
    worker.events.enqueue(event);
    net.run(base::Millis{10});
  }
  void dial(const std::string& number, const std::string& offer = kOffer) {
    alice.dial(kSwitch, number, offer);
    net.run(base::Seconds{1});
  }
  sdp::Media told() const { return sdp::parse(alice.last_body).value().media.at(0); }

  const std::string folder_ = "/tmp/" + name + "-sounds";
  std::optional<media::Sounds> sounds_;
};

class LocalRing : public Announcements {
 protected:
  LocalRing() : Announcements({{"TD_LOCAL_RING", "on"}, {"TD_RING_COUNTRY", "gb"}}) {
    bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  }
};

TEST_F(LocalRing, ACallerHearsTheToneInADialogOfItsOwn) {
  dial("491");
  EXPECT_EQ(alice.heard(), Names{"183"});
  EXPECT_EQ(told().codec, "PCMU");
  EXPECT_EQ(told().formats, "0 101");
  EXPECT_EQ(told().rtp.address, base::IpAddress::ip4(10, 77, 1, 1));
  ASSERT_EQ(plays.size(), 1u);
  EXPECT_EQ(plays[0].key, (wire::FlowKey{0, told().rtp.port}));
  EXPECT_EQ(plays[0].payload_type, 0);
  EXPECT_TRUE(plays[0].loops && plays[0].yields);
  EXPECT_EQ(plays[0].cadence[0], 20);
  EXPECT_EQ(plays[0].cadence[3], 100);
  const auto early = alice.last_response;
  bob.leg()->progress(180);
  net.run(base::Seconds{1});
  EXPECT_EQ(alice.heard(), Names{"183"}) << "it rings and rings";
  EXPECT_EQ(plays.size(), 1u);
  bob.leg()->accept("application/sdp", kAnswer);
  net.run(base::Seconds{1});
  EXPECT_EQ(alice.heard(), (Names{"183", "200"}));
  EXPECT_NE(alice.last_fork, 1) << "not an answer of the dialog that we rang in";
  EXPECT_EQ(told().formats, "0");
  EXPECT_EQ(stopped, 1u);
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
  EXPECT_EQ(record()["end_reason"], "NormalClearing");
  expect_nothing_left();
}

TEST_F(LocalRing, EarlyMediaOfTheCalleesFollowsInAnotherDialog) {
  dial("491");
  bob.leg()->progress(183, "application/sdp", kAnswer);
  net.run(base::Seconds{1});
  EXPECT_EQ(alice.heard(), (Names{"183", "183"}));
  EXPECT_EQ(alice.last_fork, 2);
  EXPECT_EQ(stopped, 0u) << "the tone gives way by itself";
  bob.leg()->progress(180);
  net.run(base::Seconds{1});
  EXPECT_EQ(alice.heard().back(), "180") << "and what the callee says passes from now on";
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
  expect_nothing_left();
}

TEST_F(LocalRing, WhoCannotHearUsIsToldThatItRings) {
  std::string offer = kOffer;
  offer.replace(offer.find("0 101"), 5, "18");
  dial("491", offer);
  EXPECT_EQ(alice.heard(), Names{"180"});
  EXPECT_TRUE(plays.empty());
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
}

TEST_F(LocalRing, NorWhoOffersNothing) {
  dial("491", "");
  EXPECT_EQ(alice.heard(), Names{"180"});
  EXPECT_TRUE(plays.empty());
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
}

TEST_F(LocalRing, TheToneIsFollowedByAnAnnouncementInTheSameDialog) {
  dial("491");
  bob.leg()->finish(486);
  net.run(base::Millis{100});
  EXPECT_EQ(alice.heard(), Names{"183"});
  ASSERT_EQ(plays.size(), 2u);
  EXPECT_EQ(plays[1].sound, number_of("sorry"));
  EXPECT_FALSE(plays[1].loops);
  EXPECT_EQ(plays[1].key, plays[0].key);
  EXPECT_EQ(gateways.load(1), 0u) << "the vendor's place is free again";
  end_play();
  EXPECT_EQ(alice.heard(), (Names{"183", "refused 486"}));
  EXPECT_EQ(record()["end_reason"], "UserBusy");
  EXPECT_EQ(record()["end_direction"], "callee");
  expect_nothing_left();
}

TEST_F(Announcements, WithoutLocalRingRingingPasses) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  dial("491");
  EXPECT_EQ(alice.heard(), Names{"180"});
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
}

TEST_F(Announcements, AFailureIsToldBeforeItsStatus) {
  dial("999");
  EXPECT_EQ(alice.heard(), Names{"183"});
  EXPECT_EQ(told().formats, "0 101");
  ASSERT_EQ(plays.size(), 1u);
  EXPECT_EQ(plays[0].sound, number_of("unknown"));
  EXPECT_EQ(calls.live(), 1u);
  end_play();
  EXPECT_EQ(alice.heard(), (Names{"183", "refused 404"}));
  EXPECT_EQ(record()["end_reason"], "NoRoute");
  EXPECT_EQ(record()["sip_code"], 404);
  EXPECT_EQ(record()["answer_ms"], 0);
  expect_nothing_left();
}

TEST_F(Announcements, TheCallEndsThoughNobodySaysThatTheSoundDoes) {
  dial("999");
  net.run(base::Seconds{2});
  EXPECT_EQ(alice.heard(), (Names{"183", "refused 404"}));
  expect_nothing_left();
}

TEST_F(Announcements, AVendorsRefusalKeepsItsWords) {
  bob.on_call = [](sip::InviteSession& call) {
    const Carried refusal("BYE", "Warning: 399 bob \"gone\"\r\n");
    call.finish(480, {}, &refusal.message);
  };
  dial("491");
  ASSERT_EQ(plays.size(), 1u);
  EXPECT_EQ(plays[0].sound, number_of("sorry"));
  EXPECT_EQ(bob.leg(), nullptr);
  end_play();
  EXPECT_EQ(alice.heard(), (Names{"183", "refused 480"}));
  EXPECT_TRUE(has(alice.last_response, "gone")) << alice.last_response;
  expect_nothing_left();
}

TEST_F(Announcements, WhoHangsUpMeanwhileLeavesTheReasonInTheRecord) {
  dial("999");
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
  EXPECT_EQ(record()["end_reason"], "NoRoute");
  EXPECT_EQ(record()["end_direction"], "switch");
  expect_nothing_left();
}

TEST_F(Announcements, WhoCancelsIsToldNothing) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  dial("491");
  alice.leg()->finish(0);
  net.run(base::Seconds{1});
  EXPECT_TRUE(plays.empty());
  EXPECT_EQ(record()["end_reason"], "CallerCancelled");
  expect_nothing_left();
}

TEST_F(Announcements, NobodyIsKeptWhenTheSwitchGoesDown) {
  dial("999");
  calls.drain();
  net.run(base::Millis{100});
  EXPECT_EQ(alice.heard(), (Names{"183", "refused 404"}));
  expect_nothing_left();
}

TEST_F(Announcements, AnOfferThatCannotBeAnsweredIsRefusedAtOnce) {
  dial("999", "");
  EXPECT_EQ(alice.heard(), Names{"refused 404"});
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
