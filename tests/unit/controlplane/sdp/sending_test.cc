#include "controlplane/sdp/sending.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::sdp {
namespace {

std::string with(const std::string& sections, const std::string& address = "192.0.2.1") {
  return "v=0\r\nc=IN IP4 " + address + "\r\n" + sections;
}
std::string audio(const std::string& direction) {
  return with("m=audio 4000 RTP/AVP 0\r\na=" + direction + "\r\n");
}
bool sending(const std::string& party, const std::string& other) {
  return sends(*parse(party), *parse(other));
}

TEST(Sending, ByBothDirections) {
  const std::string names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
  for (const auto& own : names) {
    for (const auto& far : names) {
      const bool wanted =
          (own == "sendrecv" || own == "sendonly") && (far == "sendrecv" || far == "recvonly");
      EXPECT_EQ(sending(audio(own), audio(far)), wanted) << own << " " << far;
    }
  }
}

TEST(Sending, TheOldHoldTakesNothingAndMaySend) {
  const auto held = with("m=audio 4000 RTP/AVP 0\r\n", "0.0.0.0");
  EXPECT_TRUE(sending(held, audio("sendrecv")));
  EXPECT_FALSE(sending(audio("sendrecv"), held));
}

TEST(Sending, OneSectionIsEnoughAndRejectedOnesAreNone) {
  const auto both = with("m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\n");
  EXPECT_TRUE(sending(both, with("m=audio 0 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\n")));
  EXPECT_FALSE(sending(both, with("m=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n")));
  EXPECT_FALSE(sending(both, with("")));
}

}  // namespace
}  // namespace tandem::sdp
