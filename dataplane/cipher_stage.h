// The payloads of a burst, deciphered before the relay sees its packets and enciphered after it:
// all of one kind at once, which is what the ciphers are fast at. The legacy encryption changes
// payloads in place; SRTP and SRTCP also their length, and what isn't authentic goes no further,
// so that latches learn from authentic packets only. The UDP checksum is updated, not made anew
// (RFC 1624): what came broken stays broken. Only what was authenticated gets a new one.
//
// Order of a burst: open() → relay() of each packet, which latches, measures and rewrites → keep()
// → seal(). Owner: the worker; nothing here allocates, locks or calls the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/classify.h"
#include "dataplane/payload_keys.h"
#include "dataplane/relay.h"
#include "dataplane/srtp_sessions.h"
#include "drivers/crypto/payload_cipher.h"
#include "drivers/crypto/srtp_batch.h"
#include "drivers/wire/counters.h"

struct rte_mbuf;

namespace tandem::dataplane {

class CipherStage {
 public:
  static constexpr std::size_t kMax = 32;  // packets of a burst

  // A packet that is relayed, and waits for its cipher.
  struct Kept {
    rte_mbuf* packet = nullptr;
    UdpPacket udp;
    const Flow* peer = nullptr;  // to whose far end it goes
    std::uint16_t room = 0;      // octets that it may grow by
    bool rtcp = false;
    Fault fault;             // set: it isn't to be sent
    std::uint16_t port = 0;  // to leave by
    std::uint32_t next_hop = 0;
  };

  // Both must outlive it.
  CipherStage(const crypto::IpsecMb& crypto, const PayloadKeys& keys, SrtpSessions& sessions,
              wire::CounterBlock& counters)
      : keys_(keys), sessions_(sessions), counters_(counters), cipher_(crypto), srtp_(crypto) {}

  // Whether packets on this flow, or to its far end, may be encrypted.
  static bool concerns(const Flow& flow) {
    return flow.payload_key != PayloadKeys::kNone || flow.srtp != SrtpSessions::kNone;
  }

  // Deciphers what came on flows that are concerned, as far as they would take it: strangers'
  // packets aren't worth the work. What isn't what it should be becomes kDrop. At most kMax
  // arrivals.
  void open(std::span<Arrival> burst);

  // False: nothing to encipher, and it isn't kept. `kind`: of the flow that it came on; `peer`: to
  // whose far end it goes; `room`: octets behind it that may be written and sent. Between two
  // seal(), at most kMax.
  bool keep(rte_mbuf* packet, const UdpPacket& udp, wire::FlowKind kind, const Flow& peer,
            const Relayed& way, std::size_t room);

  bool holds_any() const { return kept_count_ != 0; }
  bool is_full() const { return kept_count_ == kMax; }
  // Enciphers all that was kept and gives it back, in the order that it came in, some of it with
  // other lengths. It is forgotten here then.
  std::span<const Kept> seal();

 private:
  void open_payloads(std::span<Arrival* const> arrivals);
  void open_srtp(std::span<Arrival* const> arrivals);
  void seal_payloads(std::span<Kept* const> kept);
  void seal_srtp(std::span<Kept* const> kept);
  // The UDP checksums of what is at work, before and after.
  void run(std::span<UdpPacket* const> packets, std::size_t count);
  void look(const UdpPacket& udp, Flow& flow);

  const PayloadKeys& keys_;
  SrtpSessions& sessions_;
  wire::CounterBlock& counters_;
  crypto::PayloadCipher cipher_;
  crypto::SrtpBatch srtp_;
  std::array<crypto::PayloadJob, kMax> jobs_;
  std::array<crypto::SrtpJob, kMax> srtp_jobs_;
  std::array<UdpPacket*, kMax> packets_;
  std::array<Kept, kMax> kept_;
  std::size_t kept_count_ = 0;
};

}  // namespace tandem::dataplane
