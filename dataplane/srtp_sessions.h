// The SRTP sessions of a worker's flows: what one party sends is unprotected by one context, what
// is sent to it protected by the other. The RTP and the RTCP flow of a party share one, unless each
// was keyed for itself (DTLS without rtcp-mux). Owner: the worker. Limits: as many as the memory
// that it is given; what is no longer used is wiped.
#pragma once

#include <cstdint>
#include <span>

#include "drivers/crypto/srtp_context.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane {

struct SrtpSession {
  crypto::SrtpContext in;
  crypto::SrtpContext out;
  std::uint32_t users = 0;      // flows; 0: free
  std::uint32_t next_free = 0;  // place; 0: none
};

class SrtpSessions {
 public:
  using Place = std::uint32_t;  // from 1
  static constexpr Place kNone = 0;
  // No session yet, and nothing passes in the clear meanwhile.
  static constexpr Place kAwaited = UINT32_MAX;

  // Both must outlive it; `memory` holds fresh sessions.
  SrtpSessions(const crypto::IpsecMb& crypto, std::span<SrtpSession> memory);
  ~SrtpSessions();
  SrtpSessions(const SrtpSessions&) = delete;
  SrtpSessions& operator=(const SrtpSessions&) = delete;

  // What a control plane may order.
  static bool is_sound(const wire::SetSrtp& order);

  // A session with these keys and one user, or kNone: there is no room left.
  Place take(const wire::SetSrtp& order);
  // Other keys for the same session: rollover counters and indices go on (RFC 3711 §3.3.1).
  // REQUIRES: held.
  void rekey(Place place, const wire::SetSrtp& order);
  // One more flow has it.
  void hold(Place place) { ++at(place).users; }
  // A flow has it no more; kNone, kAwaited: nothing happens.
  void let_go(Place place);

  static bool is_session(Place place) { return place != kNone && place != kAwaited; }
  // REQUIRES: held.
  SrtpSession& at(Place place) { return memory_[place - 1]; }
  std::size_t size() const { return size_; }

 private:
  const crypto::IpsecMb& crypto_;
  std::span<SrtpSession> memory_;
  Place free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace tandem::dataplane
