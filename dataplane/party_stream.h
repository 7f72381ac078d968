// The one RTP stream that a party hears, whoever speaks: packets that are relayed to it and what
// the switch plays to it have one SSRC, sequence numbers that count on, and timestamps that go on
// with the time (RFC 3550 §5.1). A part of the flow whose far end the party is; used only where
// something has been played, all others hear their stream as it is. Owner: the flow's worker.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/headers.h"
#include "dataplane/meter.h"
#include "dataplane/party_reports.h"
#include "drivers/base/clock.h"

namespace tandem::dataplane {

// RFC 3550 §5.1: the part of an RTP header that is always there.
inline constexpr std::size_t kRtpFixedBytes = 12;

// Writes it, without padding, extension and CSRCs. REQUIRES: room for it.
void write_rtp(Bytes out, const RtpHead& head, bool marker);

class PartyStream {
 public:
  bool begun() const { return begun_; }
  // Nothing was heard before: a stream of ours, with numbers that nobody can guess.
  void begin(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t timestamp);
  // This one has been heard up to here, as it came.
  void go_on(const RtpHead& last, base::Nanos now);

  // The timestamp of what is said at `now`.
  std::uint32_t timestamp_at(base::Nanos now, std::uint8_t clock_khz) const;
  // The head of our next packet; its payload type is left to the caller. `reached`: the timestamp
  // of what would be said at `now`; an event's packets all have that of its beginning.
  RtpHead next(std::uint32_t timestamp, std::uint32_t reached, base::Nanos now);
  // Ours is over: what is relayed next begins a talk spurt.
  void leave() { joined_ = false; }

  // How what is relayed is called here; no value: as its source does.
  std::optional<StreamNames> names() const;

  // Makes a relayed packet one of this stream. REQUIRES: is_rtp() of its payload. False: it is of
  // before something that has been played meanwhile.
  bool pass(UdpPacket& packet, base::Nanos now, std::uint8_t clock_khz);

 private:
  std::int64_t last_ns_ = 0;
  std::uint32_t ssrc_ = 0;
  std::uint32_t source_ = 0;           // the SSRC of who is relayed
  std::uint32_t last_timestamp_ = 0;   // as the party has them
  std::uint32_t timestamp_shift_ = 0;  // from the source's to the party's
  std::uint16_t sequence_shift_ = 0;
  std::uint16_t last_sequence_ = 0;
  std::uint16_t floor_ = 0;  // nothing relayed may have this number or one before it
  bool begun_ = false;
  bool joined_ = false;  // the shifts are those of `source_`
};
static_assert(sizeof(PartyStream) == 32);

}  // namespace tandem::dataplane
