// Keeps the way to phones behind NAT open (SS_SIP_NAT_KEEP_ALIVE_*): each of them is sent a few
// octets from the address that it registered to, once a period, all of them as one even stream. By
// TCP and TLS it is CRLF (RFC 5626 §4.4.1), on the phone's own connection. This is the part of one
// shard: the phones of its share of the table, at that share of the rate.
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
  // Phones come and go: so often the shares and the warning are looked at.
  static constexpr base::Nanos kLook = base::Seconds{1};

  // All outlive this.
  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    BindingTable& bindings;
    std::uint32_t shards = 1;
  };
  explicit Keepalive(const Setup& setup);

  // Once a turn. Nothing happens before all registrations of a former life are found again.
  void tend();

 private:
  void look(base::Nanos now);
  void begin_period(base::Nanos now);
  // The shortest period that so many phones fit into, in words.
  std::string advice(std::size_t phones) const;
  // False: there are no more in this round.
  bool find_next(base::Nanos now);
  // False: no more this turn.
  bool send();

  Setup setup_;
  loop::Pacer pacer_;
  BindingRound round_;
  bool begun_ = false;
  base::Nanos period_ends_{};
  base::Nanos look_at_{};
  bool crowded_ = false;  // there were more phones than fit when it was looked at last
  bool resting_ = false;  // all were served
  bool token_ = false;    // drawn and not used yet
  sip::Path way_;         // of the phone that is being served …
  bool again_ = false;    // … and whose message could not be handed over
};

}  // namespace tandem::registrar
