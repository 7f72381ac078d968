#include "controlplane/admin/gateway_commands.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/admin/report_json.h"
#include "drivers/base/text.h"

namespace tandem::admin {
namespace {

using config::Gateway;
using config::Words;
using routing::GatewayBook;
using routing::RowFields;

// What a row or a command may name: "name" first, which must be there.
const std::vector<std::string_view>& setting_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> out;
    for (const auto& setting : config::gateway_settings()) out.push_back(setting.name);
    for (const auto& parameter : config::gateway_parameters()) out.push_back(parameter.name);
    return out;
  }();
  return kNames;
}

RowFields row_fields() { return {setting_names(), 1}; }

Words words_of(const RowFields::Values& values) {
  Words out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i]) out.emplace_back(setting_names()[i], *values[i]);
  }
  return out;
}

Json settings_json() {
  Json list = Json::array();
  for (const auto* settings : {&config::gateway_settings(), &config::gateway_parameters()}) {
    for (const auto& setting : *settings) {
      list.push_back(
          {{"name", setting.name}, {"kinds", setting.kinds}, {"meaning", setting.sentence}});
    }
  }
  return Json{{"settings", std::move(list)}};
}

std::string text_arg(const Json& args, const char* name) {
  const auto value = args.value(name, Json(""));
  return value.is_string() ? value.get<std::string>() : std::string();
}

// What keeps calls from it now; empty: nothing.
std::string state_of(const routing::GatewayEntry& entry, bool registered, base::Nanos now) {
  const auto& settings = entry.settings;
  if (settings.locked) return "locked";
  if (!registered) return "unregistered";
  if (entry.load->silent()) return "silent";
  if (entry.load->resting(now)) return "resting";
  if (settings.capacity != 0 && entry.load->calls() >= settings.capacity) return "full";
  return "up";
}

}  // namespace

bool GatewayCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  constexpr std::string_view kImport = "gateway import ";
  if (command == "gateway add" || command == "gateway set")
    change(command, args, answer);
  else if (command == "gateway del")
    remove(text_arg(args, "name"), answer);
  else if (command == "gateway show")
    show(args, answer);
  else if (command == "gateway settings")
    answer(settings_json());
  else if (command.starts_with(kImport))
    import(command.substr(kImport.size()), args, answer);
  else
    return false;
  return true;
}

void GatewayCommands::change(const std::string& command, const Json& args, const Answer& answer) {
  const auto values = row_fields().read(args);
  if (!values) {
    answer(base::error(values.error_text()));
    return;
  }
  thread_.post([this, answer, adds = command == "gateway add", words = words_of(*values)] {
    const std::string name = words.front().second;
    auto gateway = adds ? setup_.book.add(words) : setup_.book.set(name, words);
    setup_.loop.post([this, answer, gateway = std::move(gateway)] {
      if (!gateway) {
        answer(base::error(gateway.error_text()));
        return;
      }
      setup_.table.put({*gateway});
      setup_.changed({*gateway}, [this, answer, name = gateway->name] {
        const auto set = setup_.table.held();
        answer(gateway_json(*set->at(*set->find(name, true)), true));
      });
    });
  });
}

void GatewayCommands::remove(const std::string& name, const Answer& answer) {
  thread_.post([this, answer, name] {
    const auto removed = setup_.book.remove(name);
    setup_.loop.post([this, answer, name, removed] {
      if (!removed) {
        answer(base::error(removed.error_text()));
        return;
      }
      setup_.table.remove(name);
      setup_.gone(name, [answer, name] { answer(Json{{"name", name}}); });
    });
  });
}

Json GatewayCommands::gateway_json(const routing::GatewayEntry& entry, bool whole) const {
  const Gateway& settings = entry.settings;
  const base::Nanos now = base::monotonic_now();
  const auto& load = *entry.load;
  const bool registered = !setup_.registered || setup_.registered(settings);
  Json out{{"name", settings.name},
           {"kind", settings.kind == config::GatewayKind::kMapping ? "mapping" : "routing"},
           {"state", state_of(entry, registered, now)},
           {"calls", load.calls()},
           {"capacity", settings.capacity},
           {"calls_per_s", settings.calls_per_s},
           {"asked", load.asked()},
           {"answered", load.answered()}};
  const auto rests = load.resting(now) ? (load.rests_until() - now) / base::Seconds{1} + 1 : 0;
  out["rests_s"] = rests;
  const auto trip = load.round_trip();
  out["round_trip_ms"] =
      trip == base::Nanos{} ? Json() : Json(static_cast<double>(trip.count()) / 1e6);
  if (whole) {
    Json words = Json::object();
    for (const auto& [name, value] : settings.words) {
      words[name] = config::is_secret(name) ? std::string(config::kHidden) : value;
    }
    out["settings"] = std::move(words);
    if (!settings.warnings.empty()) out["warnings"] = settings.warnings;
  }
  return out;
}

void GatewayCommands::show(const Json& args, const Answer& answer) {
  const std::string name = text_arg(args, "name");
  const auto set = setup_.table.held();
  Json list = Json::array();
  for (const auto& entry : set->entries()) {
    if (entry->gone || (!name.empty() && entry->settings.name != name)) continue;
    list.push_back(gateway_json(*entry, !name.empty()));
  }
  if (!name.empty() && list.empty()) {
    answer(base::error(fmt::format("there is no gateway {}", name)));
    return;
  }
  answer(name.empty() ? Json{{"gateways", std::move(list)}} : list.front());
}

void GatewayCommands::import(const std::string& step, const Json& args, const Answer& answer) {
  if (step == "begin") {
    import_ = Import{.number = import_.number + 1,
                     .csv = text_arg(args, "format") != "json",
                     .keep_going = args.value("keep_going", Json(false)) == true,
                     .fields = row_fields()};
    answer(Json{{"import", import_.number}});
    return;
  }
  if (!import_.fields || args.value("import", Json(0)) != import_.number) {
    answer(base::error("this import is not under way"));
    return;
  }
  if (step == "rows") {
    answer(import_rows(text_arg(args, "text")));
  } else if (step == "finish") {
    import_finish(answer);
  } else if (step == "cancel") {
    import_.fields.reset();
    answer(Json{{"import", import_.number}});
  } else {
    answer(base::error(fmt::format("no such command: gateway import {}", step)));
  }
}

base::Result<Json> GatewayCommands::import_rows(std::string_view text) {
  while (!text.empty()) {
    const auto line = base::trim(base::split_first(text, '\n'));
    ++import_.lines;
    if (line.empty()) continue;
    if (import_.csv && !import_.headed) {
      if (const auto header = import_.fields->csv(line); !header) {
        import_.fields.reset();
        return base::error(fmt::format("line {}: {}", import_.lines, header.error_text()));
      }
      import_.headed = true;
    } else {
      import_line(line);
    }
  }
  return Json{{"import", import_.number}};
}

void GatewayCommands::import_line(std::string_view line) {
  const auto values = import_.fields->read(line);
  if (import_.rows.size() == kRowsMax) {
    import_.faults.push_back({import_.lines, fmt::format("more than {} rows", kRowsMax)});
  } else if (!values) {
    import_.faults.push_back({import_.lines, values.error_text()});
  } else {
    import_.rows.push_back({.line = import_.lines, .words = words_of(*values)});
  }
}

void GatewayCommands::import_finish(const Answer& answer) {
  Import import = std::exchange(import_, Import{.number = import_.number});
  // What can't even be read stops the rest as a refused row does.
  const bool hopeless = !import.faults.empty() && !import.keep_going;
  thread_.post([this, answer, hopeless, import = std::move(import)]() mutable {
    auto report = hopeless ? base::Result(GatewayBook::Import{})
                           : setup_.book.import(import.rows, import.keep_going);
    setup_.loop.post(
        [this, answer, report = std::move(report), faults = std::move(import.faults)]() mutable {
          if (!report) {
            answer(base::error(report.error_text()));
            return;
          }
          auto& all = report->report.faults;
          all.insert(all.begin(), faults.begin(), faults.end());
          report->report.refused = all.size();
          if (!report->taken.empty()) setup_.table.put(report->taken);
          setup_.changed(report->taken,
                         [answer, told = std::move(report->report)] { answer(report_json(told)); });
        });
  });
}

}  // namespace tandem::admin
