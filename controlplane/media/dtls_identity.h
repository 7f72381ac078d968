// What we are to parties of DTLS-SRTP: a key and a self-signed certificate (RFC 5763 §5) that are
// made when the switch starts and are gone when it ends, for descriptions name them by their
// fingerprint and nothing else vouches for them. Shared by all shards, which only read it.
#pragma once

#include <memory>

#include "controlplane/sdp/fingerprint.h"
#include "drivers/base/result.h"

struct ssl_ctx_st;
struct x509_st;

namespace tandem::media {

// Who knows whom it shakes hands with; the app data of its SSL.
class DtlsVerifier {
 public:
  // In place of a chain of trust. False: the handshake ends with an alert (RFC 8122 §6.2).
  virtual bool accepts(const x509_st& certificate) = 0;

 protected:
  ~DtlsVerifier() = default;
};

class DtlsIdentity {
 public:
  // ECDSA on P-256, which each peer of DTLS 1.2 is to know (RFC 8827 §6.5).
  static base::Result<DtlsIdentity> make();

  const sdp::Fingerprint& fingerprint() const { return fingerprint_; }
  // Of each handshake, whose app data is a DtlsVerifier.
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct ContextFree {
    void operator()(ssl_ctx_st* context) const;
  };

  DtlsIdentity() = default;

  std::unique_ptr<ssl_ctx_st, ContextFree> context_;
  sdp::Fingerprint fingerprint_;
};

}  // namespace tandem::media
