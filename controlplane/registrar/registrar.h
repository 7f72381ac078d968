// One shard's registrar: who sends a REGISTER must prove its account's password, then its bindings
// are what it says (RFC 3261 §10.3). Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/account_table.h"
#include "controlplane/registrar/binding_table.h"
#include "controlplane/registrar/doorkeeper.h"
#include "controlplane/sip/environment.h"
#include "controlplane/sip/register_handler.h"

namespace tandem::registrar {

class Registrar final : public sip::RegisterHandler {
 public:
  // The whole table is looked through for what has run out in this time.
  static constexpr base::Nanos kSweep = base::Seconds{10};
  static constexpr int kStripesPerTurn = 4;
  // A storm (power is back, and all phones register at once): from this backlog on, in hundredths,
  // newcomers are turned away, and from that on refreshes too; those that have been asked for their
  // password and tell it are half way in and never are.
  static constexpr std::uint32_t kBusy = 25;
  static constexpr std::uint32_t kVeryBusy = 50;

  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    Doorkeeper& door;
    const AccountTable& accounts;
    BindingTable& bindings;
    const Secrets& secrets;
    std::uint32_t shards = 1;  // that share the sweeping
    // Another device has taken the place of this contact of the account (user@realm).
    std::function<void(const std::string& account, const sip::Binding& contact)> kicked{};
  };
  explicit Registrar(const Setup& setup) : setup_(setup) {}

  std::optional<sip::DoorAnswer> refuse(const sip::Message& request,
                                        const sip::Path& path) override;
  sip::DoorAnswer take(const sip::Message& request, const sip::Path& path) override;

  // Once a turn.
  void tend();

 private:
  // Whose bindings a REGISTER is about.
  struct Aor {
    std::string user;
    std::string_view realm;
  };
  Aor aor_of(const sip::Message& request) const;
  bool is_turned_away(const sip::Message& request, const sip::Path& path) const;
  sip::RegistrationPolicy policy(std::uint32_t devices, bool behind_nat) const;
  sip::DoorAnswer answer(const sip::Message& request, const sip::RegisterWish& wish,
                         const std::vector<sip::Binding>& bindings) const;

  Setup setup_;
  base::Nanos next_sweep_{};
  std::uint32_t swept_ = 0;  // of our stripes, how many were looked through
};

}  // namespace tandem::registrar
