// A switch with accounts: two phones on its networks, registered as a test likes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controlplane/registrar/subscribers.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/credentials.h"

namespace tandem::test {

inline const Login kDave{"dave", "d4ve", kRealms[0]};
inline const Login kCarol{"carol", "c4rol", kRealms[0]};

class Endpoints : public SwitchTest {
 protected:
  explicit Endpoints(const std::vector<std::pair<std::string, std::string>>& set = {})
      : SwitchTest(make_site(set)) {
    calls.serve(subscribers);
    put(kDave);
    put(kCarol, true, {"4989123"});
    carol.on_call = dave.on_call = [](sip::InviteSession& call) {
      call.progress(180);
      call.accept("application/sdp", kAnswer);
    };
  }

  void put(const Login& login, bool enabled = true, const std::vector<std::string>& numbers = {}) {
    const auto record = account_of(accounts, login, enabled);
    registrar::AccountTable::Changes changes{.accounts = {{record}}, .numbers = {}};
    for (const auto& number : numbers) {
      changes.numbers.push_back({{accounts.key_of_number(number), record.key}});
    }
    (void)accounts.apply(changes);
  }
  // As if it had registered from there.
  sip::Binding& enroll(const Login& login, const std::string& uri, std::string_view source,
                       std::uint16_t q = 1000, const std::string& path = {}) {
    sip::Binding binding{.texts = uri + path,
                         .uri_size = static_cast<std::uint16_t>(uri.size()),
                         .q = q,
                         .expires = net.wheel().now() + base::Seconds{600},
                         .registered = net.wheel().now()};
    binding.way.local = at("10.77.2.1");
    binding.way.remote = at(source);
    sip::Binding* out = nullptr;
    bindings.with(accounts.key_of(login.user, login.realm), login.user + "@" + login.realm,
                  [&](auto& all) {
                    all.push_back(binding);
                    out = &all.back();
                  });
    return *out;
  }
  // Dave calls, and is asked for his password once.
  void dial(const std::string& number, const Login& login = kDave) {
    dave.own_headers.clear();
    dave.dial("10.77.1.1", number);
    net.settle();
    ASSERT_EQ(dave.heard().back(), "refused 407");
    const std::string nonce = challenge_param(dave.last_response, "nonce");
    dave.own_headers = credentials(login, "INVITE", nonce, 1, "Proxy-Authorization");
    dave.events.clear();
    dave.dial("10.77.1.1", number);
    net.settle();
  }

  const registrar::Secrets secrets = registrar::Secrets::make(random);
  registrar::AccountTable accounts{secrets.hash, 16};
  registrar::BindingTable bindings;
  registrar::Lockout lockout{{.rules = site.parameters,
                              .secret = secrets.hash,
                              .spared = [this](const auto& a) { return gateways.knows(a); },
                              .records = 256}};
  registrar::Doorkeeper door{{.env = env,
                              .parameters = site.parameters,
                              .realms = kRealms,
                              .accounts = accounts,
                              .secrets = secrets,
                              .nonces = 100,
                              .lockout = &lockout}};
  registrar::Subscribers subscribers{
      {.env = env, .door = door, .accounts = accounts, .bindings = bindings}};
  Phone dave{net, "10.77.1.3:5060"};
  Phone carol{net, "10.77.2.3:5060"};
};

}  // namespace tandem::test
