// Keeps the way to phones behind NAT open (SS_SIP_NAT_KEEP_ALIVE_*): each of them is sent a few
// octets from the address that it registered to, once a period, all of them as one even stream. By
// TCP and TLS it is CRLF (RFC 5626 §4.4.1). This is the part of one shard: the phones of its share
// of the table; the pace is all shards' together.
//
// Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/config/parameters.h"
#include "controlplane/loop/pacer.h"
#include "controlplane/registrar/binding_round.h"
#include "controlplane/sip/environment.h"

namespace tandem::registrar {

class Keepalive {
 public:
  // A round that the rate just fits isn't cut short for a shard that was held up so long.
  static constexpr base::Nanos kGrace = base::Millis{100};
  // In one turn, at most.
  static constexpr std::uint32_t kPerTurn = 256;

  // All outlive this.
  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    BindingTable& bindings;
    loop::Pacer& pacer;
    std::uint32_t shards = 1;
  };
  explicit Keepalive(const Setup& setup);

  // Once a turn.
  void tend();

 private:
  void begin_period(base::Nanos now);
  void tell_missed(std::uint32_t missed);
  // False: no more this turn.
  bool send_next(base::Nanos now);

  Setup setup_;
  BindingRound round_;
  base::Nanos period_ends_;
  bool resting_ = false;  // all were served
  sip::Path way_;         // of the phone that is being served …
  bool again_ = false;    // … and whose message could not be handed over
};

}  // namespace tandem::registrar
