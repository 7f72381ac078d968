// One shard's registrar: who sends a REGISTER must prove its account's password, then its bindings
// are what it says (RFC 3261 §10.3). Whether an account is unknown or a password wrong, nobody can
// tell from the answer or from its time. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/account_table.h"
#include "controlplane/registrar/binding_table.h"
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

class Registrar final : public sip::RegisterHandler {
 public:
  // Nonces in use at a time: of phones that registered within TD_SIP_NONCE_LIFE.
  static constexpr std::uint32_t kNonces = 1'000'000;
  // The whole table is looked through for what has run out in this time.
  static constexpr base::Nanos kSweep = base::Seconds{10};
  static constexpr int kStripesPerTurn = 4;

  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    const std::vector<std::string>& realms;
    const AccountTable& accounts;
    BindingTable& bindings;
    const Secrets& secrets;
    std::uint32_t shards = 1;  // that share the sweeping
    std::uint32_t nonces = kNonces;
  };
  explicit Registrar(const Setup& setup);

  std::optional<sip::RegisterAnswer> refuse(const sip::Message& request,
                                            const sip::Path& path) override;
  sip::RegisterAnswer take(const sip::Message& request, const sip::Path& path) override;

  // Once a turn.
  void tend();

 private:
  // Whose bindings a REGISTER is about.
  struct Aor {
    std::string user;
    std::string_view realm;
  };
  Aor aor_of(const sip::Message& request) const;
  sip::RegisterAnswer challenge(std::string_view realm, bool stale);
  sip::RegistrationPolicy policy(std::uint32_t devices, bool behind_nat) const;
  sip::RegisterAnswer answer(const sip::Message& request, const sip::RegisterWish& wish,
                             const std::vector<sip::Binding>& bindings) const;

  Setup setup_;
  sip::DigestGate gate_;
  base::Nanos next_sweep_{};
  std::uint32_t swept_ = 0;  // of our stripes, how many were looked through
};

}  // namespace tandem::registrar
