#include "controlplane/media/media_session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/controlplane/media/corridor_home.h"

namespace tandem::media {
namespace {

using base::Seconds;

std::string sdp_of(std::string_view sections) {
  return "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
         std::string(sections);
}
const std::string kOffer = sdp_of("m=audio 7000 RTP/AVP 0\r\n");
const std::string kAnswer =
    "v=0\r\no=b 1 1 IN IP4 198.51.100.2\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\n"
    "m=audio 8000 RTP/AVP 0\r\n";

class MediaSessionTest : public ::testing::Test {
 protected:
  static sdp::Description parse(const std::string& text) {
    auto parsed = sdp::parse(text);
    EXPECT_TRUE(parsed.ok());
    return *parsed;
  }
  bool open(const std::string& offer) {
    return session->open(parse(offer), Side::kCaller, Seconds{1});
  }
  static base::Endpoint at(std::string_view text) { return *base::Endpoint::parse(text, 1); }
  // Answers every order to close; the RTP that came from the caller had `packets`.
  bool answer_closes(std::uint64_t packets) {
    bool last = false;
    for (const auto& command : home.commands()) {
      if (command.kind != wire::CommandKind::kCloseFlow) continue;
      EXPECT_FALSE(last);
      wire::FlowClosed event;
      event.key = command.close.key;
      event.generation = command.close.generation;
      event.figures.packets = packets;
      last = session->on_closed(event);
      EXPECT_FALSE(session->on_closed(event));  // told twice
    }
    return last;
  }

  test::CorridorHome home;
  wire::CounterBlock counters;
  Datapath datapath{*home.segment, home.ends(), 7, counters};
  MediaPorts ports{home.plan(), 0, {10000, 10007}, true, [](FlowKey) { return false; }, counters};
  std::optional<MediaSession> session{
      std::in_place,     datapath, ports, home.plan(), std::array<std::uint32_t, 2>{0, 1}, 77,
      std::uint8_t{0xb8}};
};

TEST_F(MediaSessionTest, OpensFourFlowsThatPointAtEachOther) {
  ASSERT_TRUE(open(kOffer));
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 4u);
  std::vector<wire::OpenFlow> flows;
  for (const auto& command : commands) {
    ASSERT_EQ(command.kind, wire::CommandKind::kOpenFlow);
    flows.push_back(command.open);
  }
  for (const auto& flow : flows) {
    EXPECT_EQ(flow.cookie, 77u);
    EXPECT_EQ(flow.tos, 0xb8);
    EXPECT_EQ(flow.clock_khz, 8);
    EXPECT_EQ(flow.latch, wire::LatchRule::kSignalledIp);
    const auto peer = std::find_if(flows.begin(), flows.end(),
                                   [&](const auto& other) { return other.key == flow.peer; });
    ASSERT_NE(peer, flows.end());
    EXPECT_EQ(peer->peer, flow.key);
    EXPECT_EQ(peer->kind, flow.kind);
    EXPECT_NE(peer->key.address, flow.key.address);
    EXPECT_EQ(flow.key.port % 2, flow.kind == wire::FlowKind::kRtp ? 0 : 1);
    // The callee hasn't said yet where it receives.
    const auto said = flow.kind == wire::FlowKind::kRtp ? "192.0.2.1:7000" : "192.0.2.1:7001";
    EXPECT_EQ(flow.remote, flow.key.address == 0 ? at(said) : base::Endpoint{});
  }
  EXPECT_TRUE(session->is_open());
  EXPECT_EQ(ports.free_places(), 6u);
}

TEST_F(MediaSessionTest, TheAnswersAddressGoesToTheCalleesFlows) {
  open(kOffer);
  home.commands();
  session->set_remote(Side::kCallee, parse(kAnswer));
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].update.key.address, 1);
  EXPECT_EQ(commands[0].update.remote, at("198.51.100.2:8000"));
  EXPECT_EQ(commands[1].update.remote, at("198.51.100.2:8001"));
  session->set_remote(Side::kCallee, parse(kAnswer));
  EXPECT_TRUE(home.commands().empty());
}

// What a refresh repeats is nothing new; whatever else a party says may mean that its media come
// from another place.
TEST_F(MediaSessionTest, ADescriptionAnewIsToldAsThat) {
  open(kOffer);
  session->set_remote(Side::kCallee, parse(kAnswer));
  home.commands();
  session->set_remote(Side::kCaller, parse(kOffer));
  session->set_remote(Side::kCallee, parse(kAnswer));
  EXPECT_TRUE(home.commands().empty());
  session->set_remote(Side::kCallee, parse(kAnswer + "a=sendonly\r\n"));
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  for (const auto& command : commands) {
    EXPECT_TRUE(command.update.anew);
    EXPECT_EQ(command.update.key.address, 1);
    EXPECT_EQ(command.update.remote.address, at("198.51.100.2:8000").address);
  }
}

// a=rtcp-mux on the caller's side alone: its RTCP comes on RTP's port, the callee's on its own.
TEST_F(MediaSessionTest, RtcpComesOnRtpsPortWithWhomThatIsAgreed) {
  const std::string muxed = kOffer + "a=rtcp-mux\r\n";
  const auto offer = parse(muxed);
  ASSERT_TRUE(session->open(offer, Side::kCaller, Seconds{1}));
  for (const auto& command : home.commands()) {
    EXPECT_EQ(command.open.rtcp_way, wire::RtcpWay::kNextPort);
  }
  ASSERT_TRUE(session->take_offer(offer, Side::kCaller));
  EXPECT_TRUE(parse(session->rewritten(offer, Side::kCaller)).media[0].rtcp_mux);
  ASSERT_TRUE(session->take_answer(parse(kAnswer), Side::kCallee));
  EXPECT_TRUE(parse(session->rewritten(parse(kAnswer), Side::kCallee)).media[0].rtcp_mux);
  EXPECT_FALSE(parse(session->rewritten(offer, Side::kCaller)).media[0].rtcp_mux);
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].kind, wire::CommandKind::kUpdateFlow);
  EXPECT_EQ(commands[0].update.key.address, 0);
  EXPECT_EQ(commands[0].update.rtcp_way, wire::RtcpWay::kRtpPort);
  ASSERT_TRUE(session->take_answer(parse(kAnswer + "a=rtcp-mux\r\n"), Side::kCallee));
  EXPECT_EQ(home.commands().size(), 1u);
}

// Two ports and two flows a call; RTCP only with whom it is agreed on RTP's.
TEST_F(MediaSessionTest, WithoutPortsForRtcp) {
  MediaPorts single(
      home.plan(), 0, {10000, 10001}, false, [](FlowKey) { return false; }, counters);
  session.emplace(datapath, single, home.plan(), std::array<std::uint32_t, 2>{0, 0}, 77,
                  std::uint8_t{0xb8});
  const std::string apart = kOffer + "a=rtcp:7001\r\n";
  const auto offer = parse(apart);
  ASSERT_TRUE(session->open(offer, Side::kCaller, Seconds{1}));
  ASSERT_TRUE(session->take_offer(offer, Side::kCaller));
  auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  for (const auto& command : commands) {
    EXPECT_EQ(command.open.kind, wire::FlowKind::kRtp);
    EXPECT_EQ(command.open.rtcp_way, wire::RtcpWay::kNone);
  }
  const auto text = session->rewritten(offer, Side::kCaller);
  EXPECT_TRUE(parse(text).media[0].rtcp_mux);
  EXPECT_EQ(text.find("a=rtcp:"), std::string::npos);
  const std::string muxed = kAnswer + "a=rtcp-mux\r\n";
  const auto answer = parse(muxed);
  ASSERT_TRUE(session->take_answer(answer, Side::kCallee));
  session->set_remote(Side::kCallee, answer);
  EXPECT_FALSE(parse(session->rewritten(answer, Side::kCallee)).media[0].rtcp_mux);
  commands = home.commands();
  ASSERT_EQ(commands.size(), 2u) << "its way, its far end";
  EXPECT_EQ(commands[0].update.rtcp_way, wire::RtcpWay::kRtpPort);
  session->close(Seconds{9});
  EXPECT_TRUE(answer_closes(5));
  EXPECT_EQ(single.free_places(), 4u);
}

TEST_F(MediaSessionTest, HoldMeansNowhereToSendTo) {
  open(kOffer);
  home.commands();
  session->set_remote(Side::kCaller,
                      parse(sdp_of("m=audio 7000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n")));
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_FALSE(commands[0].update.remote.address.is_set());
}

TEST_F(MediaSessionTest, EachPartySeesOurAddressTowardsIt) {
  open(kOffer);
  const auto towards_callee = sdp::parse(session->rewritten(parse(kOffer), Side::kCaller));
  ASSERT_TRUE(towards_callee.ok());
  // Views into a temporary: only values are looked at.
  EXPECT_EQ(towards_callee->media[0].rtp.address.text(), "10.77.2.1");
  const FlowKey there{1, towards_callee->media[0].port};
  EXPECT_EQ(session->side_of(there), Side::kCallee);
  const auto towards_caller = sdp::parse(session->rewritten(parse(kAnswer), Side::kCallee));
  ASSERT_TRUE(towards_caller.ok());
  EXPECT_EQ(towards_caller->media[0].rtp.address.text(), "10.77.1.1");
  const FlowKey here{0, towards_caller->media[0].port};
  EXPECT_EQ(session->side_of(here), Side::kCaller);
  EXPECT_FALSE(session->side_of({0, static_cast<std::uint16_t>(here.port + 1)}));  // RTCP
  EXPECT_FALSE(session->side_of({1, 9}));
}

TEST_F(MediaSessionTest, WhatIsNotRelayedIsNotLetThrough) {
  const auto offer = sdp_of(
      "m=audio 7000 RTP/AVP 0\r\nm=image 7002 tcptl t38\r\nm=video 0 RTP/AVP 96\r\n"
      "m=audio 7004 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n");
  ASSERT_TRUE(open(offer));
  EXPECT_EQ(home.commands().size(), 4u);
  const auto text = session->rewritten(parse(offer), Side::kCaller);
  const auto seen = parse(text);
  ASSERT_EQ(seen.media.size(), 4u);
  EXPECT_NE(seen.media[0].port, 0);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(seen.media[i].port, 0) << i;
}

// --- T.38 ---

const std::string kFax = sdp_of("m=image 7400 udptl t38\r\na=T38FaxVersion:0\r\n");

TEST_F(MediaSessionTest, AFaxTakesTheVoicesPlaceAndGivesItBack) {
  open(kOffer);
  session->set_remote(Side::kCallee, parse(kAnswer));
  home.commands();
  const auto voice = parse(session->rewritten(parse(kOffer), Side::kCaller)).media[0].port;
  const auto fax = parse(kFax);
  EXPECT_TRUE(session->relays(fax));
  const auto seen = session->rewritten(fax, Side::kCaller);
  EXPECT_NE(seen.find("m=image " + std::to_string(voice) + " udptl t38\r\na=T38FaxVersion:0\r\n"),
            std::string::npos)
      << seen;
  EXPECT_TRUE(home.commands().empty()) << "an offer changes nothing yet";
  session->set_remote(Side::kCaller, fax);
  auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].update.kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(commands[0].update.remote, at("192.0.2.1:7400"));
  EXPECT_EQ(commands[1].update.kind, wire::FlowKind::kRtcp);
  EXPECT_FALSE(commands[1].update.remote.address.is_set()) << "a fax has no RTCP";
  session->set_remote(Side::kCaller, parse(kOffer));
  commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].update.kind, wire::FlowKind::kRtp);
  EXPECT_EQ(commands[0].update.remote, at("192.0.2.1:7000"));
  EXPECT_EQ(commands[1].update.remote, at("192.0.2.1:7001"));
}

TEST_F(MediaSessionTest, AFaxBesideTheSilencedVoiceGoesThroughItsPorts) {
  open(kOffer);
  session->set_remote(Side::kCallee, parse(kAnswer));
  home.commands();
  const auto voice = parse(session->rewritten(parse(kAnswer), Side::kCallee)).media[0].port;
  const auto text = sdp_of("m=audio 0 RTP/AVP 0\r\nm=image 7400 UDPTL t38\r\n");
  const auto beside = parse(text);
  EXPECT_TRUE(session->relays(beside));
  const auto rewritten = session->rewritten(beside, Side::kCallee);
  const auto seen = parse(rewritten);
  EXPECT_EQ(seen.media[0].port, 0);
  EXPECT_EQ(seen.media[1].port, voice);
  session->set_remote(Side::kCallee, beside);
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].update.key.address, 1);
  EXPECT_EQ(commands[0].update.kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(commands[0].update.remote, at("192.0.2.1:7400"));
}

TEST_F(MediaSessionTest, AFaxBesideTheVoiceHasNoPlaceUntilItIsProposed) {
  open(kOffer);
  const auto text = sdp_of("m=audio 7000 RTP/AVP 0\r\nm=image 7400 udptl t38\r\n");
  const auto both = parse(text);
  const auto rewritten = session->rewritten(both, Side::kCaller);
  const auto seen = parse(rewritten);
  EXPECT_NE(seen.media[0].port, 0);
  EXPECT_EQ(seen.media[1].port, 0);
  home.commands();
  session->set_remote(Side::kCaller, both);
  for (const auto& command : home.commands()) {
    EXPECT_EQ(command.kind, wire::CommandKind::kUpdateFlow);
    EXPECT_NE(command.update.remote.port, 7400);
  }
}

TEST_F(MediaSessionTest, WhatIsProposedIsClosedWhenItIsWithdrawnOrLeftOut) {
  open(kOffer);
  const auto text = sdp_of("m=audio 7000 RTP/AVP 0\r\nm=image 7400 udptl t38\r\n");
  const auto both = parse(text);
  session->withdraw(Seconds{2});  // nothing was proposed
  for (const bool refused : {true, false}) {
    home.commands();
    session->propose(both, Side::kCaller, Seconds{2});
    session->propose(both, Side::kCaller, Seconds{2});  // it has its stream
    EXPECT_EQ(home.commands().size(), 4u);
    EXPECT_EQ(ports.free_places(), 4u);
    const auto rewritten = session->rewritten(both, Side::kCaller);
    EXPECT_NE(parse(rewritten).media[1].port, 0);
    if (refused) {
      session->withdraw(Seconds{3});
    } else {
      session->agree(both, Seconds{3});
      session->withdraw(Seconds{3});  // of another change, later
      EXPECT_TRUE(home.commands().empty());
      session->agree(parse(kOffer), Seconds{3});
    }
    EXPECT_EQ(ports.free_places(), 4u) << "not before the dataplane has let go of them";
    EXPECT_FALSE(answer_closes(5));  // nor is the call over
    EXPECT_EQ(ports.free_places(), 6u);
    EXPECT_EQ(datapath.live_flows(), 4u);
  }
}

TEST_F(MediaSessionTest, PortsOfStreamsThatLeftComeBackWithoutAnAnswerToo) {
  open(kOffer);
  const auto text = sdp_of("m=audio 7000 RTP/AVP 0\r\nm=image 7400 udptl t38\r\n");
  session->propose(parse(text), Side::kCaller, Seconds{2});
  session->withdraw(Seconds{3});
  session->close(Seconds{4});
  session->propose(parse(text), Side::kCaller, Seconds{5});  // too late
  EXPECT_EQ(ports.free_places(), 4u);
  session.reset();
  EXPECT_EQ(ports.free_places(), 8u);
}

TEST_F(MediaSessionTest, ACallMayBeginAsAFax) {
  ASSERT_TRUE(open(sdp_of("m=audio 7000 RTP/AVP 0\r\nm=image 65535 udptl t38\r\n")));
  std::map<wire::FlowKind, int> kinds;
  int known_remotes = 0;
  for (const auto& command : home.commands()) {
    ++kinds[command.open.kind];
    known_remotes += command.open.remote.address.is_set() ? 1 : 0;
  }
  EXPECT_EQ(kinds[wire::FlowKind::kRtp], 2);
  EXPECT_EQ(kinds[wire::FlowKind::kOpaque], 2);
  EXPECT_EQ(kinds[wire::FlowKind::kRtcp], 4);
  EXPECT_EQ(known_remotes, 3) << "RTP, its RTCP, UDPTL";
}

// An SDP must not make us send to ourselves or to everybody, nor to a port that isn't there.
TEST_F(MediaSessionTest, OnlyHostsAreSentTo) {
  for (const auto* host : {"127.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    const auto offer = sdp_of("m=audio 7000 RTP/AVP 0\r\nc=IN IP4 " + std::string(host) + "\r\n");
    EXPECT_TRUE(open(offer));
    EXPECT_FALSE(session->is_open()) << host;
  }
  EXPECT_TRUE(open(sdp_of("m=audio 65535 RTP/AVP 0\r\n")));  // no port for its RTCP
  EXPECT_FALSE(session->is_open());
}

TEST_F(MediaSessionTest, NothingToRelayOpensNothing) {
  EXPECT_TRUE(open(sdp_of("m=audio 0 RTP/AVP 0\r\n")));
  EXPECT_FALSE(session->is_open());
  EXPECT_TRUE(home.commands().empty());
  session->close(Seconds{2});
  EXPECT_FALSE(session->closing());
}

TEST_F(MediaSessionTest, WithoutPortsNothingIsOpen) {
  // Three streams, but four pairs of ports on each side: the fifth stream doesn't fit.
  MediaPorts few(
      home.plan(), 0, {10000, 10003}, true, [](FlowKey) { return false; }, counters);
  session.emplace(datapath, few, home.plan(), std::array<std::uint32_t, 2>{0, 1}, 1,
                  std::uint8_t{0});
  const std::string line = "m=audio 7000 RTP/AVP 0\r\n";
  EXPECT_FALSE(session->open(parse(sdp_of(line + line + line)), Side::kCaller, Seconds{1}));
  EXPECT_FALSE(session->is_open());
  EXPECT_TRUE(home.commands().empty());
  EXPECT_EQ(few.free_places(), 4u);
}

TEST_F(MediaSessionTest, AtMostFourStreams) {
  std::string lines;
  for (int i = 0; i < 6; ++i) lines += "m=audio 7000 RTP/AVP 0\r\n";
  ASSERT_TRUE(open(sdp_of(lines)));
  EXPECT_EQ(home.commands().size(), 4 * MediaSession::kStreamsMax);
  EXPECT_EQ(ports.free_places(), 0u);
}

// The peer says the clock; the dataplane divides by it.
TEST_F(MediaSessionTest, AnyClockBecomesOneThatTheDataplaneTakes) {
  const std::pair<const char*, int> kCases[] = {{"8000", 8}, {"48000", 48},   {"90000", 90},
                                                {"500", 1},  {"256000", 255}, {"1000000", 255}};
  for (const auto& [hz, khz] : kCases) {
    session.emplace(datapath, ports, home.plan(), std::array<std::uint32_t, 2>{0, 1}, 1,
                    std::uint8_t{0});
    ASSERT_TRUE(session->open(
        parse(sdp_of("m=audio 7000 RTP/AVP 96\r\na=rtpmap:96 X/" + std::string(hz) + "\r\n")),
        Side::kCaller, Seconds{1000}));
    const auto commands = home.commands();
    ASSERT_FALSE(commands.empty());
    EXPECT_EQ(commands[0].open.clock_khz, khz) << hz;
    session.reset();
    ports = MediaPorts(
        home.plan(), 0, {10000, 10007}, true, [](FlowKey) { return false; }, counters);
  }
}

TEST_F(MediaSessionTest, ClosingEndsWithTheLastAnswer) {
  open(kOffer);
  home.commands();
  session->close(Seconds{5});
  EXPECT_TRUE(session->closing());
  session->close(Seconds{6});  // again: nothing
  EXPECT_EQ(datapath.live_flows(), 0u);
  EXPECT_TRUE(answer_closes(33));
  EXPECT_FALSE(session->closing());
  wire::FlowFigures figures;
  ASSERT_TRUE(session->figures(Side::kCaller, figures));
  EXPECT_EQ(figures.packets, 33u);
  EXPECT_EQ(ports.free_places(), 8u);
  session.reset();
  EXPECT_EQ(ports.free_places(), 8u);  // given back once
}

TEST_F(MediaSessionTest, EventsOfOtherLivesChangeNothing) {
  open(kOffer);
  const auto opened = home.commands();
  session->close(Seconds{5});
  wire::FlowClosed event;
  event.key = opened[0].open.key;
  event.generation = opened[0].open.generation + 100;
  EXPECT_FALSE(session->on_closed(event));
  event.key = {9, 9};
  EXPECT_FALSE(session->on_closed(event));
  EXPECT_TRUE(answer_closes(1));
}

TEST_F(MediaSessionTest, WithoutAnAnswerTheLastPublicationCountsAndPortsComeBack) {
  open(kOffer);
  const auto opened = home.commands();
  wire::FlowFigures figures;
  EXPECT_FALSE(session->figures(Side::kCaller, figures));  // nothing is known yet
  for (const auto& command : opened) {
    if (command.open.key.address == 0) {
      home.publish(command.open.key, command.open.generation, 44);
    }
  }
  ASSERT_TRUE(session->figures(Side::kCaller, figures));
  EXPECT_EQ(figures.packets, 44u);
  session->close(Seconds{5});
  ASSERT_TRUE(session->figures(Side::kCaller, figures));
  EXPECT_EQ(figures.packets, 44u);
  EXPECT_FALSE(session->figures(Side::kCallee, figures));  // never known is not nought
  session.reset();
  EXPECT_EQ(ports.free_places(), 8u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ports.take_two(0, 1, Seconds{5}));
  EXPECT_FALSE(ports.take_two(0, 1, Seconds{6}));  // in quarantine since close()
  EXPECT_TRUE(ports.take_two(0, 1, Seconds{7}));
}

// A phone's private address is nobody's to send to; where its signalling comes from is.
TEST_F(MediaSessionTest, PrivateAddressesBehindANat) {
  const auto described = [](const char* address) {
    return fmt::format(
        "v=0\r\no=a 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\n"
        "m=audio 7000 RTP/AVP 0\r\n",
        address);
  };
  struct Row {
    const char* source;
    bool behind_nat;
    const char* said;
    const char* rtp;
    const char* rtcp;
  };
  const Row rows[] = {
      {"198.51.100.1", true, "192.168.1.5", "198.51.100.1:7000", "198.51.100.1:7001"},
      // Whatever its Contact says: nobody has both a private and a public address there.
      {"198.51.100.1", false, "192.168.1.5", "198.51.100.1:7000", "198.51.100.1:7001"},
      // STUN, or a media server elsewhere, gave it a public one.
      {"198.51.100.1", true, "203.0.113.9", "203.0.113.9:7000", "203.0.113.9:7001"},
      // A network of private addresses.
      {"10.0.0.1", false, "10.0.0.9", "10.0.0.9:7000", "10.0.0.9:7001"},
      {"10.0.0.1", true, "192.168.1.5", "10.0.0.1:7000", "10.0.0.1:7001"},
      {"198.51.100.1", true, "0.0.0.0", "", ""},
  };
  base::Nanos now{};
  for (const Row& row : rows) {
    now += Seconds{10};  // ports of the former ones have rested
    home.commands();
    session.emplace(datapath, ports, home.plan(), std::array<std::uint32_t, 2>{0, 1}, 77,
                    std::uint8_t{0xb8});
    session->set_source(Side::kCaller, {at(row.source).address, row.behind_nat});
    const auto expect_remote = [&](const wire::FlowKey& key, wire::FlowKind kind,
                                   const base::Endpoint& remote) {
      if (key.address != 0) return;
      const std::string text = kind == wire::FlowKind::kRtcp ? row.rtcp : row.rtp;
      EXPECT_EQ(remote.address.is_set() ? remote.text() : "", text) << row.said;
    };
    ASSERT_TRUE(session->open(parse(kOffer), Side::kCaller, now));
    session->set_remote(Side::kCaller, parse(described(row.said)));
    int updates = 0;
    for (const auto& command : home.commands()) {
      if (command.kind != wire::CommandKind::kUpdateFlow) continue;
      expect_remote(command.update.key, command.update.kind, command.update.remote);
      ++updates;
    }
    EXPECT_EQ(updates, 2);
    session->close(now);
    answer_closes(0);
  }
}

// Each party's RTP has its own key in both directions; RTCP has none.
TEST_F(MediaSessionTest, EachPartysRtpHasItsKey) {
  session->encrypt(Side::kCaller, {crypto::PayloadMode::kXor, "the caller's"});
  session->encrypt(Side::kCallee, {crypto::PayloadMode::kAes128, "0123456789abcdef"});
  EXPECT_EQ(session->secret(Side::kCallee).key, "0123456789abcdef");
  ASSERT_TRUE(open(kOffer));
  std::array<wire::PayloadKeyName, 2> by_mode{};
  std::size_t flows = 0;
  for (const auto& command : home.commands()) {
    if (command.kind == wire::CommandKind::kSetPayloadKey) {
      by_mode[command.set_key.mode == 1 ? 0 : 1] = command.set_key.name;
      continue;
    }
    const auto& flow = command.open;
    ++flows;
    const bool rtp = flow.kind == wire::FlowKind::kRtp;
    EXPECT_EQ(flow.payload_key, rtp ? by_mode[flow.key.address] : 0);
    EXPECT_NE(by_mode[flow.key.address], 0u);
  }
  EXPECT_EQ(flows, 4u);
  EXPECT_EQ(datapath.live_keys(), 2u);
  session->close(Seconds{2});
  EXPECT_EQ(datapath.live_keys(), 0u);
}

// The workers keep it with the party's RTP, whichever port it came on.
TEST_F(MediaSessionTest, APartysReportIsTheLatestThatIsKnown) {
  wire::ReceptionReport report;
  EXPECT_FALSE(session->report(Side::kCaller, report));
  open(kOffer);
  const auto opened = home.commands();
  for (const std::uint32_t reports : {0u, 3u}) {
    EXPECT_FALSE(session->report(Side::kCaller, report));
    for (const auto& command : opened) {
      if (command.open.kind != wire::FlowKind::kRtp || command.open.key.address != 0) continue;
      wire::FlowRecord record;
      record.generation = command.open.generation;
      record.report.reports = reports;
      home.dataplane->flow_record(command.open.key).write(record);
    }
  }
  ASSERT_TRUE(session->report(Side::kCaller, report));
  EXPECT_EQ(report.reports, 3u);
  EXPECT_FALSE(session->report(Side::kCallee, report));
  session->close(Seconds{5});
  ASSERT_TRUE(session->report(Side::kCaller, report));
  EXPECT_EQ(report.reports, 3u) << "what was published last";
  for (const auto& command : opened) {
    if (command.open.kind != wire::FlowKind::kRtp) continue;
    wire::FlowClosed event;
    event.key = command.open.key;
    event.generation = command.open.generation;
    event.report.reports = 8;
    session->on_closed(event);
  }
  ASSERT_TRUE(session->report(Side::kCallee, report));
  EXPECT_EQ(report.reports, 8u);
}

TEST_F(MediaSessionTest, RtcpHasTheClockOfTheAnswersCodecToo) {
  open(sdp_of("m=audio 7000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000/2\r\n"));
  home.commands();
  session->agree(parse(sdp_of("m=audio 8000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n")),
                 Seconds{2});
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 4u);
  for (const auto& command : commands) {
    EXPECT_EQ(command.kind, wire::CommandKind::kUpdateFlow);
    EXPECT_EQ(command.update.clock_khz, 48);
    const bool odd = command.update.key.port % 2 != 0;
    EXPECT_EQ(command.update.kind, odd ? wire::FlowKind::kRtcp : wire::FlowKind::kRtp);
  }
}

}  // namespace
}  // namespace tandem::media
