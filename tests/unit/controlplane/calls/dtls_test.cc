// SRTP by DTLS between the switch and each party of a call: descriptions by SIP, handshakes by the
// media ports, and what ends a call whose keys don't come.
#include "controlplane/sdp/fingerprint.h"
#include "tests/unit/controlplane/calls/transfer_fixture.h"

namespace tandem::test {
namespace {

using media::DtlsHandshake;
using media::DtlsIdentity;
using media::DtlsRole;
using Octets = std::vector<std::byte>;

// acme calls, bcorp is called; either may have a policy of its own. What a party says is the
// test's; each of its ports shakes hands as `party` with whoever asks, or asks itself.
class DtlsCall : public SwitchTest {
 protected:
  explicit DtlsCall(const char* caller = "required", const char* callee = "off",
                    config::Site site_records = make_site())
      : SwitchTest([&] {
          config::Site made = std::move(site_records);
          made.gateways[0].overrides = {{"TD_SRTP", caller}};
          made.gateways[1].overrides = {{"TD_SRTP", callee}, {"TD_SRTP_KEYS", "dtls"}};
          return made;
        }()) {
    calls.shake_hands_as(ours);
    net.on_idle([this] { carry(); });
  }

  struct End {
    base::Endpoint remote;
    DtlsHandshake handshake;
  };

  std::string described(std::string description, const DtlsIdentity& as, std::string_view setup,
                        const char* protocol = "UDP/TLS/RTP/SAVP") const {
    description.replace(description.find("RTP/AVP"), 7, protocol);
    description += "a=fingerprint:" + sdp::write_fingerprint(as.fingerprint()) + "\r\n";
    return description.append("a=setup:").append(setup).append("\r\n");
  }
  static sdp::Media audio(std::string_view text) { return sdp::parse(text).value().media.at(0); }
  static std::string_view setup_of(std::string_view text) { return audio(text).setup; }

  void dial(const std::string& offer, base::Nanos then = base::Seconds{1}) {
    alice.dial(kSwitch, "491", offer);
    net.run(then);
  }
  void answer_with(const std::string& answer) {
    bob.on_call = [this, answer](sip::InviteSession& call) {
      offered = bob.last_body;
      call.accept("application/sdp", answer);
    };
  }

  // The party at the far end of this flow of ours; made when it is first heard of, and again when
  // it doesn't take us for whom it should.
  End& end_of(const base::Endpoint& local, const base::Endpoint& remote, DtlsRole role) {
    auto& end = ends[local.text()];
    if (!end || end->handshake.state() == DtlsHandshake::State::kMismatch) {
      end.reset(new End{remote,
                        {party,
                         role,
                         {expects ? expects->fingerprint() : ours.fingerprint()},
                         [this, local](DtlsHandshake::Datagram datagram) {
                           up.emplace_back(local, Octets(datagram.begin(), datagram.end()));
                         }}});
    }
    return *end;
  }
  // What has been said by either end gets to the other.
  void carry() {
    wire::ByteRing::View view;
    while (worker.inject.front(view)) {
      EXPECT_EQ(view.head.kind, wire::DatagramKind::kDtls);
      ++from_us;
      if (answers) {
        end_of(view.head.local, view.head.remote, DtlsRole::kServer).handshake.take(view.payload);
      }
      worker.inject.pop();
    }
    while (!up.empty()) {
      const auto [local, datagram] = std::move(up.front());
      up.pop_front();
      if (const auto flow = datapath.flow_at(local)) {
        calls.on_dtls(*flow, ends.at(local.text())->remote, datagram);
      }
    }
  }
  // The party of this side begins, on its RTP and its RTCP port.
  void begin(std::uint16_t side) {
    for (const auto& [place, flow] : flows) {
      if (place.first != side || (place.second & ~1) != rtp_port(side)) continue;
      const base::Endpoint local{site.corridor.plan.addresses[side],
                                 static_cast<std::uint16_t>(place.second)};
      end_of(local, flow.remote, DtlsRole::kClient).handshake.begin();
    }
    carry();
    net.run(base::Millis{100});
  }
  std::uint16_t rtp_port(std::uint16_t side) const {
    for (const auto& [place, flow] : flows) {
      if (place.first == side) return static_cast<std::uint16_t>(place.second);
    }
    return 0;
  }
  // What the worker was told of this flow is what its party has found out too.
  void expect_keyed(std::uint16_t side, std::uint16_t rtcp) {
    const auto port = static_cast<std::uint16_t>(rtp_port(side) + rtcp);
    const auto told = srtp.find({side, port});
    ASSERT_NE(told, srtp.end()) << side << rtcp;
    const base::Endpoint local{site.corridor.plan.addresses[side], port};
    const auto end = ends.find(local.text());
    ASSERT_NE(end, ends.end());
    ASSERT_EQ(end->second->handshake.state(), DtlsHandshake::State::kDone);
    const media::SrtpKeys& keys = end->second->handshake.keys();
    EXPECT_EQ(told->second.suite, static_cast<std::uint8_t>(keys.suite));
    EXPECT_EQ(told->second.in, keys.out);
    EXPECT_EQ(told->second.out, keys.in);
    EXPECT_EQ(told->second.scope, wire::SetSrtp::kFlow);
    EXPECT_EQ(told->second.anew, 1);
  }
  std::uint64_t count(wire::Counter counter) const { return counters.get(counter); }

  DtlsIdentity ours = DtlsIdentity::make().value();
  DtlsIdentity party = DtlsIdentity::make().value();
  const DtlsIdentity* expects = nullptr;  // whom the party takes us for; nullptr: for us
  bool answers = true;
  int from_us = 0;
  std::map<std::string, std::unique_ptr<End>> ends;
  std::deque<std::pair<base::Endpoint, Octets>> up;
  std::string offered;
};

TEST_F(DtlsCall, TheCallersIsEndedHereAndGoesOnInTheClear) {
  answer_with(kAnswer);
  dial(described(kOffer, party, "actpass"));
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(audio(offered).protocol, "RTP/AVP");
  EXPECT_TRUE(audio(offered).fingerprints.empty());
  EXPECT_TRUE(audio(offered).setup.empty());
  const auto told = audio(alice.last_body);
  EXPECT_EQ(told.protocol, "UDP/TLS/RTP/SAVP");
  EXPECT_EQ(told.setup, "active");
  ASSERT_EQ(told.fingerprints.size(), 1u);
  EXPECT_EQ(sdp::read_fingerprint(told.fingerprints[0]), ours.fingerprint());
  expect_keyed(0, 0);
  expect_keyed(0, 1);
  EXPECT_EQ(srtp.size(), 2u);
  EXPECT_EQ(count(wire::Counter::dtls_agreed), 2u);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_rule"], "srtp_required");
}

TEST_F(DtlsCall, WithTheCallersNothingBeginsBeforeItHasOurAnswer) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  dial(described(kOffer, party, "actpass"), base::Seconds{5});
  EXPECT_EQ(from_us, 0);
  EXPECT_TRUE(srtp.empty());
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(DtlsCall, WhoWantsToBeginMayDoSo) {
  answer_with(kAnswer);
  dial(described(kOffer, party, "active"));
  EXPECT_EQ(setup_of(alice.last_body), "passive");
  EXPECT_EQ(from_us, 0);
  begin(0);
  expect_keyed(0, 0);
  expect_keyed(0, 1);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(DtlsCall, AnotherCertificateEndsTheCall) {
  const DtlsIdentity named = DtlsIdentity::make().value();
  answer_with(kAnswer);
  dial(described(kOffer, named, "actpass"));
  EXPECT_TRUE(srtp.empty()) << "no keys, so nothing passes";
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DtlsFingerprint");
  EXPECT_EQ(record()["end_direction"], "switch");
  EXPECT_GT(count(wire::Counter::dtls_failed), 0u);
}

TEST_F(DtlsCall, SilenceEndsItWhenThereWasTimeEnough) {
  answers = false;
  answer_with(kAnswer);
  dial(described(kOffer, party, "actpass"), base::Seconds{25});
  EXPECT_EQ(bob.events.back(), "acked");
  net.run(base::Seconds{10});
  EXPECT_TRUE(srtp.empty());
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DtlsFailed");
}

// Whoever gets past the latch can't end a call by what makes no sense.
TEST_F(DtlsCall, GarbageIsBegunAgainFrom) {
  answer_with(kAnswer);
  dial(described(kOffer, party, "active"));
  const base::Endpoint local{site.corridor.plan.addresses[0], rtp_port(0)};
  const auto flow = datapath.flow_at(local);
  ASSERT_TRUE(flow);
  // An alert, fatal, in the clear: illegal parameter.
  const Octets alert{std::byte{21}, std::byte{254}, std::byte{253}, std::byte{0}, std::byte{0},
                     std::byte{0},  std::byte{0},   std::byte{0},   std::byte{0}, std::byte{0},
                     std::byte{0},  std::byte{0},   std::byte{2},   std::byte{2}, std::byte{47}};
  for (int i = 0; i < 3; ++i) calls.on_dtls(*flow, at("10.77.1.2:9"), alert);
  begin(0);
  expect_keyed(0, 0);
  alice.leg()->finish(0);
  expect_nothing_left();
  calls.on_dtls(*flow, at("10.77.1.2:9"), alert);
  EXPECT_EQ(count(wire::Counter::drop_dtls_stray), 1u);
}

TEST_F(DtlsCall, AChangeThatChangesNothingKeepsTheKeys) {
  answer_with(kAnswer);
  const std::string offer = described(kOffer, party, "actpass");
  dial(offer);
  bob.on_change = [](sip::InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", kAnswer);
  };
  const int before = from_us;
  ASSERT_TRUE(alice.leg()->offer("application/sdp", offer + "a=sendonly\r\n"));
  net.run(base::Seconds{1});
  EXPECT_EQ(setup_of(alice.last_body), "active");
  EXPECT_EQ(from_us, before);
  EXPECT_EQ(count(wire::Counter::dtls_agreed), 2u);
  // Another certificate is another association; the keys that there are serve until it has its own.
  const auto keys = srtp;
  party = DtlsIdentity::make().value();
  ends.clear();
  answers = false;
  ASSERT_TRUE(alice.leg()->offer("application/sdp", described(kOffer, party, "actpass")));
  net.run(base::Millis{100});
  EXPECT_GT(from_us, before);
  EXPECT_EQ(srtp.begin()->second.in, keys.begin()->second.in);
  ends.clear();
  answers = true;
  net.run(base::Seconds{1});
  // (OpenSSL's own clock says when a flight is repeated: the test doesn't wait for it.)
  alice.leg()->finish(0);
  expect_nothing_left();
}

class DtlsOff : public DtlsCall {
 protected:
  DtlsOff() : DtlsCall("off", "off") {}
};

TEST_F(DtlsOff, WeRelayNobodysHandshakes) {
  dial(described(kOffer, party, "actpass"));
  EXPECT_EQ(alice.events.back(), "refused 488");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "MediaEncryption");
}

class DtlsToCallee : public DtlsCall {
 protected:
  DtlsToCallee() : DtlsCall("off", "required") {}
};

TEST_F(DtlsToCallee, IsOfferedAndTheCalleeBegins) {
  answer_with(described(kAnswer, party, "active"));
  dial(kOffer);
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(audio(offered).protocol, "UDP/TLS/RTP/SAVP");
  EXPECT_EQ(setup_of(offered), "actpass");
  EXPECT_FALSE(audio(offered).tls_id.empty());
  EXPECT_TRUE(audio(offered).crypto.empty());
  EXPECT_EQ(audio(alice.last_body).protocol, "RTP/AVP");
  EXPECT_TRUE(audio(alice.last_body).setup.empty());
  EXPECT_EQ(from_us, 0);
  begin(1);
  expect_keyed(1, 0);
  expect_keyed(1, 1);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(DtlsToCallee, OrTheSwitchWhereTheCalleeWaits) {
  answer_with(described(kAnswer, party, "passive"));
  dial(kOffer);
  expect_keyed(1, 0);
  expect_keyed(1, 1);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(DtlsToCallee, AnAnswerInTheClearEndsTheCall) {
  answer_with(kAnswer);
  dial(kOffer);
  EXPECT_EQ(alice.events.back(), "refused 488");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "MediaEncryption");
}

// It takes us for somebody else, and says so by an alert.
TEST_F(DtlsToCallee, WhoRefusesOurCertificateIsAskedAgainUntilTheTimeIsOver) {
  const DtlsIdentity other = DtlsIdentity::make().value();
  expects = &other;
  answer_with(described(kAnswer, party, "passive"));
  dial(kOffer, base::Seconds{35});
  EXPECT_GT(count(wire::Counter::dtls_begun_again), 5u);
  EXPECT_TRUE(srtp.empty());
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DtlsFailed");
}

class DtlsOptional : public DtlsCall {
 protected:
  DtlsOptional() : DtlsCall("off", "optional") {}
};

TEST_F(DtlsOptional, WhoDoesntSpeakItHasTheClear) {
  answer_with(kAnswer);
  dial(kOffer);
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(audio(offered).protocol, "RTP/AVP");
  EXPECT_EQ(setup_of(offered), "actpass") << "offered all the same";
  EXPECT_EQ(srtp.size(), 1u);
  EXPECT_EQ(srtp.begin()->second.suite, 0);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_rule"], "encrypted");
}

// Both in the clear at first; then the callee wants it otherwise.
TEST_F(DtlsOptional, WhatRanInTheClearDoesntUntilThereAreKeys) {
  answer_with(kAnswer);
  dial(kOffer);
  ASSERT_EQ(srtp.begin()->second.suite, 0);
  answers = false;
  alice.on_change = [](sip::InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", kOffer);
  };
  ASSERT_TRUE(bob.leg()->offer("application/sdp", described(kAnswer, party, "actpass", "RTP/AVP")));
  net.run(base::Millis{200});
  EXPECT_EQ(setup_of(bob.last_body), "active");
  ASSERT_EQ(srtp.size(), 1u);
  EXPECT_NE(srtp.begin()->second.suite, 0) << "sealed";
  EXPECT_EQ(srtp.begin()->second.scope, wire::SetSrtp::kRtpAndRtcp);
  EXPECT_EQ(count(wire::Counter::dtls_agreed), 0u);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(DtlsOptional, OnceAgreedTheClearIsNoWayOut) {
  answers = false;
  answer_with(described(kAnswer, party, "passive", "RTP/AVP"));
  dial(kOffer, base::Seconds{35});
  EXPECT_TRUE(srtp.empty());
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DtlsFailed");
}

class DtlsTransfer : public DtlsCall {
 protected:
  DtlsTransfer()
      : DtlsCall("required", "off", transfer_site(make_site({{"TD_SIP_REFER", "follow"}}))) {
    carol.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kCarols); };
  }

  Phone carol{net, "10.77.2.5:5060"};
};

// To other ports of ours, so by another association, under a name that she can tell.
TEST_F(DtlsTransfer, WhoGoesToAnotherCallShakesHandsAgain) {
  dial(described(kOffer, party, "actpass"));
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(count(wire::Counter::dtls_agreed), 2u);
  const auto before = srtp;
  alice.on_change = [this](sip::InviteSession& leg) {
    offered = alice.last_body;
    leg.answer_offer(200, "application/sdp", described(kOffer, party, "passive"));
  };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(base::Seconds{2});
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_EQ(setup_of(offered), "actpass");
  EXPECT_EQ(audio(offered).protocol, "UDP/TLS/RTP/SAVP");
  EXPECT_FALSE(audio(offered).tls_id.empty());
  EXPECT_EQ(count(wire::Counter::dtls_agreed), 4u);
  for (const auto& [place, order] : srtp) EXPECT_FALSE(before.contains(place));
  EXPECT_EQ(srtp.size(), 2u);
  alice.leg()->finish(0);
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
