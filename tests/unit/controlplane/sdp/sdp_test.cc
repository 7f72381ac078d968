#include "controlplane/sdp/sdp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>

namespace tandem::sdp {
namespace {

base::Endpoint endpoint(const char* text) { return *base::Endpoint::parse(text, 0); }

std::vector<LocalMedia> local(std::initializer_list<const char*> ends) {
  std::vector<LocalMedia> out;
  for (const char* end : ends) out.push_back({endpoint(end)});
  return out;
}

// REQUIRES: it can be parsed.
Description parsed(std::string_view text) {
  auto result = parse(text);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error_text()) << "\n" << text;
  return result.ok() ? std::move(result).value() : Description{};
}

std::string reason(std::string_view text) {
  const auto result = parse(text);
  return result.ok() ? "taken" : result.error_text();
}

constexpr std::string_view kOffer =
    "v=0\r\n"
    "o=alice 2890844526 2890844527 IN IP4 host.example.com\r\n"
    "s=-\r\n"
    "c=IN IP4 192.0.2.5\r\n"
    "t=0 0\r\n"
    "m=audio 49170 RTP/AVP 8 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=rtcp:53020\r\n"
    "a=ptime:20\r\n";

TEST(Sdp, ReadsAnOffer) {
  const auto d = parsed(kOffer);
  ASSERT_EQ(d.media.size(), 1u);
  const Media& m = d.media[0];
  EXPECT_EQ(m.type, "audio");
  EXPECT_EQ(m.port, 49170);
  EXPECT_EQ(m.protocol, "RTP/AVP");
  EXPECT_EQ(m.formats, "8 0 101");
  EXPECT_EQ(m.rtp, endpoint("192.0.2.5:49170"));
  EXPECT_EQ(m.rtcp, endpoint("192.0.2.5:53020"));
  EXPECT_FALSE(m.rtcp_mux);
  EXPECT_EQ(m.direction, Direction::kSendRecv);
  EXPECT_EQ(m.codec, "PCMA");
  EXPECT_EQ(m.clock_hz, 8000u);
}

TEST(Sdp, SectionBeforeSession) {
  const auto d = parsed(
      "v=0\nc=IN IP4 192.0.2.1\na=sendonly\n"
      "m=audio 5000 RTP/AVP 0\na=inactive\n"
      "m=video 5002 RTP/AVP 99\nc=IN IP6 2001:db8::2\na=rtpmap:99 H264/90000\na=rtcp-mux\n"
      "m=audio 5004/2 RTP/AVP 9\na=rtcp:5009 IN IP4 192.0.2.77\n");
  ASSERT_EQ(d.media.size(), 3u);
  EXPECT_EQ(d.media[0].rtp, endpoint("192.0.2.1:5000"));
  EXPECT_EQ(d.media[0].rtcp, endpoint("192.0.2.1:5001"));
  EXPECT_EQ(d.media[0].direction, Direction::kInactive);
  EXPECT_EQ(d.media[1].rtp, endpoint("[2001:db8::2]:5002"));
  EXPECT_EQ(d.media[1].direction, Direction::kSendOnly);
  EXPECT_EQ(d.media[1].codec, "H264");
  EXPECT_EQ(d.media[1].clock_hz, 90000u);
  EXPECT_TRUE(d.media[1].rtcp_mux);
  EXPECT_FALSE(d.media[2].rtcp_mux);
  EXPECT_EQ(d.media[2].port, 5004);
  EXPECT_EQ(d.media[2].codec, "G722");
  EXPECT_EQ(d.media[2].rtcp, endpoint("192.0.2.77:5009"));
}

TEST(Sdp, SectionsAloneHaveConnections) {
  const auto d = parsed(
      "v=0\r\nm=audio 5000 RTP/AVP 18\r\nc=IN IP4 192.0.2.1\r\n"
      "m=image 0 udptl t38");
  ASSERT_EQ(d.media.size(), 2u);
  EXPECT_EQ(d.media[0].rtp, endpoint("192.0.2.1:5000"));
  EXPECT_EQ(d.media[0].codec, "G729");
  EXPECT_EQ(d.media[1].port, 0);
  EXPECT_EQ(d.media[1].codec, "t38");
  EXPECT_FALSE(d.media[1].rtp.address.is_set());
}

TEST(Sdp, StaticPayloads) {
  const std::pair<const char*, const char*> rows[] = {{"0", "PCMU"},  {"3", "GSM"},   {"4", "G723"},
                                                      {"8", "PCMA"},  {"9", "G722"},  {"13", "CN"},
                                                      {"15", "G728"}, {"18", "G729"}, {"96", ""}};
  for (const auto& [format, codec] : rows) {
    const auto text = std::string("v=0\nc=IN IP4 192.0.2.1\nm=audio 5000 RTP/AVP ") + format;
    EXPECT_EQ(parsed(text).media.at(0).codec, codec);
  }
}

TEST(Sdp, AddressesThatAreNone) {
  for (const char* c : {"IN IP4 host.example.com", "IN IP6 192.0.2.1", "IN IP4 2001:db8::1",
                        "ATM IP4 192.0.2.1", "IN IP4", ""}) {
    const auto text = std::string("v=0\nc=") + c + "\nm=audio 5000 RTP/AVP 0\n";
    const auto d = parsed(text);
    ASSERT_EQ(d.media.size(), 1u);
    EXPECT_FALSE(d.media[0].rtp.address.is_set()) << c;
    EXPECT_EQ(d.media[0].rtp.port, 5000);
  }
  EXPECT_EQ(parsed("v=0\nc=IN IP4 224.2.1.1/127\nm=audio 65535 RTP/AVP 0").media.at(0).rtp,
            endpoint("224.2.1.1:65535"));
}

TEST(Sdp, RefusedWithAReason) {
  EXPECT_EQ(reason(""), "is empty");
  EXPECT_EQ(reason("o=x"), "doesn't begin with v=0");
  EXPECT_EQ(reason("v=1\r\n"), "doesn't begin with v=0");
  EXPECT_EQ(reason("v=0\nm=audio\n"), "line 2: m= without a port");
  EXPECT_EQ(reason("v=0\nm=\n"), "line 2: m= without a port");
  EXPECT_EQ(reason("v=0\nm=audio 65536 RTP/AVP 0\n"), "line 2: m= without a port");
  EXPECT_EQ(reason("v=0\nm=audio x RTP/AVP 0\n"), "line 2: m= without a port");
  EXPECT_EQ(reason("v=0\nm=audio 5000\n"), "line 2: m= without a protocol");
  EXPECT_EQ(reason("v=0\nm=audio 5000 RTP/AVP\n"), "line 2: m= without formats");
  EXPECT_EQ(reason("v=0\nm=audio 5000 RTP/AVP 0\n"), "an m= section without any c=");
  EXPECT_EQ(reason("v=0\nm =audio 5000 RTP/AVP 0\n"), "line 2: isn't type=value");
  EXPECT_EQ(reason("v=0\n\ns=-\n"), "line 2: isn't type=value");
  EXPECT_EQ(reason("v=0\ns=a\rb\n"), "line 2: a control character");
  EXPECT_EQ(reason(std::string_view("v=0\ns=a\0b\n", 10)), "line 2: a control character");
  std::string many = "v=0\nc=IN IP4 192.0.2.1\n";
  for (int i = 0; i < 8; ++i) many += "m=audio 5000 RTP/AVP 0\n";
  EXPECT_EQ(reason(many), "taken");
  EXPECT_EQ(reason(many + "m=audio 5000 RTP/AVP 0\n"), "line 11: more than 8 m= sections");
  EXPECT_EQ(reason("v=0\r\n\r\n\r\n"), "taken");
}

TEST(Rewrite, OnlyAddressesAndPortsChange) {
  EXPECT_EQ(rewrite(parsed(kOffer), local({"203.0.113.9:20000"})),
            "v=0\r\n"
            "o=alice 2890844526 2890844527 IN IP4 203.0.113.9\r\n"
            "s=-\r\n"
            "c=IN IP4 203.0.113.9\r\n"
            "t=0 0\r\n"
            "m=audio 20000 RTP/AVP 8 0 101\r\n"
            "a=rtpmap:101 telephone-event/8000\r\n"
            "a=rtcp:20001\r\n"
            "a=ptime:20\r\n");
}

TEST(Rewrite, OddBytesStay) {
  EXPECT_EQ(rewrite(parsed("v=0\no=-  1  2 IN IP4 h\ns= x \nc=IN IP4 192.0.2.1\n"
                           "m=audio  4000/2  RTP/AVP  0 8 \na=x:\xff\nz="),
                    local({"203.0.113.9:20000"})),
            "v=0\no=- 1 2 IN IP4 203.0.113.9\ns= x \nc=IN IP4 203.0.113.9\n"
            "m=audio  20000  RTP/AVP  0 8 \na=x:\xff\nz=");
}

TEST(Rewrite, TheFamilyIsOurs) {
  EXPECT_EQ(rewrite(parsed("v=0\no=a 1 2 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\n"
                           "m=audio 4000 RTP/AVP 0\na=rtcp:4001 IN IP4 192.0.2.1\n"),
                    local({"[2001:db8::9]:20000"})),
            "v=0\no=a 1 2 IN IP6 2001:db8::9\nc=IN IP6 2001:db8::9\n"
            "m=audio 20000 RTP/AVP 0\na=rtcp:20001 IN IP6 2001:db8::9\n");
}

TEST(Rewrite, SectionsWithoutAnEndOfOursGetPort0) {
  const auto d = parsed(
      "v=0\r\nc=IN IP4 192.0.2.1\r\n"
      "m=audio 4000 RTP/AVP 0\r\n"
      "m=video 4002 RTP/AVP 31\r\nc=IN IP4 192.0.2.2\r\na=rtcp:4003\r\n"
      "m=image 0 udptl t38\r\n");
  EXPECT_EQ(rewrite(d, local({"203.0.113.9:20000"})),
            "v=0\r\nc=IN IP4 203.0.113.9\r\n"
            "m=audio 20000 RTP/AVP 0\r\n"
            "m=video 0 RTP/AVP 31\r\nc=IN IP4 203.0.113.9\r\n"
            "m=image 0 udptl t38\r\n");
  // Refused by the peer: no port of ours is offered in its place.
  EXPECT_NE(rewrite(d, local({"203.0.113.9:20000", "203.0.113.9:20002", "203.0.113.9:20004"}))
                .find("m=image 0 udptl"),
            std::string::npos);
  EXPECT_EQ(rewrite(parsed("v=0\nc=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0\n"), {}),
            "v=0\nc=IN IP4 0.0.0.0\nm=audio 0 RTP/AVP 0\n");
}

TEST(Rewrite, SectionConnectionsStayWhereTheyWere) {
  EXPECT_EQ(rewrite(parsed("v=0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.1\nb=AS:64\n"
                           "m=audio 4002 RTP/AVP 0\nc=IN IP4 192.0.2.2\n"),
                    local({"203.0.113.9:20000", "203.0.113.10:20002"})),
            "v=0\nm=audio 20000 RTP/AVP 0\nc=IN IP4 203.0.113.9\nb=AS:64\n"
            "m=audio 20002 RTP/AVP 0\nc=IN IP4 203.0.113.10\n");
}

TEST(Rewrite, AnotherAddressThanTheSessionsIsAdded) {
  EXPECT_EQ(rewrite(parsed("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n"
                           "m=audio 4002 RTP/AVP 0\r\ni=second\r\na=ptime:20\r\n"
                           "m=audio 4004 RTP/AVP 0"),
                    local({"203.0.113.9:20000", "203.0.113.10:20002", "[2001:db8::9]:20004"})),
            "v=0\r\nc=IN IP4 203.0.113.9\r\nm=audio 20000 RTP/AVP 0\r\n"
            "m=audio 20002 RTP/AVP 0\r\ni=second\r\nc=IN IP4 203.0.113.10\r\na=ptime:20\r\n"
            "m=audio 20004 RTP/AVP 0\r\nc=IN IP6 2001:db8::9");
}

// a=rtcp and a=rtcp-mux are ours to say, whatever the other party's description has.
TEST(Rewrite, RtcpGoesWhereWeSay) {
  const std::string text =
      "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:4001\r\na=rtcp-mux\r\n"
      "m=video 4002 RTP/AVP 31\r\na=rtcp:4003";
  const auto said = [&](RtcpSaid first, RtcpSaid second) {
    auto ends = local({"203.0.113.9:20000", "203.0.113.9:20002"});
    ends[0].rtcp = first;
    ends[1].rtcp = second;
    return rewrite(parsed(text), ends);
  };
  const std::string head = "v=0\r\nc=IN IP4 203.0.113.9\r\nm=audio 20000 RTP/AVP 0\r\n";
  const std::string video = "m=video 20002 RTP/AVP 31";
  EXPECT_EQ(said(RtcpSaid::kNextPort, RtcpSaid::kOffered),
            head + "a=rtcp:20001\r\n" + video + "\r\na=rtcp:20003\r\na=rtcp-mux\r\n");
  EXPECT_EQ(said(RtcpSaid::kMuxed, RtcpSaid::kNoPort), head + "a=rtcp-mux\r\n" + video + "\r\n");
}

TEST(Rewrite, IceAndMuxAreTakenOut) {
  EXPECT_EQ(rewrite(parsed("v=0\na=ice-lite\na=rtcp:1\nc=IN IP4 192.0.2.1\n"
                           "m=audio 4000 RTP/AVP 0\n"
                           "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\n"
                           "a=remote-candidates:1 192.0.2.3 45664\na=end-of-candidates\n"
                           "a=rtcp-mux\na=ice-ufrag:8hhY\na=ice-pwd:x\na=ice-options:trickle\n"
                           "a=rtcp-fb:0 nack\na=icecream\na=sendrecv\n"),
                    local({"203.0.113.9:20000"})),
            "v=0\nc=IN IP4 203.0.113.9\nm=audio 20000 RTP/AVP 0\n"
            "a=rtcp-fb:0 nack\na=icecream\na=sendrecv\n");
}

TEST(Rewrite, BundlesAreTakenOut) {
  EXPECT_EQ(rewrite(parsed("v=0\na=group:BUNDLE 0 1\na=group:LS 0 1\na=group:BUNDLED 0\n"
                           "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=mid:0\n"
                           "m=video 0 RTP/AVP 31\na=mid:1\na=bundle-only\n"),
                    local({"203.0.113.9:20000"})),
            "v=0\na=group:LS 0 1\na=group:BUNDLED 0\nc=IN IP4 203.0.113.9\n"
            "m=audio 20000 RTP/AVP 0\na=mid:0\nm=video 0 RTP/AVP 31\na=mid:1\n");
}

// Fax and what nobody knows: the lines pass byte for byte.
TEST(Rewrite, FaxAndUnknownLinesPass) {
  const std::string fax =
      "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
      "a=X-odd:\x01\xff  ;\r\nk=clear:x y\r\ny=0100000001\r\nf=v/////a/1/8/1\r\n";
  const auto with = [&](const std::string& address, const char* port) {
    return "v=0\r\no=- 1 1 IN IP6 " + address + "\r\ns= \r\nc=IN IP6 " + address +
           "\r\nt=0 0\r\nm=image " + port + " udptl t38\r\n" + fax +
           "m=audio 0 RTP/AVP 8\r\na=inactive\r\n";
  };
  const auto theirs = with("2001:db8::1", "4000");
  const auto d = parsed(theirs);
  EXPECT_EQ(d.media.at(0).protocol, "udptl");
  EXPECT_EQ(d.media.at(0).rtp, endpoint("[2001:db8::1]:4000"));
  EXPECT_EQ(rewrite(d, local({"[2001:db8::9]:20000", "[2001:db8::9]:20002"})),
            with("2001:db8::9", "20000"));
}

TEST(Rewrite, HoldStaysHold) {
  EXPECT_EQ(rewrite(parsed("v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n"
                           "m=audio 4002 RTP/AVP 0\nc=IN IP4 192.0.2.1\n"),
                    local({"203.0.113.9:20000", "203.0.113.9:20002"})),
            "v=0\nc=IN IP4 0.0.0.0\nm=audio 20000 RTP/AVP 0\n"
            "m=audio 20002 RTP/AVP 0\nc=IN IP4 203.0.113.9\n");
}

TEST(Sdp, Mutations) {
  const std::string seeds[] = {
      std::string(kOffer),
      "v=0\no=- 1 2 IN IP4 h\nm=audio 1 RTP/AVP 0\nc=IN IP4 192.0.2.1\ni=x\n"
      "m=image 4002 udptl t38\nc=IN IP6 2001:db8::1\na=rtcp:1 IN IP4 192.0.2.9\n",
      "v=0\r\nc=IN IP4 192.0.2.1\r\na=inactive\r\nm=audio 5 RTP/SAVP 0 8\r\na=rtpmap:0 A/1/2\r\n"
      "a=candidate:1\r\nm=video 7 RTP/AVP 31"};
  const char* const words[] = {"\r\n",      "\n", "m=audio 1 RTP/AVP 0\n",
                               "c=IN IP4 ", "=",  " ",
                               "/",         ":",  "a=rtcp:",
                               "a=rtpmap:", "o=", "65536",
                               "0"};
  const auto ends = local({"203.0.113.9:20000", "[2001:db8::9]:65535"});
  std::mt19937_64 random(8866);
  int taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    auto text = seeds[random() % std::size(seeds)];
    for (auto change = random() % 4; change != 0 && !text.empty(); --change) {
      const auto at = random() % text.size();
      const auto length = std::min<std::size_t>(random() % 20, text.size() - at);
      switch (random() % 6) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        case 3:
          text.resize(at);
          break;
        default:
          text.insert(at, words[random() % std::size(words)]);
          break;
      }
    }
    // A buffer of exactly its size, so that a sanitizer sees every step outside.
    const auto buffer = std::make_unique<char[]>(std::max<std::size_t>(text.size(), 1));
    std::copy(text.begin(), text.end(), buffer.get());
    const auto result = parse({buffer.get(), text.size()});
    if (!result) continue;
    ++taken;
    const auto ours = rewrite(*result, ends);
    const auto again = parse(ours);
    ASSERT_TRUE(again.ok()) << again.error_text() << "\n" << text << "\n---\n" << ours;
    ASSERT_EQ(again->media.size(), result->media.size()) << text << "\n---\n" << ours;
    for (std::size_t i = 0; i < again->media.size(); ++i) {
      const bool open = i < ends.size() && result->media[i].port != 0;
      ASSERT_EQ(again->media[i].port, open ? ends[i].rtp.port : 0) << text << "\n---\n" << ours;
      if (!open || result->media[i].rtp.address == base::IpAddress::ip4(0, 0, 0, 0)) continue;
      ASSERT_EQ(again->media[i].rtp, ends[i].rtp) << text << "\n---\n" << ours;
    }
  }
  EXPECT_GT(taken, 10'000);
}

}  // namespace
}  // namespace tandem::sdp
