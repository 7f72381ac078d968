#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "perf/load/wire.h"

namespace tandem::perf {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kBytesMax = 4096;  // of one datagram; a call's are far smaller
constexpr int kBufferBytes = 4 << 20;

sockaddr_in raw_address(const Endpoint& endpoint) {
  sockaddr_in raw{};
  raw.sin_family = AF_INET;
  raw.sin_port = htons(endpoint.port);
  raw.sin_addr.s_addr = endpoint.address.ip4_network_order();
  return raw;
}

Endpoint endpoint_of(const sockaddr_in& raw) {
  Endpoint out;
  out.address = base::IpAddress::ip4_raw(raw.sin_addr.s_addr);
  out.port = ntohs(raw.sin_port);
  return out;
}

// A batch of datagrams with the room that the kernel's calls want them in.
class Batch {
 public:
  Batch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i].iov_base = bytes_[i].data();
      auto& head = heads_[i].msg_hdr;
      head.msg_name = &addresses_[i];
      head.msg_namelen = sizeof addresses_[i];
      head.msg_iov = &parts_[i];
      head.msg_iovlen = 1;
    }
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void put(std::size_t i, const Endpoint& to, std::string_view bytes) {
    addresses_[i] = raw_address(to);
    parts_[i].iov_len = bytes.size();
    std::memcpy(bytes_[i].data(), bytes.data(), bytes.size());
  }
  std::size_t receive(int fd) {
    for (auto& part : parts_) part.iov_len = kBytesMax;
    const int count = recvmmsg(fd, heads_.data(), kBatch, MSG_DONTWAIT, nullptr);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  // How many the kernel took.
  std::size_t send(int fd, std::size_t count) {
    std::size_t done = 0;
    while (done < count) {
      const int sent = sendmmsg(fd, &heads_[done], static_cast<unsigned>(count - done), 0);
      if (sent <= 0 && errno != EINTR) break;
      done += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    return done;
  }
  std::string_view bytes(std::size_t i) const { return {bytes_[i].data(), heads_[i].msg_len}; }
  Endpoint address(std::size_t i) const { return endpoint_of(addresses_[i]); }

 private:
  std::array<mmsghdr, kBatch> heads_{};
  std::array<iovec, kBatch> parts_{};
  std::array<sockaddr_in, kBatch> addresses_{};
  std::array<std::array<char, kBytesMax>, kBatch> bytes_{};
};

class KernelWire final : public Wire {
 public:
  ~KernelWire() override {
    for (const auto& side : sides_) {
      if (side.fd >= 0) close(side.fd);
    }
  }

  base::Result<void> open(Party party, const Endpoint& local) {
    Side& s = side(party);
    s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (const int option : {SO_RCVBUF, SO_SNDBUF}) {
      setsockopt(s.fd, SOL_SOCKET, option, &kBufferBytes, sizeof kBufferBytes);
    }
    const sockaddr_in raw = raw_address(local);
    if (bind(s.fd, reinterpret_cast<const sockaddr*>(&raw), sizeof raw) != 0) {
      return base::error("cannot listen on " + local.text() + ": " + std::strerror(errno));
    }
    return {};
  }

  void send(Party from, const Endpoint& to, std::string_view bytes) override {
    Side& s = side(from);
    if (bytes.size() > kBytesMax) {
      ++lost_;
      return;
    }
    s.out.put(s.waiting++, to, bytes);
    if (s.waiting == kBatch) flush(s);
  }
  void flush() override {
    for (auto& s : sides_) flush(s);
  }
  std::uint32_t receive(WireListener& listener) override {
    std::uint32_t taken = 0;
    for (const Party party : {Party::kCaller, Party::kCallee}) {
      Side& s = side(party);
      const std::size_t count = s.in.receive(s.fd);
      for (std::size_t i = 0; i < count; ++i) {
        listener.on_datagram(party, s.in.address(i), s.in.bytes(i));
      }
      taken += static_cast<std::uint32_t>(count);
    }
    return taken;
  }
  void wait(Nanos longest) override {
    pollfd ready[] = {{sides_[0].fd, POLLIN, 0}, {sides_[1].fd, POLLIN, 0}};
    const timespec patience{longest.count() / 1'000'000'000, longest.count() % 1'000'000'000};
    ppoll(ready, 2, &patience, nullptr);
  }
  std::uint64_t lost() const override { return lost_; }

 private:
  struct Side {
    int fd = -1;
    std::size_t waiting = 0;
    Batch out;
    Batch in;
  };
  Side& side(Party party) { return sides_[static_cast<std::size_t>(party)]; }
  void flush(Side& s) {
    lost_ += s.waiting - s.out.send(s.fd, s.waiting);
    s.waiting = 0;
  }

  std::array<Side, 2> sides_;
  std::uint64_t lost_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<Wire>> open_kernel_wire(const Endpoint& caller,
                                                     const Endpoint& callee) {
  auto wire = std::make_unique<KernelWire>();
  if (auto opened = wire->open(Party::kCaller, caller); !opened)
    return std::move(opened).take_error();
  if (auto opened = wire->open(Party::kCallee, callee); !opened)
    return std::move(opened).take_error();
  return std::unique_ptr<Wire>(std::move(wire));
}

}  // namespace tandem::perf
