#include "controlplane/admin/suspension_commands.h"

#include <fmt/format.h>

namespace tandem::admin {

bool SuspensionCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  if (command == "show suspensions")
    show(answer);
  else if (command == "suspension lift")
    lift(args, answer);
  else
    return false;
  return true;
}

void SuspensionCommands::show(const Answer& answer) {
  const base::Nanos now = base::monotonic_now();
  Json list = Json::array();
  std::uint64_t total = 0;
  lockout_.each(now, [&](const registrar::Lockout::Suspension& one) {
    if (++total > kListed) return;
    list.push_back({{"address", one.source.text()},
                    {"account", one.account},
                    {"reason", one.unanswered ? "unanswered" : "password"},
                    {"failures", one.failures},
                    {"left_s", (one.until - now) / base::Seconds{1}}});
  });
  answer(Json{{"suspensions", std::move(list)}, {"total", total}});
}

void SuspensionCommands::lift(const Json& args, const Answer& answer) {
  const auto said = args.value("address", Json(""));
  const std::string text = said.is_string() ? said.get<std::string>() : "";
  if (text == "all") {
    answer(Json{{"lifted", lockout_.lift_all()}});
    return;
  }
  const auto address = base::IpAddress::parse(text);
  if (!address) {
    answer(base::error("suspension lift needs \"address\": an IP address, or \"all\""));
    return;
  }
  const std::uint32_t lifted = lockout_.lift(*address);
  if (lifted == 0) {
    answer(base::error(fmt::format("{} is not suspended", text)));
    return;
  }
  answer(Json{{"lifted", lifted}});
}

}  // namespace tandem::admin
