// Every message that crosses the corridor, one plain struct each. Sizes are asserted and are part
// of the segment's layout hash: a change here is refused by an older peer, never misread.
//
// Commands go down (control plane → worker), events go up. A message names a flow by FlowKey (which
// local port) and by generation (which life of that port): what arrives late for a former life
// changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "drivers/base/endpoint.h"

namespace tandem::wire {

enum class DatagramKind : std::uint8_t {
  kSip = 0,
  kDtls = 1,  // of a media port (RFC 5764): the handshake that SRTP's keys are agreed on by
};

// The head of a datagram in a byte ring. Up: it was received on `local` from `remote`. Down: to be
// sent from `local` to `remote`.
struct DatagramHead {
  base::Endpoint local;
  base::Endpoint remote;
  std::int64_t at_ns = 0;  // base::monotonic_now() when it was received; 0 on the way down
  std::uint8_t tos = 0;    // on the way down: the IPv4 ToS byte
  DatagramKind kind = DatagramKind::kSip;
  std::uint8_t reserved[6]{};
};
static_assert(sizeof(DatagramHead) == 64 && std::is_trivially_copyable_v<DatagramHead>);

// A local media port: which of the plan's media addresses, and the UDP port on it. One flow = what
// is received on one local port.
struct FlowKey {
  std::uint16_t address = 0;  // index into CorridorPlan::addresses
  std::uint16_t port = 0;     // host order
  friend bool operator==(FlowKey, FlowKey) = default;
};

// Never 0 for a live flow. Upper half: the control plane's life (Segment generation), so that a
// restarted control plane never repeats a number; lower half: counts up.
using FlowGeneration = std::uint64_t;

enum class FlowKind : std::uint8_t {
  kRtp = 0,
  kRtcp = 1,
  kOpaque = 2,  // whatever comes, unread: UDPTL (T.38)
};

// From whom a flow takes packets before it has locked onto a source.
enum class LatchRule : std::uint8_t {
  kSignalled = 0,    // only exactly the signalled address and port
  kSignalledIp = 1,  // the signalled address, any port (symmetric RTP behind a port-mapping NAT)
};

// Whether media may pass a flow as they are.
enum class Protection : std::uint8_t {
  kNone = 0,
  kSrtp = 1,  // nothing passes until a SetSrtp has said how, or that they may after all
};

// Where RTCP for the party at an RTP flow's far end goes.
enum class RtcpWay : std::uint8_t {
  kNextPort = 0,  // by the RTCP flow of the next port
  kRtpPort = 1,   // by the RTP flow itself (RFC 5761)
  kNone = 2,      // nowhere: there is no next port, and the party takes none on RTP's
};

// Names a key of the legacy payload encryption; 0: none. Upper half: the control plane's life,
// lower half: counts up in each shard, so that a name never means another key.
using PayloadKeyName = std::uint64_t;

// Make (or replace) the flow at `key`. Packets that the flow accepts leave from `peer`'s local port
// to `peer`'s remote end (learned by the peer flow's own latch, else as signalled). A flow whose
// peer isn't open yet drops with a counter.
struct OpenFlow {
  FlowKey key;
  FlowKey peer;
  FlowGeneration generation = 0;
  std::uint64_t cookie = 0;  // the control plane's word for it, given back in events
  base::Endpoint remote;     // signalled by SDP; address unset: nobody is accepted yet
  FlowKind kind = FlowKind::kRtp;
  LatchRule latch = LatchRule::kSignalledIp;
  std::uint8_t tos = 0;        // of packets that are sent to `remote`
  std::uint8_t clock_khz = 8;  // RTP clock for the jitter figures
  Protection protection = Protection::kNone;
  RtcpWay rtcp_way = RtcpWay::kNextPort;
  std::uint8_t reserved[2]{};
  // Of the party at `remote`: the RTP payloads that come from there are deciphered, and those that
  // leave for there enciphered. Its SetPayloadKey went before.
  PayloadKeyName payload_key = 0;
};
static_assert(sizeof(OpenFlow) == 64);

// Change the signalled remote end, or what the flow carries from now on (audio becomes a fax, or
// has another codec's clock); the latch learns a new end anew, and whether a former one has moved.
// Ignored for another generation.
struct UpdateFlow {
  FlowKey key;
  FlowKind kind = FlowKind::kRtp;
  std::uint8_t clock_khz = 8;
  bool anew = false;  // its party described itself anew: its source may have moved
  RtcpWay rtcp_way = RtcpWay::kNextPort;
  FlowGeneration generation = 0;
  base::Endpoint remote;
};

// Answered with FlowClosed, unless the generation isn't the live one.
struct CloseFlow {
  FlowKey key;
  std::uint32_t reserved = 0;
  FlowGeneration generation = 0;
};

// UDP datagrams to `local` are signalling: punt them up. Sent by every shard at its start and after
// each restart of the dataplane; idempotent.
struct BindSignal {
  base::Endpoint local;
};

// No signalling from this IPv4 address until then: its datagrams to signalling ports are dropped.
// Media of the same address isn't touched. A later one for the same address takes its place. Sent
// by the first shard alone, so that it and Lift never overtake one another.
struct Suspend {
  // What a command may ask for at most: it is told again by whoever still means it then.
  static constexpr std::int64_t kMostNs = std::int64_t{24} * 3600 * 1'000'000'000;

  base::IpAddress address;
  std::uint32_t reserved = 0;
  std::int64_t until_ns = 0;  // base::monotonic_now()
};

// Signalling from this address is taken again; address unset: from all.
struct Lift {
  base::IpAddress address;
};

// A piece of a key, for the flows that the same shard opens after it. All pieces of a key follow
// one another, and none of another key of that shard's comes between them. A name is set once.
struct SetPayloadKey {
  static constexpr std::size_t kPiece = 64;

  PayloadKeyName name = 0;
  std::uint16_t size = 0;  // of the whole key, in octets
  std::uint8_t mode = 0;   // crypto::PayloadMode
  std::uint8_t piece = 0;  // from 0; each has kPiece octets, the last one what is left
  std::uint8_t reserved[4]{};
  std::array<std::uint8_t, kPiece> octets{};
};
static_assert(sizeof(SetPayloadKey) == 80);

// No flow will be opened with this key again: it is wiped when the last one that has it is closed.
struct ForgetPayloadKey {
  PayloadKeyName name = 0;
};

// A master key and salt of SRTP (RFC 3711 §3.2.1), as long as their suite has them.
struct SrtpKeying {
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, 14> salt{};

  friend bool operator==(const SrtpKeying&, const SrtpKeying&) = default;
};

// How the party of the flow at `key` protects its media. Other keys than before: the session goes
// on under them, unless it shall begin anew.
struct SetSrtp {
  enum Scope : std::uint8_t {
    kRtpAndRtcp = 0,  // of the RTP flow at `key`, and the RTCP flow of the next port that has the
                      // same cookie
    kFlow = 1,        // of this flow alone, RTP's or RTCP's
  };

  FlowKey key;
  std::uint8_t suite = 0;  // crypto::SrtpSuite; 0: not at all
  Scope scope = kRtpAndRtcp;
  std::uint8_t anew = 0;  // 1: no SSRC is known, all indices are 0
  std::uint8_t reserved[1]{};
  FlowGeneration generation = 0;
  SrtpKeying in;   // what comes from the party
  SrtpKeying out;  // what is sent to it
};
static_assert(sizeof(SetSrtp) == 112);

// Play a sound of the bank to the far end of the flow at `key`, from now on, in place of what is
// played there. Packets that would be relayed there are dropped meanwhile.
struct Play {
  static constexpr std::size_t kCadence = 6;

  FlowKey key;
  std::uint16_t sound = 0;
  std::uint8_t payload_type = 0;  // RFC 3551: 0 PCMU, 8 PCMA
  std::uint8_t loops = 0;         // over and over until it is stopped; else once
  FlowGeneration generation = 0;
  std::uint32_t number = 0;  // given back in PlayEnded
  std::uint8_t yields = 0;   // it ends with the first RTP packet that is relayed there
  std::uint8_t reserved[3]{};
  // In frames of 20 ms: sounding, silent, sounding … up to the first 0, then from its beginning
  // again. All 0: always sounding.
  std::array<std::uint16_t, kCadence> cadence{};
  std::uint8_t reserved2[4]{};
};
static_assert(sizeof(Play) == 40);

// No PlayEnded comes of it.
struct StopPlay {
  FlowKey key;
  std::uint32_t reserved = 0;
  FlowGeneration generation = 0;
};

// Send a telephone event (RFC 4733) to the far end of the flow at `key`, behind those that are
// being sent, and in place of a sound.
struct SendDigit {
  FlowKey key;
  std::uint8_t event = 0;  // RFC 4733 §3.2: 0-9, 10 *, 11 #, 12-15 A-D, 16 flash
  std::uint8_t payload_type = 0;
  std::uint16_t duration_ms = 0;
  FlowGeneration generation = 0;
};

// What becomes of telephone events that come on the flow at `key`. Payload types are the party's.
struct SetEvents {
  static constexpr std::uint8_t kNone = 0xff;

  FlowKey key;
  std::uint8_t taken = kNone;  // these are told by DigitHeard, once each, and not relayed
  std::uint8_t from = kNone;   // these are relayed as `to`
  std::uint8_t to = kNone;
  std::uint8_t reserved = 0;
  FlowGeneration generation = 0;

  friend bool operator==(const SetEvents&, const SetEvents&) = default;
};

enum class CommandKind : std::uint32_t {
  kNone = 0,
  kOpenFlow = 1,
  kUpdateFlow = 2,
  kCloseFlow = 3,
  kBindSignal = 4,
  kSuspend = 5,
  kLift = 6,
  kSetPayloadKey = 7,
  kForgetPayloadKey = 8,
  kSetSrtp = 9,
  kPlay = 10,
  kStopPlay = 11,
  kSendDigit = 12,
  kSetEvents = 13,
};

struct Command {
  CommandKind kind = CommandKind::kNone;
  std::uint32_t reserved = 0;
  union {
    OpenFlow open;
    UpdateFlow update;
    CloseFlow close;
    BindSignal bind;
    Suspend suspend;
    Lift lift;
    SetPayloadKey set_key;
    ForgetPayloadKey forget_key;
    SetSrtp set_srtp;
    Play play;
    StopPlay stop_play;
    SendDigit send_digit;
    SetEvents set_events;
    std::uint8_t raw[120];
  };
  Command() : raw{} {}
};
static_assert(sizeof(Command) == 128 && std::is_trivially_copyable_v<Command>);

// The meter of one direction: what arrived on the flow's local port from its accepted source.
struct FlowFigures {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;  // UDP payload
  std::uint64_t lost = 0;    // RFC 3550 §A.3: expected − received, not below 0
  std::uint64_t reordered = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t refused = 0;    // from strangers or not RTP: neither relayed nor measured
  std::uint64_t relayed = 0;    // handed to the port for sending
  std::uint32_t jitter_us = 0;  // RFC 3550 §6.4.1
  std::uint32_t largest_gap_us = 0;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  std::uint8_t reserved[3]{};
  std::uint32_t opaque = 0;  // of `packets`, those that came while the flow was kOpaque
  // Packets that took kLateMs longer than the one before: a jitter buffer has gone on without them.
  std::uint32_t late = 0;
  std::uint32_t gaps = 0;         // times of kGapMs and longer without a packet
  std::uint32_t loss_runs = 0;    // `lost` came in so many runs of consecutive packets
  std::uint32_t implausible = 0;  // deciphered G.711 that looks like noise, of those looked at

  static constexpr std::int64_t kLateMs = 60;
  static constexpr std::int64_t kGapMs = 200;
};
static_assert(sizeof(FlowFigures) == 96);

// What the source of a flow says in RTCP of how it receives what we send to it (RFC 3550 §6.4.1):
// its latest report. Its word, and no more than that.
struct ReceptionReport {
  std::uint32_t reports = 0;  // that have been read; 0: there is nothing in here
  std::uint32_t ssrc = 0;     // of the stream that it is about
  std::int32_t lost = 0;      // since the stream began; below 0: duplicates
  std::uint32_t jitter_us = 0;
  std::uint32_t round_trip_us = 0;  // between us and the source, when last measured; 0: never
  std::uint8_t fraction_lost = 0;   // of 256, since its report before
  std::uint8_t reserved[3]{};
};
static_assert(sizeof(ReceptionReport) == 24);

// The flow's first accepted packet: its source is now known.
struct FlowLatched {
  FlowKey key;
  std::uint32_t reserved = 0;
  FlowGeneration generation = 0;
  std::uint64_t cookie = 0;
  base::Endpoint source;
};

struct FlowClosed {
  FlowKey key;
  std::uint32_t reserved = 0;
  FlowGeneration generation = 0;
  std::uint64_t cookie = 0;
  FlowFigures figures;
  ReceptionReport report;
};

// A sound that was played once is over, or one has yielded.
struct PlayEnded {
  FlowKey key;
  std::uint32_t number = 0;
  FlowGeneration generation = 0;
  std::uint64_t cookie = 0;
};

// A telephone event of SetEvents::taken is over.
struct DigitHeard {
  FlowKey key;
  std::uint8_t event = 0;
  std::uint8_t reserved = 0;
  std::uint16_t duration_ms = 0;
  FlowGeneration generation = 0;
  std::uint64_t cookie = 0;
};

enum class EventKind : std::uint32_t {
  kNone = 0,
  kFlowLatched = 1,
  kFlowClosed = 2,
  kPlayEnded = 3,
  kDigitHeard = 4,
};

struct Event {
  EventKind kind = EventKind::kNone;
  std::uint32_t reserved = 0;
  union {
    FlowLatched latched;
    FlowClosed closed;
    PlayEnded play_ended;
    DigitHeard digit;
    std::uint8_t raw[152];
  };
  Event() : raw{} {}
};
static_assert(sizeof(Event) == 160 && std::is_trivially_copyable_v<Event>);

// What the worker shows of a live flow about once a second, in the segment, for operators and for a
// control plane that starts while calls are up.
struct FlowRecord {
  FlowGeneration generation = 0;  // 0: no flow at this port
  std::uint64_t cookie = 0;
  FlowKey peer;
  FlowKind kind = FlowKind::kRtp;
  std::uint8_t latched = 0;
  std::uint8_t srtp_suite = 0;  // crypto::SrtpSuite of its party; 0: in the clear, or none yet
  std::uint8_t reserved[1]{};
  base::Endpoint remote;            // where its peer's packets go: latched, else signalled
  std::int64_t opened_ns = 0;       // base::monotonic_now()
  std::int64_t last_packet_ns = 0;  // 0: none yet
  FlowFigures figures;
  ReceptionReport report;
};
static_assert(sizeof(FlowRecord) == 184 && sizeof(FlowRecord) % 8 == 0);

// What a worker shows of itself about once a second.
struct WorkerRecord {
  std::uint32_t lcore = 0;
  std::uint32_t flows = 0;
  std::uint64_t turns = 0;
  std::uint64_t busy_turns = 0;  // turns that found any work
  std::uint64_t busy_ns = 0;     // time spent in busy turns
  std::uint64_t total_ns = 0;
};
static_assert(sizeof(WorkerRecord) == 40);

}  // namespace tandem::wire
