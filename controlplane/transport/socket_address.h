// Our endpoints as the kernel writes them, and back.
#pragma once

#include <sys/socket.h>

#include "drivers/base/endpoint.h"

namespace tandem::transport {

struct SocketAddress {
  sockaddr_storage storage;
  socklen_t length;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress to_kernel(const base::Endpoint& endpoint);
base::Endpoint from_kernel(const sockaddr_storage& storage);

// "what: why", from errno.
std::string system_words(std::string_view what);

// SS_QOS_SIGNAL on all that a socket sends.
void set_tos(int fd, base::Family family, std::uint8_t tos);

}  // namespace tandem::transport
