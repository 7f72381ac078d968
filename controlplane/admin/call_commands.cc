// The commands about calls that are up.
#include "controlplane/admin/call_json.h"
#include "controlplane/admin/commands.h"

#include <fmt/format.h>

#include <utility>

namespace tandem::admin {

void Commands::show_calls(const Json&, const Answer& answer) {
  ask_shards(
      [](calls::CallService& service, std::uint32_t shard) {
        Json list = Json::array();
        service.each([&](const calls::Call& call) {
          if (call.state() < calls::Call::State::kReleasing) list.push_back(call_row(call, shard));
        });
        return list;
      },
      [answer](std::vector<Json> lists) {
        Json all = Json::array();
        for (Json& list : lists) {
          for (Json& call : list) all.push_back(std::move(call));
        }
        answer(Json{{"calls", all}});
      });
}

void Commands::show_call(const Json& args, const Answer& answer) {
  if (!args.contains("call") || !args["call"].is_string()) {
    answer(base::error("show call needs \"call\": an id that show calls has"));
    return;
  }
  const auto name = args["call"].get<std::string>();
  ask_shards(
      [name](calls::CallService& service, std::uint32_t shard) {
        Json found;
        service.each([&](const calls::Call& call) {
          const bool live = call.state() < calls::Call::State::kReleasing;
          if (live && call.name() == name) found = call_in_full(call, shard);
        });
        return found;
      },
      [name, answer](std::vector<Json> found) {
        for (Json& call : found) {
          if (call.is_null()) continue;
          answer(Json{{"call", std::move(call)}});
          return;
        }
        answer(base::error(fmt::format("there is no call {}", name)));
      });
}

void Commands::hangup(const Json& args, const Answer& answer) {
  if (!args.contains("call") || !args["call"].is_string()) {
    answer(base::error("hangup needs \"call\": an id that show calls has"));
    return;
  }
  const auto name = args["call"].get<std::string>();
  ask_shards(
      [name](calls::CallService& service, std::uint32_t) {
        return Json(service.hang_up(name, calls::ReleaseCause::OperatorHangup));
      },
      [name, answer](const std::vector<Json>& hits) {
        for (const Json& hit : hits) {
          if (hit.get<bool>()) {
            answer(Json{{"call", name}});
            return;
          }
        }
        answer(base::error(fmt::format("there is no call {}", name)));
      });
}

}  // namespace tandem::admin
