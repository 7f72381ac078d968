#include "controlplane/admin/endpoint_commands.h"

namespace tandem::admin {
namespace {

Json binding_json(std::string_view name, const sip::Binding& binding, base::Nanos now) {
  Json round_trip;  // null: it has not been asked yet
  if (binding.round_trip_us != 0) round_trip = binding.round_trip_us / 1000.0;
  Json last_seen;  // null: not since the control plane started
  if (binding.heard != base::Nanos{}) last_seen = (now - binding.heard) / base::Seconds{1};
  const auto seconds = [](base::Nanos time) { return time / base::Seconds{1}; };
  return {{"account", name},
          {"contact", binding.uri()},
          {"source", binding.way.remote.text()},
          {"protocol", base::protocol_name(binding.way.protocol)},
          {"local", binding.way.local.text()},
          {"nat", binding.behind_nat},
          {"q", binding.q / 1000.0},
          {"path", binding.path()},
          {"online", !binding.silent},
          {"last_seen_s", last_seen},
          {"round_trip_ms", round_trip},
          {"registered_s", seconds(now - binding.registered)},
          {"expires_s", seconds(binding.expires - now)}};
}

}  // namespace

bool EndpointCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  if (command != "show endpoints") return false;
  const auto account = args.value("account", Json(""));
  if (!account.is_string()) {
    answer(base::error("\"account\" must be a text: user@realm, or the user alone"));
    return true;
  }
  const std::string wanted = account;
  const base::Nanos now = base::monotonic_now();
  Json list = Json::array();
  bindings_.each(now, [&](std::string_view name, const sip::Binding& binding) {
    const bool fits = wanted.empty() || name == wanted || name.starts_with(wanted + "@");
    if (fits) list.push_back(binding_json(name, binding, now));
    return list.size() < kListed;
  });
  answer(Json{{"endpoints", std::move(list)}, {"total", bindings_.size()}});
  return true;
}

}  // namespace tandem::admin
