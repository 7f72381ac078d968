// Connections over the real loopback, with the test's own clock: what a time-out does is seen by
// turning the wheel, not by waiting.
#pragma once

#include <fcntl.h>

#include <csignal>
#include <map>
#include <memory>

#include "controlplane/transport/streams.h"
#include "tests/unit/controlplane/transport/loopback.h"

namespace tandem::test {

// A peer's end of a plain TCP connection; reads and writes wait for the kernel, ten seconds at
// most.
class TcpPeer {
 public:
  explicit TcpPeer(int fd) : fd_(fd) {}
  // Connects.
  explicit TcpPeer(const Endpoint& to, int receive_buffer = 0)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer != 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const auto address = transport::to_kernel(to);
    EXPECT_EQ(connect(fd_, address.get(), address.length), 0) << strerror(errno);
  }
  TcpPeer(TcpPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~TcpPeer() { close_now(); }

  void send(const std::string& bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // What is there, once something is; "" when the connection has ended.
  std::string receive() {
    if (!readable(fd_)) return "nothing came";
    std::string out(65536, 0);
    const ssize_t got = recv(fd_, out.data(), out.size(), 0);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
  }
  bool silent() { return !readable(fd_, 0); }
  void reset() {  // RST instead of FIN
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_now();
  }
  void close_now() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

inline std::string sip_message(const std::string& call_id, const std::string& body = {}) {
  return "INFO sip:a@b SIP/2.0\r\nCall-ID: " + call_id +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Notes what is told.
class StreamHeard final : public sip::TransportListener {
 public:
  struct Lost {
    sip::Path path;
    bool was_open;
  };
  void on_datagram(const sip::Path& path, std::span<char> bytes) override {
    paths.push_back(path);
    messages.emplace_back(bytes.data(), bytes.size());
    if (!answer.empty()) streams->send(path, answer);
  }
  void on_unframed(const sip::Path& path, std::span<char> head, int status,
                   std::string_view) override {
    paths.push_back(path);
    unframed.emplace_back(status, std::string(head.data(), head.size()));
    if (streams != nullptr) streams->send(path, "SIP/2.0 " + std::to_string(status) + " x\r\n\r\n");
  }
  void on_connection_lost(const sip::Path& path, bool was_open) override {
    lost.push_back({path, was_open});
  }
  std::vector<sip::Path> paths;
  std::vector<std::string> messages;
  std::vector<std::pair<int, std::string>> unframed;
  std::vector<Lost> lost;
  transport::Streams* streams = nullptr;
  std::string answer;  // sent for each message at once; empty: none
};

class StreamsTest : public ::testing::Test {
 protected:
  StreamsTest() {
    std::signal(SIGPIPE, SIG_IGN);
    heard.streams = streams.get();
  }
  static transport::StreamLimits limits() {
    config::Parameters parameters;
    for (const auto& [name, value] : {std::pair{"TD_SIP_CONNECTIONS_MAX", "8"},
                                      {"TD_SIP_CONNECTIONS_PER_SOURCE", "6"},
                                      {"TD_SIP_CONNECTION_IDLE", "60"},
                                      {"TD_SIP_CONNECTION_QUEUE_BYTES", "65536"}}) {
      EXPECT_TRUE(parameters.set(name, value).ok());
    }
    return transport::StreamLimits(parameters);
  }
  void listen(base::Protocol protocol = base::Protocol::kTcp, config::Tls tls = {}) {
    const auto opened = streams->open({"l", protocol, here, 0, std::move(tls)});
    ASSERT_TRUE(opened.ok()) << opened.error_text();
  }
  void turn() {
    loop.turn(now, [this] {
      streams->flush();
      return false;
    });
  }
  void pass(Nanos time) {
    now += time;
    turn();
  }
  template <typename Done>
  bool turn_until(Done done) {
    for (int i = 0; i < 2000; ++i) {
      turn();
      if (done()) return true;
      loop.sockets().nap(base::Millis{5});
      now += Nanos{20'000};  // so that sockets are looked at again
    }
    return false;
  }
  bool comes_to(std::uint32_t live) {
    return turn_until([&] { return streams->live() == live; });
  }
  bool hears(std::size_t count) {
    return turn_until([&] { return heard.messages.size() >= count; });
  }
  std::uint64_t count(wire::Counter counter) const { return counters.get(counter); }
  sip::Path to(const Endpoint& remote, base::Protocol protocol = base::Protocol::kTcp) const {
    sip::Path path;
    path.local = here;
    path.remote = remote;
    path.protocol = protocol;
    return path;
  }

  Nanos now = base::Seconds{1000};
  loop::ShardLoop loop{0, now};
  wire::CounterBlock counters;
  StreamHeard heard;
  bool knows = true;
  bool suspended = false;
  std::string server_name;
  const Endpoint here = free_endpoint(SOCK_STREAM);
  std::unique_ptr<transport::Streams> streams = std::make_unique<transport::Streams>(
      transport::Streams::Setup{.watch = loop.sockets(),
                                .wheel = loop.wheel(),
                                .counters = counters,
                                .listener = heard,
                                .limits = limits(),
                                .tos = 0xa0,
                                .knows = [this](const base::IpAddress&) { return knows; },
                                .name_of = [this](const Endpoint&) { return server_name; },
                                .suspended = [this](const base::IpAddress&) { return suspended; }});
};

// A listening socket of a peer's.
class TcpHost {
 public:
  TcpHost() : fd_(socket(AF_INET, SOCK_STREAM, 0)), at(free_endpoint(SOCK_STREAM)) {
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = transport::to_kernel(at);
    EXPECT_EQ(bind(fd_, address.get(), address.length), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
  }
  ~TcpHost() { close(fd_); }
  bool has_caller() { return readable(fd_, 0); }
  TcpPeer accept() { return TcpPeer(::accept(fd_, nullptr, nullptr)); }

 private:
  int fd_;

 public:
  const Endpoint at;
};

}  // namespace tandem::test
