// What transport tests share: a shard's loop with the test's own clock, counters, and a plain
// socket of the kernel's as the far end.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "controlplane/loop/shard_loop.h"
#include "controlplane/sip/transport.h"
#include "controlplane/transport/socket_address.h"
#include "drivers/wire/counters.h"

namespace tandem::test {

using base::Endpoint;
using base::Nanos;

inline Endpoint loopback(std::uint16_t port) {
  Endpoint out;
  out.address = base::IpAddress::ip4(127, 0, 0, 1);
  out.port = port;
  return out;
}

// A port that nobody has right now.
inline Endpoint free_endpoint(int kind) {
  const int fd = socket(AF_INET, kind, 0);
  const auto any = transport::to_kernel(loopback(0));
  EXPECT_EQ(bind(fd, any.get(), any.length), 0);
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  close(fd);
  return transport::from_kernel(bound);
}

// Waits for the kernel, not for a time: fails the test after ten seconds without an event.
inline bool readable(int fd, int patience_ms = 10'000) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, patience_ms) == 1;
}

// All that came in, in order.
class Heard final : public sip::TransportListener {
 public:
  struct One {
    sip::Path path;
    std::string bytes;
  };
  void on_datagram(const sip::Path& path, std::span<char> bytes) override {
    all.push_back({path, std::string(bytes.data(), bytes.size())});
  }
  void on_connection_lost(const sip::Path& path, bool) override { lost.push_back(path.remote); }
  std::vector<One> all;
  std::vector<Endpoint> lost;
};

class LoopbackTest : public ::testing::Test {
 protected:
  // One turn of the shard's thread; time stands still.
  void turn() {
    loop.turn(now, [] { return false; });
    now += base::Millis{1};
  }
  // Turns until `done`, sleeping on the sockets in between.
  template <typename Done>
  bool turn_until(Done done) {
    for (int i = 0; i < 2000; ++i) {
      turn();
      if (done()) return true;
      loop.sockets().nap(base::Millis{5});
    }
    return false;
  }

  Nanos now = base::Seconds{1000};
  loop::ShardLoop loop{0, now};
  wire::CounterBlock counters;
  Heard heard;
};

}  // namespace tandem::test
