// One direction of one medium: what is received on one local UDP port. Owner: the worker of that
// port. Lives at a fixed place of the flow table; `generation` says whether it is open.
#pragma once

#include <cstdint>

#include "dataplane/dtls_gate.h"
#include "dataplane/meter.h"
#include "dataplane/party_stream.h"
#include "dataplane/rtcp.h"
#include "dataplane/telephone_event.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane {

// What a flow knows of its source.
enum class LatchState : std::uint8_t {
  kOpen,      // nothing was heard since signalling named it, if it did
  kLearning,  // one is known; for a short while another may prove to be the right one
  kRenewed,   // one is known, but may have moved
  kSettled,   // this one and no other
};

// The last packet of who might become the source.
struct LatchProbe {
  std::uint32_t ssrc = 0;
  std::uint16_t sequence = 0;
  std::uint16_t port = 0;  // network order; 0: there was none
};

struct alignas(64) Flow {
  // Line 0: for every packet of this flow, and of the flow that sends to our far end.
  wire::FlowGeneration generation = 0;  // 0: closed
  Flow* peer = nullptr;                 // a place of the same table; maybe closed
  std::uint64_t relayed = 0;
  std::uint32_t remote_ip = 0;  // network order; the far end: latched, else signalled; 0: unknown
  std::uint32_t next_hop = 0;   // neighbour on the way to remote_ip; 0: no way
  std::uint32_t signalled_ip = 0;
  wire::FlowKey key;
  std::uint16_t remote_port = 0;  // network order
  std::uint16_t signalled_port = 0;
  wire::FlowKind kind = wire::FlowKind::kRtp;
  wire::LatchRule latch = wire::LatchRule::kSignalled;
  LatchState latch_state = LatchState::kOpen;
  std::uint8_t tos = 0;  // of packets to the far end
  std::uint8_t clock_khz = 8;
  std::uint8_t extras = 0;          // what is to be done beside relaying, as `kExtra…`
  std::uint16_t payload_key = 0;    // its party's, a place of PayloadKeys; 0: none
  std::uint32_t srtp = 0;           // its party's, a place of SrtpSessions; 0: in the clear
  std::int64_t last_packet_ns = 0;  // 0: none yet

  // Lines 1 and 2: packets of this flow only.
  alignas(64) Meter meter;
  std::uint64_t refused = 0;
  std::uint64_t cookie = 0;

  // Lines 3 to 5: what comes seldom.
  std::uint32_t live_place = 0;  // in the table's list of open flows
  std::uint32_t opaque = 0;      // packets that came while it was kOpaque
  RtcpReader rtcp;

  alignas(64) std::int64_t opened_ns = 0;
  PartyStream stream;      // to the far end; while kExtraStream
  EventReader events;      // while kExtraEvents
  std::uint32_t play = 0;  // a place of the Player; 0: nothing is played to the far end
  std::uint8_t shard = 0;  // that opened it and gets its events
  std::uint8_t srtp_suite = 0;
  std::uint8_t taken_events = wire::SetEvents::kNone;  // as in SetEvents
  std::uint8_t events_from = wire::SetEvents::kNone;
  std::uint8_t events_to = wire::SetEvents::kNone;
  wire::RtcpWay rtcp_way = wire::RtcpWay::kNextPort;

  alignas(64) Flow* beside = nullptr;  // a place of the same table: of the port that makes a pair
  std::int64_t learning_until_ns = 0;
  LatchProbe probe;
  std::uint8_t learning_left = 0;  // packets
  bool latch_proven = false;       // of the source, while learning
  DtlsCount dtls;
  // An odd number of lines: with an even one, the lines that all packets touch would meet in a part
  // of the cache's sets.
  alignas(64) std::uint8_t unused[64]{};

  // Packets to the far end become part of `stream`; packets from it may be telephone events that
  // are taken, or get another payload type.
  static constexpr std::uint8_t kExtraStream = 1;
  static constexpr std::uint8_t kExtraEvents = 2;

  // The other flow of its pair, if that is the same party's: RTP's RTCP, RTCP's RTP; else nullptr.
  Flow* companion() const;
  wire::FlowFigures figures() const;
  wire::ReceptionReport report() const { return rtcp.report(clock_khz); }
  wire::FlowRecord record() const;
};
static_assert(sizeof(Flow) == 448);

}  // namespace tandem::dataplane
