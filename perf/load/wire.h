// How a load generator's datagrams go and come, for its two parties: through the kernel, or through
// the corridor of a control plane (corridor_end.h). Owner: the generator's one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "drivers/base/clock.h"
#include "drivers/base/endpoint.h"
#include "drivers/base/result.h"

namespace tandem::perf {

using base::Endpoint;
using base::Nanos;

enum class Party : std::uint8_t { kCaller, kCallee };

class WireListener {
 public:
  virtual void on_datagram(Party to, const Endpoint& from, std::string_view bytes) = 0;

 protected:
  ~WireListener() = default;
};

class Wire {
 public:
  virtual ~Wire() = default;
  // Gathered; flush() sends.
  virtual void send(Party from, const Endpoint& to, std::string_view bytes) = 0;
  virtual void flush() = 0;
  // Hands what has come to the listener; returns how many there were.
  virtual std::uint32_t receive(WireListener& listener) = 0;
  // Sleeps until something may have come, or `longest` is over.
  virtual void wait(Nanos longest) = 0;
  // Datagrams that could not be sent.
  virtual std::uint64_t lost() const = 0;
};

// Kernel UDP sockets, one for each party, with batches both ways.
base::Result<std::unique_ptr<Wire>> open_kernel_wire(const Endpoint& caller,
                                                     const Endpoint& callee);

}  // namespace tandem::perf
