#include "controlplane/transport/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tandem::transport {

SocketAddress to_kernel(const base::Endpoint& endpoint) {
  SocketAddress out{};
  const auto& bytes = endpoint.address.bytes;
  if (endpoint.address.is_ip4()) {
    auto& to = reinterpret_cast<sockaddr_in&>(out.storage);
    to.sin_family = AF_INET;
    to.sin_port = htons(endpoint.port);
    std::memcpy(&to.sin_addr, bytes.data(), 4);
    out.length = sizeof to;
  } else {
    auto& to = reinterpret_cast<sockaddr_in6&>(out.storage);
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(endpoint.port);
    std::memcpy(&to.sin6_addr, bytes.data(), 16);
    out.length = sizeof to;
  }
  return out;
}

base::Endpoint from_kernel(const sockaddr_storage& storage) {
  base::Endpoint out;
  if (storage.ss_family == AF_INET) {
    const auto& from = reinterpret_cast<const sockaddr_in&>(storage);
    out.address = base::IpAddress::ip4_raw(from.sin_addr.s_addr);
    out.port = ntohs(from.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto& from = reinterpret_cast<const sockaddr_in6&>(storage);
    out.address.family = base::Family::kIp6;
    std::memcpy(out.address.bytes.data(), &from.sin6_addr, 16);
    out.port = ntohs(from.sin6_port);
  }
  return out;
}

std::string system_words(std::string_view what) {
  return std::string(what) + ": " + std::strerror(errno);
}

void set_tos(int fd, base::Family family, std::uint8_t tos) {
  const int value = tos;
  if (family == base::Family::kIp6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
  else
    setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof value);
}

}  // namespace tandem::transport
