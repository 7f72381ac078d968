// How a SIP message leaves and arrives; what carries it (the corridor, a socket) is handed in by
// main. Owner: the shard's thread.
#pragma once

#include <span>
#include <string_view>

#include "drivers/base/clock.h"
#include "drivers/base/endpoint.h"

namespace tandem::sip {

// From where to where a message travels, seen from us.
struct Path {
  base::Endpoint local;
  base::Endpoint remote;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // False: it could not be handed over (counted by the transport's user; a retransmission may).
  virtual bool send(const Path& path, std::string_view message) = 0;
};

class TransportListener {
 public:
  // `bytes` may be changed in place and stay good during the call only.
  virtual void on_datagram(const Path& path, std::span<char> bytes) = 0;

 protected:
  ~TransportListener() = default;
};

}  // namespace tandem::sip
