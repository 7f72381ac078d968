#include "controlplane/transport/stream_framer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tandem::transport {
namespace {

std::string message(const std::string& body, const std::string& length_name = "Content-Length") {
  return "INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\n" + length_name + ": " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Framing : public ::testing::Test, FrameSink {
 protected:
  FrameFault feed(std::string bytes) { return framer.feed({bytes.data(), bytes.size()}, *this); }
  FrameFault feed_bytewise(const std::string& bytes) {
    FrameFault fault = FrameFault::kNone;
    for (const char c : bytes) {
      if (fault == FrameFault::kNone) fault = feed(std::string(1, c));
    }
    return fault;
  }

  StreamFramer framer;
  std::vector<std::string> messages;
  int pings = 0;
  bool stop = false;

 private:
  bool on_message(std::span<char> bytes) override {
    messages.emplace_back(bytes.data(), bytes.size());
    return !stop;
  }
  bool on_ping() override { return ++pings, !stop; }
};

TEST_F(Framing, WholeMessagesPassAndNothingIsKept) {
  EXPECT_EQ(feed(message("hello")), FrameFault::kNone);
  EXPECT_EQ(feed(message("")), FrameFault::kNone);
  EXPECT_EQ(messages, (std::vector<std::string>{message("hello"), message("")}));
  EXPECT_FALSE(framer.midway());
  EXPECT_EQ(framer.held(), 0u);
}

TEST_F(Framing, ByteByByte) {
  const std::string all = message("one") + "\r\n" + message("two\r\n\r\ntwo") + message("", "l");
  EXPECT_EQ(feed_bytewise(all), FrameFault::kNone);
  EXPECT_EQ(messages, (std::vector<std::string>{message("one"), message("two\r\n\r\ntwo"),
                                                message("", "l")}));
  EXPECT_EQ(pings, 0);
  EXPECT_FALSE(framer.midway());
  EXPECT_EQ(framer.held(), 0u);
}

TEST_F(Framing, CutAnywhereItIsTheSame) {
  const std::string all = message("first") + "\r\n\r\n" + message("second", "Content-length ");
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    messages.clear();
    pings = 0;
    EXPECT_EQ(feed(all.substr(0, cut)), FrameFault::kNone);
    EXPECT_EQ(feed(all.substr(cut)), FrameFault::kNone);
    EXPECT_EQ(messages.size(), 2u) << cut;
    EXPECT_EQ(pings, 1) << cut;
    EXPECT_FALSE(framer.midway());
  }
}

TEST_F(Framing, PipelinedMessagesPassAtOnce) {
  std::string all;
  for (int i = 0; i < 50; ++i) all += message(std::string(static_cast<std::size_t>(i), 'x'));
  EXPECT_EQ(feed(all + message("rest").substr(0, 20)), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 50u);
  EXPECT_TRUE(framer.midway());
  EXPECT_EQ(feed(message("rest").substr(20)), FrameFault::kNone);
  EXPECT_EQ(messages.back(), message("rest"));
}

TEST_F(Framing, TwoEmptyLinesAreAPingAndOneIsNothing) {
  EXPECT_EQ(feed("\r\n"), FrameFault::kNone);
  EXPECT_EQ(pings, 0);
  EXPECT_EQ(feed("\r\n"), FrameFault::kNone);
  EXPECT_EQ(pings, 1);
  EXPECT_EQ(feed("\r\n\r\n\r\n\r\n"), FrameFault::kNone);
  EXPECT_EQ(pings, 3);
  feed("\r\n");
  feed(message(""));
  feed("\r\n");  // the two are no pair
  EXPECT_EQ(pings, 3);
  EXPECT_EQ(messages.size(), 1u);
}

TEST_F(Framing, AFoldedLengthIsRead) {
  EXPECT_EQ(feed("INFO sip:a@b SIP/2.0\r\nContent-Length:\r\n 3\r\n\r\nabc"), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 1u);
}

TEST_F(Framing, WithoutALengthTheEndIsUnknown) {
  const std::string head = "INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n";
  EXPECT_EQ(feed(head + "anything"), FrameFault::kNoLength);
  const auto kept = framer.faulty_head();
  EXPECT_EQ(std::string(kept.data(), kept.size()), head);
  EXPECT_TRUE(messages.empty());
}

TEST_F(Framing, BadLengths) {
  for (const std::string bad : {"-1", "x", "", "99999999999999999999", "1\r\nContent-Length: 2"}) {
    framer = StreamFramer();
    EXPECT_EQ(feed("INFO sip:a@b SIP/2.0\r\nContent-Length: " + bad + "\r\n\r\n"),
              FrameFault::kBadLength)
        << bad;
  }
  framer = StreamFramer();  // twice the same is silly, but clear
  EXPECT_EQ(feed("INFO sip:a@b SIP/2.0\r\nl: 1\r\nContent-Length: 1\r\n\r\nx"), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 1u);
}

TEST_F(Framing, LimitsOfHeadAndMessage) {
  const std::string start = "INFO sip:a@b SIP/2.0\r\n";
  const std::string tail = "\r\nl: 0\r\n\r\n";
  const std::size_t fits = StreamFramer::kHeadMax - start.size() - tail.size();
  EXPECT_EQ(feed(start + std::string(fits, 'x') + tail), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 1u);
  EXPECT_EQ(feed(start + std::string(fits + 1, 'x') + tail), FrameFault::kHeadTooLarge);

  framer = StreamFramer();
  const auto head = [&](std::size_t body) {
    return start + "l: " + std::to_string(body) + "\r\n\r\n";
  };
  const std::size_t most = StreamFramer::kMessageMax - head(65000).size();
  EXPECT_EQ(feed(head(most) + std::string(most, 'b')), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 2u);
  EXPECT_EQ(feed(head(most + 1)), FrameFault::kTooLarge);  // at once: its body isn't waited for
  EXPECT_EQ(framer.faulty_head().size(), head(most + 1).size());
}

TEST_F(Framing, AHeadThatNeverEndsIsGivenUp) {
  FrameFault fault = feed("INFO sip:a@b SIP/2.0\r\n");
  std::size_t sent = 0;
  while (fault == FrameFault::kNone && sent < 100'000) {
    fault = feed("X: 0123456789\r\n");
    sent += 15;
  }
  EXPECT_EQ(fault, FrameFault::kHeadTooLarge);
  EXPECT_LT(sent, StreamFramer::kHeadMax + 100);
}

TEST_F(Framing, AnEndlessStartLineIsTheSameHoweverItComes) {
  const std::string line = "INFO" + std::string(StreamFramer::kHeadMax, ' ') + "\r\n";
  EXPECT_EQ(feed(line), FrameFault::kHeadTooLarge);
  framer = StreamFramer();
  EXPECT_EQ(feed_bytewise(line), FrameFault::kHeadTooLarge);
}

TEST_F(Framing, AfterTheEndNothingIsKept) {
  feed("INFO sip:a@b SIP/2.0\r\n");
  EXPECT_EQ(feed("l: x\r\n\r\n"), FrameFault::kBadLength);
  const std::size_t held = framer.held();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(feed(std::string(1000, 'x')), FrameFault::kBadLength);
  EXPECT_EQ(framer.held(), held);

  framer = StreamFramer();
  stop = true;
  feed("INFO sip:a@b SIP/2.0\r\n");
  feed("l: 0\r\n\r\n" + message("two"));
  EXPECT_EQ(messages.size(), 1u);
  const std::size_t left = framer.held();
  for (int i = 0; i < 100; ++i) feed(std::string(1000, 'x'));
  EXPECT_EQ(framer.held(), left);
}

TEST_F(Framing, GarbageIsSeenAtOnce) {
  EXPECT_EQ(feed("\x16\x03\x01\x02"), FrameFault::kGarbage);  // TLS on a TCP listener
  framer = StreamFramer();
  EXPECT_EQ(feed("GET / HTTP/1.1\r\n"), FrameFault::kGarbage);
  framer = StreamFramer();
  EXPECT_EQ(feed(message("") + "{\"json\":1}"), FrameFault::kGarbage);
  EXPECT_EQ(messages.size(), 1u);
}

TEST_F(Framing, AStopEndsIt) {
  stop = true;
  EXPECT_EQ(feed(message("one") + message("two")), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 1u);
  EXPECT_EQ(feed(message("three")), FrameFault::kNone);
  EXPECT_EQ(messages.size(), 1u);
}

}  // namespace
}  // namespace tandem::transport
