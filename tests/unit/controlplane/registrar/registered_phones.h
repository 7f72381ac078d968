// Phones that are registered without having sent a REGISTER, for tests of what the switch does by
// itself; and what it sends them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/binding_table.h"
#include "controlplane/sip/environment.h"
#include "drivers/base/check.h"
#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {

// Keeps when what was sent to whom; may be full.
class Outbox final : public sip::Transport {
 public:
  struct Sent {
    Nanos at;
    sip::Path path;
    std::string text;
  };
  explicit Outbox(const loop::TimerWheel& wheel) : wheel_(wheel) {}
  bool send(const sip::Path& path, std::string_view message) override {
    ++tries;
    if (full || (refuses_streams && sip::is_reliable(path.protocol))) return false;
    sent.push_back({wheel_.now(), path, std::string(message)});
    return true;
  }

  std::vector<Sent> sent;
  bool full = false;
  bool refuses_streams = false;
  int tries = 0;

 private:
  const loop::TimerWheel& wheel_;
};

struct RegisteredPhones {
  explicit RegisteredPhones(const std::vector<std::pair<std::string, std::string>>& set = {}) {
    for (const auto& [name, value] : set) CHECK(parameters.set(name, value).ok());
    env.timers.resend_gaps = parameters.SS_SIP_RESEND_INTERVAL;
  }
  static registrar::AccountKey key_of(std::uint64_t number) {
    return {number * 0x9e3779b97f4a7c15, number};
  }
  static base::Endpoint address_of(std::uint32_t number) {
    base::Endpoint endpoint;
    endpoint.address = base::IpAddress::ip4(100, static_cast<std::uint8_t>(number >> 16),
                                            static_cast<std::uint8_t>(number >> 8),
                                            static_cast<std::uint8_t>(number));
    endpoint.port = 5060;
    return endpoint;
  }
  void add(std::uint32_t number, bool nat = true, sip::Protocol protocol = sip::Protocol::kUdp) {
    table.with(key_of(number), fmt::format("u{}@example", number), [&](auto& bindings) {
      sip::Binding& binding = bindings.emplace_back();
      binding.texts = fmt::format("sip:u{}@192.168.1.2", number);
      binding.uri_size = static_cast<std::uint16_t>(binding.texts.size());
      binding.behind_nat = nat;
      binding.registered = binding.heard = wheel.now();
      binding.expires = wheel.now() + base::Seconds{3600};
      binding.way = {.local = at("192.0.2.1:5060"),
                     .remote = address_of(number),
                     .protocol = protocol,
                     .flow = sip::is_reliable(protocol) ? number + 1u : 0};
    });
  }
  sip::Binding binding(std::uint32_t number) {
    sip::Binding found;
    table.look(key_of(number), [&](const auto&, const auto& all) { found = all.front(); });
    return found;
  }

  loop::TimerWheel wheel{base::Millis{1}, 8192, base::Seconds{1000}};
  Outbox out{wheel};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{.wheel = wheel, .transport = out, .counters = counters, .random = random};
  config::Parameters parameters;
  registrar::BindingTable table;
};

}  // namespace tandem::test
