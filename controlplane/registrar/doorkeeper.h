// Who a request is from: the challenge for whoever hasn't said, and whether what came back proves
// an account's password (RFC 3261 §22). Whether an account is unknown or a password wrong, nobody
// can tell from the answer or from its time. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/account_table.h"
#include "controlplane/sip/digest.h"
#include "controlplane/sip/environment.h"
#include "controlplane/sip/register_handler.h"

namespace tandem::registrar {

// The same for all shards of a process, and for nobody else.
struct Secrets {
  base::KeyedHash::Key hash;
  sip::Hmac::Key nonces{};
  Ha1 nobody;  // stands in for an account that isn't there; no password has it

  static Secrets make(base::Random& random);
};

class Doorkeeper {
 public:
  // Nonces in use at a time: of phones that registered or called within TD_SIP_NONCE_LIFE.
  static constexpr std::uint32_t kNonces = 1'000'000;

  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    const std::vector<std::string>& realms;
    const AccountTable& accounts;
    const Secrets& secrets;
    std::uint32_t nonces = kNonces;
  };
  explicit Doorkeeper(const Setup& setup);

  // How a question is put, and what is counted.
  struct Question {
    int status;  // 401 or 407
    wire::Counter challenged;
    wire::Counter wrong;
  };
  struct Proof {
    std::optional<sip::DoorAnswer> refusal{};  // none: the rest is known
    std::string user{};
    AccountKey key{};
    bool enabled = false;
  };
  Proof prove(const sip::Message& request, std::string_view realm, const Question& question);

  // The realm that a URI's host names; else `home`; else the first.
  std::string_view realm_of(std::string_view host, std::string_view home = {}) const;

 private:
  sip::DoorAnswer challenge(std::string_view realm, bool stale, const Question& question);

  Setup setup_;
  sip::DigestGate gate_;
};

}  // namespace tandem::registrar
