// The payloads of a burst, deciphered before the relay sees its packets and enciphered after it:
// all of one kind at once, which is what the ciphers are fast at. Payloads change in place, and
// with them the UDP checksum, never made anew (RFC 1624): what came broken stays broken.
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
#include "drivers/crypto/payload_cipher.h"
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
    std::uint16_t port = 0;      // to leave by
    std::uint32_t next_hop = 0;
  };

  // Both must outlive it.
  CipherStage(const crypto::IpsecMb& crypto, const PayloadKeys& keys, wire::CounterBlock& counters)
      : keys_(keys), counters_(counters), cipher_(crypto) {}

  // Whether a packet on this flow may have something to decipher: open() is worth its while then.
  static bool concerns(const Flow& flow) { return flow.payload_key != PayloadKeys::kNone; }

  // Deciphers what came on flows with a key, as far as they would take it: strangers' packets
  // aren't worth the work. At most kMax arrivals.
  void open(std::span<Arrival> burst);

  // False: nothing to encipher, and it isn't kept. `flow`: that it came on. Between two seal(), at
  // most kMax.
  bool keep(rte_mbuf* packet, const UdpPacket& udp, const Flow& flow, const Relayed& way);

  bool holds_any() const { return kept_count_ != 0; }
  // Enciphers all that was kept and gives it back, in the order that it came in. It is forgotten
  // here then.
  std::span<const Kept> seal();

 private:
  // The UDP checksums of what is at work, before and after.
  void run(std::span<UdpPacket* const> packets, std::size_t count);
  void look(const UdpPacket& udp, Flow& flow);

  const PayloadKeys& keys_;
  wire::CounterBlock& counters_;
  crypto::PayloadCipher cipher_;
  std::array<crypto::PayloadJob, kMax> jobs_;
  std::array<UdpPacket*, kMax> packets_;
  std::array<Kept, kMax> kept_;
  std::size_t kept_count_ = 0;
};

}  // namespace tandem::dataplane
