// One DTLS association of SRTP (RFC 5764): datagrams in, datagrams out, and in the end the keys of
// both directions. Touches no socket; OpenSSL sees memory only. The peer's certificate must be one
// that its description named, whoever else vouches for it or doesn't. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/media/dtls_identity.h"
#include "controlplane/sdp/fingerprint.h"
#include "drivers/base/clock.h"
#include "drivers/crypto/srtp_suite.h"
#include "drivers/wire/messages.h"

struct ssl_st;

namespace tandem::media {

enum class DtlsRole : std::uint8_t { kClient, kServer };  // a=setup:active, passive

// What SRTP is keyed with. Wiped with its owner.
struct SrtpKeys {
  crypto::SrtpSuite suite = crypto::SrtpSuite::kNone;
  wire::SrtpKeying in{};   // what comes from the party
  wire::SrtpKeying out{};  // what is sent to it

  SrtpKeys() = default;
  SrtpKeys(const SrtpKeys&) = default;
  SrtpKeys& operator=(const SrtpKeys&) = default;
  ~SrtpKeys() { wipe(); }
  void wipe();
};

class DtlsHandshake final : DtlsVerifier {
 public:
  using Datagram = std::span<const std::byte>;
  using Sender = std::function<void(Datagram)>;

  enum class State : std::uint8_t {
    kRunning,
    kDone,        // keys() are there; a peer that repeats its last flight gets ours again
    kMismatch,    // the certificate isn't one that was named
    kNoProfile,   // no SRTP profile that both speak
    kBroken,      // what came makes no sense, or the peer said that ours doesn't
    kUnanswered,  // repeated as often as may be
    kClosed,      // it was done, and the peer has ended it
  };

  // Datagrams are as large as kMtu at most. `identity` outlives it. `expected`: one of them at
  // least, all by one hash.
  static constexpr std::size_t kMtu = 1200;
  DtlsHandshake(const DtlsIdentity& identity, DtlsRole role, std::vector<sdp::Fingerprint> expected,
                Sender send);
  ~DtlsHandshake();
  DtlsHandshake(const DtlsHandshake&) = delete;
  DtlsHandshake& operator=(const DtlsHandshake&) = delete;

  // A client's first flight.
  void begin() { advance({}); }
  void take(Datagram datagram) { advance(datagram); }
  // How long until the last flight is to be repeated, which repeat() does if it is time; no value:
  // nothing is.
  std::optional<base::Nanos> due() const;
  void repeat();

  State state() const { return state_; }
  // Of one that is done; until they are forgotten.
  const SrtpKeys& keys() const { return keys_; }
  void forget_keys() { keys_.wipe(); }

 private:
  struct SslFree {
    void operator()(ssl_st* ssl) const;
  };
  // OpenSSL's ways to us.
  struct Ways;

  bool accepts(const x509_st& certificate) override;
  void advance(Datagram datagram);
  void shake();
  void listen();
  void note_error(int result);
  bool export_keys();

  DtlsRole role_;
  std::vector<sdp::Fingerprint> expected_;
  Sender send_;
  State state_ = State::kRunning;
  bool mismatch_ = false;
  std::span<const std::byte> arrived_{};  // and not yet read by OpenSSL
  SrtpKeys keys_;
  std::unique_ptr<ssl_st, SslFree> ssl_;
};

}  // namespace tandem::media
