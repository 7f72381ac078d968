// What stays of a description whose audio may have some codecs only.
#include "controlplane/sdp/codecs.h"

#include <gtest/gtest.h>

#include <vector>

#include "controlplane/sdp/sdp.h"

namespace tandem::sdp {
namespace {

using Names = std::vector<std::string>;

const std::string kHead =
    "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
const std::string kAudio =
    "m=audio 7000 RTP/AVP 0 8 18 97 101 13\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"
    "a=rtpmap:97 opus/48000/2\r\na=fmtp:97 useinbandfec=1\r\na=rtcp-fb:97 nack\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp-fb:* ccm\r\na=ptime:20\r\n";

TEST(Codecs, NothingSaidChangesNothing) {
  EXPECT_EQ(with_codecs(kHead + kAudio, {}), kHead + kAudio);
}

TEST(Codecs, OthersGoWithTheirLines) {
  EXPECT_EQ(with_codecs(kHead + kAudio, Names{"PCMA", "g729"}),
            kHead +
                "m=audio 7000 RTP/AVP 8 18 101 13\r\na=rtpmap:18 G729/8000\r\n"
                "a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
                "a=rtcp-fb:* ccm\r\na=ptime:20\r\n");
}

TEST(Codecs, TheOrderIsTheLists) {
  const auto out = with_codecs(kHead + kAudio, Names{"opus", "PCMA", "PCMU"});
  EXPECT_NE(out.find("m=audio 7000 RTP/AVP 97 8 0 101 13\r\n"), std::string::npos);
}

TEST(Codecs, ASectionWithoutAnyIsRejectedAndOthersStay) {
  const std::string video = "m=video 7002 RTP/AVP 31\r\n";
  const std::string fax = "m=image 7004 udptl t38\r\na=T38FaxVersion:0\r\n";
  const auto out = with_codecs(kHead + kAudio + video + fax, Names{"GSM"});
  const auto description = parse(out);
  ASSERT_TRUE(description.ok());
  ASSERT_EQ(description->media.size(), 3u);
  EXPECT_EQ(description->media[0].port, 0);
  EXPECT_EQ(description->media[0].formats, "0 8 18 97 101 13");
  EXPECT_EQ(description->media[1].port, 7002);
  EXPECT_TRUE(out.ends_with(video + fax));
}

// A number that is dynamic has the name that a=rtpmap gives it, and a static one too.
TEST(Codecs, NamesAreTheSectionsOwn) {
  const std::string two =
      "m=audio 7000 RTP/AVP 96 8\na=rtpmap:96 PCMA/8000\na=rtpmap:8 GSM/8000\n"
      "m=audio 7002 RTP/SAVP 96 0\na=rtpmap:96 iLBC/8000\n";
  EXPECT_EQ(with_codecs("v=0\n" + two, Names{"PCMA", "PCMU"}),
            "v=0\nm=audio 7000 RTP/AVP 96\na=rtpmap:96 PCMA/8000\nm=audio 7002 RTP/SAVP 0\n");
}

TEST(Codecs, EventsAloneAreNoAudio) {
  const std::string events = "m=audio 7000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n";
  const auto out = with_codecs(kHead + events, Names{"PCMA"});
  EXPECT_NE(out.find("m=audio 0 RTP/AVP 101\r\n"), std::string::npos);
}

TEST(Codecs, WhatIsNoDescriptionComesToNoHarm) {
  for (const auto* text :
       {"", "m=", "m=audio", "m=audio 5", "a=rtpmap:", "m=audio 5 RTP/AVP\na=fmtp:"}) {
    with_codecs(text, Names{"PCMA"});
  }
  for (std::size_t size = 0; size < kAudio.size(); ++size) {
    with_codecs(kAudio.substr(0, size), Names{"PCMA"});
  }
}

TEST(Codecs, Names) {
  for (const auto* name : {"PCMA", "G729", "AMR-WB", "opus", "G726-32"}) {
    EXPECT_TRUE(is_encoding(name)) << name;
  }
  for (const auto* name : {"", "PC MA", "PCMA/8000", "a\"b"}) EXPECT_FALSE(is_encoding(name));
}

}  // namespace
}  // namespace tandem::sdp
