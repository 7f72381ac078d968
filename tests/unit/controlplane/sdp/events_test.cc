#include "controlplane/sdp/events.h"

#include <gtest/gtest.h>

namespace tandem::sdp {
namespace {

const std::string kSession =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
const std::string kVideo = "m=video 6000 RTP/AVP 101\r\na=rtpmap:101 H264/90000\r\n";
const std::string kSpoken =
    "m=audio 4000 RTP/AVP 8 101 13\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\n";
const std::string kPlain = "m=audio 4000 RTP/AVP 8 13\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n";

TEST(EventsTest, AreFoundInTheVoicesSection) {
  EXPECT_EQ(events_of(kSession + kVideo + kSpoken), 101);
  EXPECT_EQ(events_of(kSession + kPlain), std::nullopt);
  EXPECT_EQ(events_of(kSession + kVideo), std::nullopt);
  // A line about a format that the section hasn't got.
  EXPECT_EQ(events_of(kSession + "m=audio 4000 RTP/AVP 8\r\na=rtpmap:101 telephone-event/8000\r\n"),
            std::nullopt);
}

TEST(EventsTest, ArePutIntoItAndTakenOut) {
  const std::string text = kSession + kPlain + kVideo;
  const auto description = parse(text).value();
  EXPECT_EQ(free_type(description, 0), 101);
  EXPECT_EQ(free_type(description, 1), 96);
  const std::string with = with_events(description, 0, 96);
  EXPECT_EQ(with, kSession +
                      "m=audio 4000 RTP/AVP 8 13 96\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n"
                      "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\n" +
                      kVideo);
  EXPECT_EQ(without_format(parse(with).value(), 0, 96), text);
  // At the very end, and without a line end there.
  const std::string last = kSession + "m=audio 4000 RTP/AVP 8";
  EXPECT_EQ(with_events(parse(last).value(), 0, 101),
            last + " 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n");
}

TEST(EventsTest, GetAnotherNumber) {
  const std::string text = kSession + kVideo + kSpoken;
  const std::string other = renumbered(parse(text).value(), 1, 101, 96);
  EXPECT_EQ(other, kSession + kVideo +
                       "m=audio 4000 RTP/AVP 8 96 13\r\na=rtpmap:8 PCMA/8000\r\n"
                       "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:20\r\n");
  EXPECT_EQ(renumbered(parse(text).value(), 1, 101, 8), text) << "that one is taken";
  EXPECT_EQ(renumbered(parse(text).value(), 1, 101, 101), text);
}

}  // namespace
}  // namespace tandem::sdp
