#include "controlplane/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace tandem::transport {
namespace {

// OpenSSL's last words on a file, for the operator.
base::Error tls_error(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return base::error(what + ": " + (reason != nullptr ? reason : "refused by OpenSSL"));
}

int verify_mode(config::TlsVerify verify) {
  if (verify == config::TlsVerify::kOff) return SSL_VERIFY_NONE;
  const int must = verify == config::TlsVerify::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  return SSL_VERIFY_PEER | must;
}

}  // namespace

void SslFree::operator()(SSL* ssl) const { SSL_free(ssl); }

void TlsContext::ContextFree::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

base::Result<TlsContext> TlsContext::make(const config::Tls& settings) {
  TlsContext out;
  out.context_.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* context = out.context_.get();
  if (context == nullptr) return tls_error("TLS");
  out.verify_ = settings.verify;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // An idle connection gives its buffers back; a write may be taken up from another place.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  const std::string session = "tandem";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(session.data()),
                                 static_cast<unsigned>(session.size()));
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate.c_str()) != 1) {
    return tls_error("certificate " + settings.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, settings.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return tls_error("key " + settings.key);
  }
  if (!settings.ca.empty()) {
    if (SSL_CTX_load_verify_locations(context, settings.ca.c_str(), nullptr) != 1) {
      return tls_error("ca " + settings.ca);
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(settings.ca.c_str()));
  }
  SSL_CTX_set_verify(context, verify_mode(settings.verify), nullptr);
  ERR_clear_error();
  return out;
}

Ssl TlsContext::accept(int fd) const {
  Ssl ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return {};
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Ssl TlsContext::connect(int fd, const std::string& name, const base::IpAddress& address) const {
  Ssl ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return {};
  SSL_set_connect_state(ssl.get());
  if (!name.empty()) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (verify_ == config::TlsVerify::kOff) return ssl;
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl.get());
  const int set = name.empty() ? X509_VERIFY_PARAM_set1_ip_asc(expected, address.text().c_str())
                               : X509_VERIFY_PARAM_set1_host(expected, name.c_str(), name.size());
  if (set != 1) return {};
  return ssl;
}

}  // namespace tandem::transport
