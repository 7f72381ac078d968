#include "controlplane/admin/route_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/admin/report_json.h"

namespace tandem::admin {

using routing::PrefixRoute;
using routing::RouteTable;

namespace {

const char* reason(RouteTable::Fate fate) {
  switch (fate) {
    case RouteTable::Fate::kTried:
      return "";
    case RouteTable::Fate::kDisabled:
      return "it is disabled";
    case RouteTable::Fate::kOtherTime:
      return "not at this time";
    case RouteTable::Fate::kLongerPrefix:
      return "a longer prefix has routes";
    case RouteTable::Fate::kLongerHasIt:
      return "the gateway is tried by a longer prefix";
    case RouteTable::Fate::kTooMany:
      return "too many come before it";
  }
  return "?";
}

const char* origin_name(routing::RouteOrigin origin) {
  switch (origin) {
    case routing::RouteOrigin::kStore:
      return "store";
    case routing::RouteOrigin::kSiteFile:
      return "site file";
    case routing::RouteOrigin::kGateway:
      return "gateway";
  }
  return "?";
}

}  // namespace

std::string text_of(const Json& args, const char* key) {
  const auto found = args.find(key);
  if (found == args.end()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

bool RouteCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  const bool ours = command.starts_with("route ") || command.starts_with("list ") ||
                    command.starts_with("window ");
  if (!ours) return false;
  thread_.post([this, command, args, answer] {
    if (import_ && base::monotonic_now() - import_touched_ > kImportPatience) import_.reset();
    setup_.loop.post([answer, result = work(command, args)] { answer(result); });
  });
  return true;
}

void RouteCommands::lead(std::vector<Led> gateways, std::function<void()> then) {
  thread_.post([this, gateways = std::move(gateways), then = std::move(then)] {
    for (const auto& [gateway, routes] : gateways) setup_.routes.lead(gateway, routes);
    setup_.loop.post(then);
  });
}

base::Result<Json> RouteCommands::work(const std::string& command, const Json& args) {
  if (!args.is_object()) return base::error("\"args\" must be an object");
  for (const bool of_list : {false, true}) {
    const std::string_view import_command = of_list ? "list import " : "route import ";
    if (command.starts_with(import_command)) {
      return import(of_list, command.substr(import_command.size()), args);
    }
  }
  if (command == "route add" || command == "route set" || command == "route del") {
    return change_route(command, args);
  }
  if (command == "route show") return show_routes(args);
  if (command == "route test") return test(args);
  if (command == "list add" || command == "list set" || command == "list del") {
    return change_list(command, args);
  }
  if (command == "list show") return show_lists(args);
  if (command == "window add" || command == "window set" || command == "window del") {
    return change_window(command, args);
  }
  if (command == "window show") return windows_json();
  return base::error(fmt::format("no such command: {}", command));
}

Json RouteCommands::route_json(const PrefixRoute& one) const {
  const routing::Route& route = one.route;
  const std::string& time = setup_.routes.table().windows()[route.window].text();
  return {{"prefix", one.prefix.text()},
          {"gateway", setup_.routes.name_of(route.gateway)},
          {"priority", route.priority},
          {"weight", route.weight},
          {"price", routing::price_text(route.price)},
          {"time", time.empty() ? "always" : time},
          {"enabled", route.enabled},
          {"from", origin_name(route.origin)}};
}

Json RouteCommands::routes_json(const std::vector<PrefixRoute>& routes) const {
  Json list = Json::array();
  for (const PrefixRoute& route : routes) list.push_back(route_json(route));
  return list;
}

base::Result<Json> RouteCommands::change_route(const std::string& command, const Json& args) {
  const auto values = routing::route_fields().read(args);
  if (!values) return base::error(values.error_text());
  auto& book = setup_.routes;
  const auto changed = command == "route add"   ? book.add(*values)
                       : command == "route set" ? book.set(*values)
                                                : book.remove(*(*values)[0], *(*values)[1]);
  if (!changed) return base::error(changed.error_text());
  return Json{{"routes", routes_json(*changed)}};
}

base::Result<Json> RouteCommands::show_routes(const Json& args) {
  const RouteTable& table = setup_.routes.table();
  std::vector<PrefixRoute> routes;
  if (args.contains("prefix")) {
    const auto prefix = routing::PrefixKey::parse(text_of(args, "prefix"));
    if (!prefix) return base::error("\"prefix\" is not a prefix");
    routes = table.routes_from(*prefix, kListed);
    std::erase_if(routes, [&](const PrefixRoute& one) { return !prefix->begins(one.prefix); });
  } else {
    routes = table.routes_from({}, kListed);
  }
  return Json{{"routes", routes_json(routes)},
              {"total", table.size()},
              {"prefixes", table.prefixes().size()}};
}

base::Result<Json> RouteCommands::test(const Json& args) {
  using Parameters = config::Parameters;
  const std::string digits = routing::routing_digits(text_of(args, "number"));
  if (digits.empty()) return base::error("route test needs \"number\"");
  routing::WeekMinute minute = clock_.minute(base::wall_ms_now());
  if (args.contains("at")) {
    const auto at = routing::week_minute_of(text_of(args, "at"));
    if (!at) return base::error(at.error_text());
    minute = *at;
  }
  const Parameters& parameters = setup_.parameters;
  const routing::RouteContext context{
      .minute = minute,
      .order = parameters.TD_ROUTE_ORDER,
      .shorter = parameters.TD_ROUTE_SHORTER == Parameters::RouteShorter::on,
      .random = random_};
  auto considered = setup_.routes.table().consider(digits, context);
  std::stable_sort(considered.begin(), considered.end(),
                   [](const auto& a, const auto& b) { return a.place < b.place; });
  Json tried = Json::array();
  Json passed_over = Json::array();
  for (const auto& [route, fate, place] : considered) {
    Json one = route_json(route);
    if (fate == RouteTable::Fate::kTried) {
      one.erase("enabled");
      tried.push_back(std::move(one));
    } else {
      one["reason"] = reason(fate);
      passed_over.push_back(std::move(one));
    }
  }
  const std::string caller = routing::routing_digits(text_of(args, "caller"));
  return Json{{"number", digits},
              {"at", routing::week_minute_text(minute)},
              {"candidates", std::move(tried)},
              {"passed_over", std::move(passed_over)},
              {"lists", verdicts(caller, digits)}};
}

base::Result<Json> RouteCommands::change_window(const std::string& command, const Json& args) {
  auto& book = setup_.routes;
  const routing::RouteBook::Window window{text_of(args, "name"), text_of(args, "times")};
  auto done = command == "window add"   ? book.add_window(window)
              : command == "window set" ? book.set_window(window)
                                        : book.remove_window(window.name);
  if (!done) return std::move(done).take_error();
  return windows_json();
}

Json RouteCommands::windows_json() const {
  Json list = Json::array();
  for (const auto& [name, times] : setup_.routes.windows()) {
    list.push_back({{"name", name}, {"times", times}});
  }
  return Json{{"windows", std::move(list)}};
}

// --- imports -----------------------------------------------------------------------------------

base::Result<Json> RouteCommands::begin_import(bool of_list, const Json& args) {
  using Import = routing::RowImport;
  if (import_) return base::error("an import is under way: try again when it is done");
  const bool keep_going = args.value("keep_going", Json(false)) == true;
  const bool replace = args.value("replace", Json(false)) == true;
  const auto format =
      text_of(args, "format") == "json" ? Import::Format::kJson : Import::Format::kCsv;
  auto begun =
      of_list ? setup_.lists.import(format, keep_going, text_of(args, "list"), replace)
              : setup_.routes.import(format, keep_going,
                                     {.all = replace, .gateway = text_of(args, "replace_gateway")});
  if (!begun) return std::move(begun).take_error();
  import_ = std::move(begun).value();
  ++import_number_;
  return Json{{"import", import_number_}};
}

base::Result<Json> RouteCommands::import(bool of_list, const std::string& step, const Json& args) {
  import_touched_ = base::monotonic_now();
  if (step == "begin") return begin_import(of_list, args);
  if (!import_ || args.value("import", Json(0)) != import_number_) {
    return base::error("this import is not under way");
  }
  if (step == "rows") {
    const auto text = args.find("text");
    if (text == args.end() || !text->is_string()) {
      return base::error("\"text\" must be a text: lines of the file");
    }
    if (auto taken = import_->rows(text->get<std::string>()); !taken) {
      import_.reset();
      return std::move(taken).take_error();
    }
    return Json{{"import", import_number_}};
  }
  if (step == "cancel") {
    import_.reset();
    return Json{{"import", import_number_}};
  }
  if (step != "finish") return base::error(fmt::format("there is no step \"{}\" of imports", step));
  const auto import = std::move(import_);  // over, however it ends
  const auto report = import->finish();
  if (!report) return base::error(report.error_text());
  return report_json(*report);
}

}  // namespace tandem::admin
