#include "dataplane/srtp_sessions.h"

#include <algorithm>

namespace tandem::dataplane {
namespace {

crypto::SrtpMaster master_of(const wire::SetSrtp& order, const wire::SrtpKeying& keying) {
  crypto::SrtpMaster out;
  out.suite = static_cast<crypto::SrtpSuite>(order.suite);
  static_assert(sizeof out.key == sizeof keying.key && sizeof out.salt == sizeof keying.salt);
  std::copy(keying.key.begin(), keying.key.end(), out.key.begin());
  std::copy(keying.salt.begin(), keying.salt.end(), out.salt.begin());
  return out;
}

}  // namespace

SrtpSessions::SrtpSessions(const crypto::IpsecMb& crypto, std::span<SrtpSession> memory)
    : crypto_(crypto), memory_(memory) {
  for (std::size_t i = memory.size(); i-- > 0;) {
    memory[i].next_free = free_;
    free_ = static_cast<Place>(i + 1);
  }
}

SrtpSessions::~SrtpSessions() {
  for (SrtpSession& session : memory_) {
    session.in.stop();
    session.out.stop();
  }
}

bool SrtpSessions::is_sound(const wire::SetSrtp& order) {
  return order.suite < crypto::kSrtpSuites.size() &&
         (order.scope == wire::SetSrtp::kRtpAndRtcp || order.scope == wire::SetSrtp::kFlow);
}

SrtpSessions::Place SrtpSessions::take(const wire::SetSrtp& order) {
  if (free_ == kNone) return kNone;
  const Place place = free_;
  SrtpSession& session = at(place);
  free_ = session.next_free;
  session.in.start(crypto_, master_of(order, order.in), crypto::SrtpDirection::kUnprotect);
  session.out.start(crypto_, master_of(order, order.out), crypto::SrtpDirection::kProtect);
  session.users = 1;
  ++size_;
  return place;
}

void SrtpSessions::rekey(Place place, const wire::SetSrtp& order) {
  SrtpSession& session = at(place);
  session.in.rekey(crypto_, master_of(order, order.in));
  session.out.rekey(crypto_, master_of(order, order.out));
}

void SrtpSessions::let_go(Place place) {
  if (!is_session(place)) return;
  SrtpSession& session = at(place);
  if (--session.users != 0) return;
  session.in.stop();
  session.out.stop();
  session.next_free = free_;
  free_ = place;
  --size_;
}

}  // namespace tandem::dataplane
