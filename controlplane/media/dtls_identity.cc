#include "controlplane/media/dtls_identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <string>

namespace tandem::media {
namespace {

// Best first: what both ends speak, by the client's order or ours (RFC 5764 §4.1.2, RFC 7714
// §14.2).
constexpr const char* kProfiles =
    "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_32";
// With forward secrecy and authenticated; nothing else has been asked of anybody since DTLS 1.2.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!MD5:!PSK";
// Longer than any switch runs; nobody looks at it (RFC 5763 §5.4).
constexpr long kLifeSeconds = 10L * 365 * 24 * 3600;

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct CertificateFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;
using Certificate = std::unique_ptr<X509, CertificateFree>;

base::Error openssl_error(const char* what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return base::error(std::string("DTLS: ") + what + ": " +
                     (reason != nullptr ? reason : "refused by OpenSSL"));
}

// Its name is everybody's, so that it says nothing about a call or a host.
bool fill(X509* certificate, EVP_PKEY* key) {
  std::uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* common = reinterpret_cast<const unsigned char*>("tandem");
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1 &&
         // A peer whose clock is a day late takes it too.
         X509_gmtime_adj(X509_getm_notBefore(certificate), -24L * 3600) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), kLifeSeconds) != nullptr &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) != 0;
}

int verify(X509_STORE_CTX* store, void*) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* verifier = static_cast<DtlsVerifier*>(SSL_get_app_data(ssl));
  const X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (verifier != nullptr && certificate != nullptr && verifier->accepts(*certificate)) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

bool set_up(SSL_CTX* context, X509* certificate, EVP_PKEY* key) {
  // Sessions are never taken up again: each call has keys of its own.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_NO_QUERY_MTU);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify, nullptr);
  return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, kCiphers) == 1 &&
         SSL_CTX_set_tlsext_use_srtp(context, kProfiles) == 0 &&
         SSL_CTX_use_certificate(context, certificate) == 1 &&
         SSL_CTX_use_PrivateKey(context, key) == 1;
}

}  // namespace

void DtlsIdentity::ContextFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

base::Result<DtlsIdentity> DtlsIdentity::make() {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("no key");
  const Certificate certificate(X509_new());
  if (!certificate || !fill(certificate.get(), key.get())) return openssl_error("no certificate");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1) {
    return openssl_error("no fingerprint");
  }
  DtlsIdentity out;
  out.fingerprint_ = {sdp::HashName::kSha256, {digest.begin(), digest.begin() + size}};
  out.context_.reset(SSL_CTX_new(DTLS_method()));
  if (!out.context_ || !set_up(out.context_.get(), certificate.get(), key.get())) {
    return openssl_error("no context");
  }
  ERR_clear_error();
  return out;
}

}  // namespace tandem::media
