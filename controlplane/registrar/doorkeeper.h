// Who a request is from: the challenge for whoever hasn't said, and whether what came back proves
// an account's password (RFC 3261 §22). Whether an account is unknown or a password wrong, nobody
// can tell from the answer or from its time. Who fails too often is suspended (lockout.h). Owner:
// the shard's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/account_table.h"
#include "controlplane/registrar/lockout.h"
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
    Lockout* lockout = nullptr;  // none: nobody is ever suspended
  };
  explicit Doorkeeper(const Setup& setup);

  // How a question is put, and what is counted.
  struct Question {
    int status;  // 401 or 407
    wire::Counter challenged;
    wire::Counter wrong;
    std::optional<std::string_view> registers{};  // a REGISTER for this user; else another request
  };
  struct Proof {
    std::optional<sip::DoorAnswer> refusal{};  // none: the rest is known
    // The refusal asks for a password that was not said, or not to a challenge of now and here;
    // else a wrong one was, or the account is suspended for that source.
    bool asks = false;
    std::string user{};
    AccountKey key{};
    bool enabled = false;
  };
  Proof prove(const sip::Message& request, const sip::Path& path, std::string_view realm,
              const Question& question);
  // Somebody has proven a password from that address lately.
  bool knows(const base::IpAddress& source) const {
    return setup_.lockout != nullptr && setup_.lockout->proven(source);
  }

  // The realm that a URI's host names; else `home`; else the first.
  std::string_view realm_of(std::string_view host, std::string_view home = {}) const;

 private:
  // What a request says, as the rules see it.
  struct Claim {
    const base::IpAddress& source;
    std::string_view realm;
    const Question& question;
    AccountKey key{};
    std::string_view user{};
  };
  sip::DoorAnswer challenge(const Claim& claim, bool stale);
  // Nothing has been said, or nothing that counts.
  Proof ask(const Claim& claim, bool stale);
  // `right`: the account is there, and the password is its own.
  Proof judge(const Claim& claim, const sip::DigestCredentials& credentials,
              const sip::DigestCheck& found, bool right);
  bool is_refused(const Claim& claim);
  void note_failure(const Claim& claim, const sip::DigestCredentials& credentials);
  Lockout::Turn turn() const { return {setup_.env.wheel.now(), setup_.env.counters}; }

  Setup setup_;
  sip::DigestGate gate_;
};

}  // namespace tandem::registrar
