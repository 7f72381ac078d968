// One connection and what it holds: its socket, what is read of an unfinished message, what waits
// to be written. Plain data for Streams, whose thread owns it.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/loop/timer_wheel.h"
#include "controlplane/sip/transport.h"
#include "controlplane/transport/stream_framer.h"
#include "controlplane/transport/stream_socket.h"
#include "drivers/base/slab.h"
#include "drivers/wire/counters.h"

namespace tandem::transport {

struct Connection {
  enum class State : std::uint8_t {
    kConnecting,
    kHandshake,
    kOpen,
    kClosing,  // nothing is read any more; what is queued still leaves
  };

  Connection(StreamSocket taken, const sip::Path& ends, std::uint32_t at, bool ours)
      : socket(std::move(taken)), path(ends), listener(at), outgoing(ours) {}

  bool ended() const { return doomed || state == State::kClosing; }
  std::size_t queued() const { return out.size() - out_done; }

  base::Handle id{};
  StreamSocket socket;
  sip::Path path;  // flow: this connection
  std::uint32_t listener;
  bool outgoing;
  bool known = true;  // a gateway's address is at its far end, or whoever is has proven itself
  State state = State::kConnecting;
  StreamFramer framer{};
  std::string out{};
  std::size_t out_done = 0;  // of `out`: written already
  std::uint32_t events = 0;  // that are watched
  bool was_open = false;
  bool carried_requests = false;  // of ours: somebody may be waiting for an answer
  bool dirty = false;             // queued something in this turn
  bool doomed = false;            // to be taken away at the end of the turn
  wire::Counter why{};            // a closing one's

  base::Nanos opened{};  // accepted, or connected to
  base::Nanos since{};   // of its state
  base::Nanos used{};    // when bytes last came or went
  base::Nanos midway{};  // when the unfinished message began; 0: there is none
  base::Nanos stuck{};   // since when the peer has taken nothing of the queue; 0: it is empty
  loop::TimerId timer{};
  base::Nanos armed_for{};
  std::uint64_t octets_in = 0;
  std::uint64_t octets_out = 0;
};

}  // namespace tandem::transport
