#include "controlplane/sdp/voice.h"

#include <gtest/gtest.h>

namespace tandem::sdp {
namespace {

const std::string kHead = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
const std::string kEvents = "a=rtpmap:101 telephone-event/8000\r\n";

std::optional<Voice> voice(const std::string& media, std::vector<std::string> allowed = {}) {
  const std::string text = kHead + media;
  return voice_of(parse(text).value(), allowed);
}

TEST(VoiceTest, IsTheFirstLawThatIsNamedAndMayBe) {
  EXPECT_EQ(voice("m=audio 4000 RTP/AVP 18 8 0\r\n"), (Voice{0, 8, {}}));
  EXPECT_EQ(voice("m=audio 4000 RTP/AVP 0 8 101\r\n" + kEvents), (Voice{0, 0, 101}));
  EXPECT_EQ(voice("m=audio 4000 RTP/AVP 0 8\r\n", {"G729", "pcma"}), (Voice{0, 8, {}}));
  EXPECT_EQ(voice("m=image 5000 udptl t38\r\nm=audio 4000 RTP/AVP 8 96\r\n"
                  "a=rtpmap:96 Telephone-Event/8000\r\n"),
            (Voice{1, 8, 96}));
  EXPECT_EQ(voice("m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/48000\r\n"),
            (Voice{0, 8, {}}))
      << "of another clock";
}

TEST(VoiceTest, NobodyHearsItWhoDoesNotListen) {
  EXPECT_FALSE(voice("m=audio 4000 RTP/AVP 18\r\n"));
  EXPECT_FALSE(voice("m=audio 4000 RTP/AVP 8\r\n", {"PCMU"}));
  EXPECT_FALSE(voice("m=audio 0 RTP/AVP 8\r\n"));
  EXPECT_FALSE(voice("m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n"));
  EXPECT_FALSE(voice("m=audio 4000 RTP/AVP 8\r\na=inactive\r\n"));
  EXPECT_FALSE(voice("m=image 5000 udptl t38\r\n"));
  EXPECT_TRUE(voice("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n"));
}

TEST(VoiceTest, TheAnswerHasIt) {
  const std::string text = kHead + "m=video 6000 RTP/AVP 97\r\nm=audio 4000 RTP/AVPF 18 8 101\r\n" +
                           kEvents + "a=recvonly\r\n";
  const auto offer = parse(text).value();
  const std::string answer =
      voice_answer(offer, *voice_of(offer), base::IpAddress::ip4(10, 77, 1, 1), 14);
  EXPECT_EQ(answer,
            "v=0\r\no=- 7 1 IN IP4 10.77.1.1\r\ns=-\r\nc=IN IP4 10.77.1.1\r\nt=0 0\r\n"
            "m=video 0 RTP/AVP 97\r\n"
            "m=audio 9 RTP/AVPF 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
            "a=sendonly\r\n");
  ASSERT_TRUE(parse(answer).ok());
  EXPECT_EQ(parse(answer)->media[1].codec, "PCMA");
}

}  // namespace
}  // namespace tandem::sdp
