// How a SIP message leaves and arrives; what carries it (the corridor, a socket) is handed in by
// main. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "drivers/base/clock.h"
#include "drivers/base/endpoint.h"
#include "drivers/base/protocol.h"

namespace tandem::sip {

using base::default_port;
using base::is_reliable;
using base::Protocol;
using base::protocol_name;

// From where to where a message travels, seen from us, and by what.
struct Path {
  base::Endpoint local;
  base::Endpoint remote;
  Protocol protocol = Protocol::kUdp;
  // The connection that it came on, or is to be sent on first; 0: whichever leads to `remote`.
  std::uint64_t flow = 0;
  // The far end takes requests over TCP too: what is too large for a datagram goes there (§18.1.1).
  bool large_by_tcp = false;
  // The far end is reached at `remote` only, whatever it calls itself: a phone, behind NAT or not.
  bool observed = false;
  // No connection can be made to the far end, which is behind a NAT: its own one, `flow`, or none.
  bool own_flow_only = false;
  // Of a former life, after a restart: there is no way to the far end until it comes back.
  bool lost() const { return own_flow_only && flow == 0 && is_reliable(protocol); }
};

class Transport {
 public:
  virtual ~Transport() = default;
  // False: it could not be handed over (counted by the transport's user; a retransmission may).
  virtual bool send(const Path& path, std::string_view message) = 0;
  // Whoever is at the far end has proven to be somebody's phone: its connection is no stranger's.
  virtual void trust(const Path& /*path*/) {}
  // `wanted` may ask for another protocol than `known`, by which the peer is reached: with our
  // local end for it, or back at the known one where we don't speak it there.
  virtual Path settle(const Path& wanted, const Path& /*known*/) const { return wanted; }
};

class TransportListener {
 public:
  // `bytes` may be changed in place and stay good during the call only.
  virtual void on_datagram(const Path& path, std::span<char> bytes) = 0;
  // Streams alone tell these. The head of a message whose end can't be told (§18.3): to be answered
  // with `status` when it is a request; the connection closes then.
  virtual void on_unframed(const Path& /*path*/, std::span<char> /*head*/, int /*status*/,
                           std::string_view /*reason*/) {}
  // A connection that carried requests of ours is gone. It never came to be: `was_open` is false.
  virtual void on_connection_lost(const Path& /*path*/, bool /*was_open*/) {}

 protected:
  ~TransportListener() = default;
};

}  // namespace tandem::sip
