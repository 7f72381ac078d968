// One listener's TLS (1.2 and up): its certificate, whom it trusts, what it asks of a peer. Wraps
// OpenSSL's context; used by one thread.
#pragma once

#include <memory>
#include <string>

#include "controlplane/config/site.h"
#include "drivers/base/result.h"

using SSL_CTX = struct ssl_ctx_st;
using SSL = struct ssl_st;

namespace tandem::transport {

struct SslFree {
  void operator()(SSL* ssl) const;
};
using Ssl = std::unique_ptr<SSL, SslFree>;

class TlsContext {
 public:
  static base::Result<TlsContext> make(const config::Tls& settings);

  Ssl accept(int fd) const;
  // `name`: what the peer's certificate must be for (RFC 5922 §7.1); empty: its IP address.
  Ssl connect(int fd, const std::string& name, const base::IpAddress& address) const;

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const;
  };

  std::unique_ptr<SSL_CTX, ContextFree> context_;
  config::TlsVerify verify_ = config::TlsVerify::kOff;
};

}  // namespace tandem::transport
