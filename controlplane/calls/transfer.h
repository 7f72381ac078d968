// What ties calls together when a party goes from one to another (RFC 3515 REFER, RFC 3891
// Replaces). Its own call, its home, keeps its record and its gateways' places until the end, since
// the leg that it paid for stands; the host has the media and the sessions, and is a call like any
// other once the guest is in. Plain data; owner: the calls, the shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "controlplane/media/media_session.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/sdp/origin.h"
#include "controlplane/sip/leg.h"

namespace tandem::calls {

struct CallId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
};

// For whom a call is made: a customer's gateway, or an account.
struct Payer {
  std::optional<routing::GatewayIndex> gateway{};
  std::string account{};
  std::string callee{};  // whom it calls, whatever its Request-URI says; empty: that
  std::string number{};  // who the caller says that it is, whatever its From says; empty: its From
};

// The party that goes, as its host needs to know it.
struct Guest {
  CallId home;
  std::string home_name;
  std::string said;           // its description, running both ways
  sdp::Origin told;           // of what it was told last
  std::uint32_t address = 0;  // the plan's, for its media
  config::PayloadSecret secret{};
  media::SrtpRule srtp{};
  media::Source source{};
  Payer payer{};  // of its home
};

// At its home, from the REFER, or the INVITE with Replaces, until it is in or has failed.
struct Transfer {
  int asker = -1;  // the leg whose party asked; -1: the guest itself did, by its INVITE
  int guest = 0;   // the leg that goes
  CallId host{};
  bool asker_gone = false;
  bool lent = false;  // the host has the guest's session
};

// At its host, for as long.
struct Takeover {
  enum Stage : std::uint8_t {
    kWaiting,       // for the answer of who the guest goes to
    kAskingTarget,  // re-INVITE to that one, who was in a call already, with what the guest said
    kAskingGuest,   // re-INVITE to the guest, with what the other said
    kRestoring,     // re-INVITE to the target with what the party said whose place stays his
  };
  CallId home{};       // none: it has ended meanwhile
  int slot = 0;        // the leg that becomes the guest's
  bool blind = false;  // the host was made for it, and has nobody in that place yet
  std::string said{};
  sdp::Origin told{};
  std::uint32_t address = 0;
  config::PayloadSecret secret{};  // the guest's
  media::SrtpRule srtp{};
  media::Source source{};  // likewise
  Stage stage = kWaiting;
  bool lent = false;
  int tries = 0;  // of the present question
  // Who had the place, what he said last, and his media.
  sip::SessionId replaced{};
  std::string replaced_said{};
  std::unique_ptr<media::MediaSession> former{};
};

}  // namespace tandem::calls
