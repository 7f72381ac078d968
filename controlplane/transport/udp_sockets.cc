#include "controlplane/transport/udp_sockets.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "controlplane/transport/socket_address.h"

namespace tandem::transport {
namespace {

// A batch: what one system call carries.
constexpr std::size_t kBatch = 32;
constexpr std::size_t kDatagramMax = 65536;
constexpr std::size_t kOutgoingBytes = 2 * kDatagramMax;
constexpr int kKernelBuffer = 4 << 20;

// IPv4's total length less both headers; a longer one can't leave.
constexpr std::size_t kPayloadMax = 65507;

// How full the kernel's buffer of what came is, in hundredths.
std::uint32_t fill_of(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> figures{};
  socklen_t length = sizeof figures;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, figures.data(), &length) != 0) return 0;
  const std::uint64_t room = std::max(figures[SK_MEMINFO_RCVBUF], 1u);
  return static_cast<std::uint32_t>(100ull * figures[SK_MEMINFO_RMEM_ALLOC] / room);
}

}  // namespace

struct UdpSockets::Door {
  struct Outgoing {
    std::size_t offset;
    std::size_t length;
    SocketAddress to;
  };

  ~Door() {
    if (fd >= 0) close(fd);
  }

  int fd = -1;
  base::Endpoint address;
  std::vector<Outgoing> queue;
  std::uint32_t backlog = 0;
  std::vector<char> bytes;  // of the queue, back to back
};

// Where a batch is read into; one for all sockets.
struct UdpSockets::Inlet {
  Inlet() : room(std::make_unique_for_overwrite<char[]>(kBatch * kDatagramMax)) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces[i] = {room.get() + i * kDatagramMax, kDatagramMax};
      auto& header = headers[i].msg_hdr;
      header = {};
      header.msg_name = &sources[i];
      header.msg_iov = &pieces[i];
      header.msg_iovlen = 1;
    }
  }

  std::unique_ptr<char[]> room;
  std::array<mmsghdr, kBatch> headers;
  std::array<iovec, kBatch> pieces;
  std::array<sockaddr_storage, kBatch> sources;
};

UdpSockets::UdpSockets(loop::SocketWatch& watch, wire::CounterBlock& counters,
                       sip::TransportListener& listener)
    : watch_(watch), counters_(counters), listener_(listener) {}

UdpSockets::~UdpSockets() {
  for (auto& door : doors_) watch_.forget(door->fd);
}

base::Result<void> UdpSockets::open(const base::Endpoint& address, std::uint8_t tos, bool shared) {
  auto door = std::make_unique<Door>();
  door->address = address;
  const int family = address.address.is_ip4() ? AF_INET : AF_INET6;
  door->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (door->fd < 0) return base::error(system_words("UDP socket"));
  const int on = 1;
  if (shared) setsockopt(door->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  for (const int option : {SO_RCVBUF, SO_SNDBUF}) {
    setsockopt(door->fd, SOL_SOCKET, option, &kKernelBuffer, sizeof kKernelBuffer);
  }
  // What is larger than the path's MTU goes in fragments instead of being refused.
  const int fragment = IP_PMTUDISC_DONT;
  if (family == AF_INET) {
    setsockopt(door->fd, IPPROTO_IP, IP_MTU_DISCOVER, &fragment, sizeof fragment);
  }
  set_tos(door->fd, address.address.family, tos);
  const SocketAddress here = to_kernel(address);
  if (bind(door->fd, here.get(), here.length) != 0) {
    return base::error(system_words("UDP " + address.text()));
  }
  door->bytes.reserve(kOutgoingBytes);
  door->queue.reserve(kBatch);
  if (!inlet_) inlet_ = std::make_unique<Inlet>();
  watch_.watch(door->fd, EPOLLIN, *this, doors_.size());
  doors_.push_back(std::move(door));
  return {};
}

UdpSockets::Door* UdpSockets::door_of(const base::Endpoint& local) const {
  for (const auto& door : doors_) {
    if (door->address == local) return door.get();
  }
  return nullptr;
}

bool UdpSockets::send(const sip::Path& path, std::string_view message) {
  Door* door = door_of(path.local);
  if (door == nullptr || message.size() > kPayloadMax) return false;
  if (door->queue.size() == kBatch || door->bytes.size() + message.size() > kOutgoingBytes) {
    flush(*door);
  }
  door->queue.push_back({door->bytes.size(), message.size(), to_kernel(path.remote)});
  door->bytes.insert(door->bytes.end(), message.begin(), message.end());
  return true;
}

void UdpSockets::flush() {
  for (auto& door : doors_) {
    if (!door->queue.empty()) flush(*door);
  }
}

void UdpSockets::flush(Door& door) {
  std::array<mmsghdr, kBatch> headers;
  std::array<iovec, kBatch> pieces;
  const auto count = static_cast<unsigned>(door.queue.size());
  for (unsigned i = 0; i < count; ++i) {
    auto& outgoing = door.queue[i];
    pieces[i] = {door.bytes.data() + outgoing.offset, outgoing.length};
    headers[i].msg_hdr = {};
    headers[i].msg_hdr.msg_name = &outgoing.to.storage;
    headers[i].msg_hdr.msg_namelen = outgoing.to.length;
    headers[i].msg_hdr.msg_iov = &pieces[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  for (unsigned done = 0; done < count;) {
    const int sent = sendmmsg(door.fd, headers.data() + done, count - done, MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<unsigned>(sent);
    } else if (errno != EINTR) {
      // The kernel's buffer is full, or this destination can't be reached: lost, as UDP may lose.
      counters_.add(wire::Counter::drop_socket_send);
      ++done;
    }
  }
  door.queue.clear();
  door.bytes.clear();
}

std::uint32_t UdpSockets::backlog() const {
  std::uint32_t most = 0;
  for (const auto& door : doors_) most = std::max(most, door->backlog);
  return most;
}

void UdpSockets::on_ready(std::uint64_t word, std::uint32_t) {
  Door& door = *doors_[word];
  for (auto& header : inlet_->headers) header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  const int count = recvmmsg(door.fd, inlet_->headers.data(), kBatch, 0, nullptr);
  // More wait only when these were as many as one call gives.
  door.backlog = count == static_cast<int>(kBatch) ? fill_of(door.fd) : 0;
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    const sip::Path path{door.address, from_kernel(inlet_->sources[index])};
    listener_.on_datagram(
        path, {static_cast<char*>(inlet_->pieces[index].iov_base), inlet_->headers[index].msg_len});
  }
}

}  // namespace tandem::transport
