// The commands about lists of numbers.
#include <fmt/format.h>

#include "controlplane/admin/route_commands.h"

namespace tandem::admin {
namespace {

using routing::ListEdit;
using routing::ListEntry;
using routing::NumberList;

// A text, or a list of texts.
base::Result<std::vector<std::string>> texts(const Json& value, std::string_view key) {
  std::vector<std::string> out;
  if (value.is_string()) return std::vector{value.get<std::string>()};
  if (!value.is_array()) return base::error(fmt::format("\"{}\" is not a list of texts", key));
  for (const Json& one : value) {
    if (!one.is_string()) return base::error(fmt::format("\"{}\" is not a list of texts", key));
    out.push_back(one.get<std::string>());
  }
  return out;
}

base::Result<ListEdit> edit_of(const Json& args) {
  ListEdit out;
  for (const auto& [key, value] : args.items()) {
    if (key == "name") {
      out.name = text_of(args, "name");
    } else if (key == "kind") {
      out.kind = routing::kind_named(text_of(args, "kind"));
      if (!out.kind) return base::error("\"kind\" must be caller or callee");
    } else if (key == "otherwise") {
      out.otherwise = routing::verdict_named(text_of(args, "otherwise"));
      if (!out.otherwise) return base::error("\"otherwise\" must be allow or deny");
    } else if (key == "allow" || key == "deny" || key == "remove") {
      auto numbers = texts(value, key);
      if (!numbers) return std::move(numbers).take_error();
      if (key == "remove") {
        out.removed = std::move(numbers).value();
        continue;
      }
      for (std::string& one : *numbers) {
        out.entries.push_back({std::move(one), *routing::verdict_named(key)});
      }
    } else {
      return base::error(fmt::format("there is no \"{}\" in a list", key));
    }
  }
  return out;
}

Json list_json(const NumberList& list) {
  return {{"name", list.name()},
          {"kind", routing::word(list.kind())},
          {"otherwise", routing::word(list.otherwise())},
          {"prefixes", list.prefixes()}};
}

}  // namespace

base::Result<Json> RouteCommands::change_list(const std::string& command, const Json& args) {
  auto& book = setup_.lists;
  if (command == "list del") {
    const std::string name = text_of(args, "name");
    if (auto removed = book.remove(name); !removed) return std::move(removed).take_error();
    return Json{{"name", name}};
  }
  const auto edit = edit_of(args);
  if (!edit) return base::error(edit.error_text());
  auto done = command == "list add" ? book.add(*edit) : book.set(*edit);
  if (!done) return std::move(done).take_error();
  return list_json(*book.screening().find(edit->name));
}

base::Result<Json> RouteCommands::show_lists(const Json& args) {
  const routing::Screening& screening = setup_.lists.screening();
  const std::string name = text_of(args, "name");
  if (name.empty()) {
    Json lists = Json::array();
    for (const auto& [key, list] : screening.lists()) lists.push_back(list_json(*list));
    return Json{{"lists", std::move(lists)}};
  }
  const auto entries = setup_.lists.entries(name, kListed);
  if (!entries) return base::error(entries.error_text());
  Json list = Json::array();
  for (const ListEntry& entry : *entries) {
    list.push_back({{"numbers", entry.numbers}, {"verdict", routing::word(entry.verdict)}});
  }
  Json out = list_json(*screening.find(name));
  out["entries"] = std::move(list);
  return out;
}

Json RouteCommands::verdicts(const std::string& caller, const std::string& callee) const {
  Json out = Json::array();
  for (const auto& [name, list] : setup_.lists.screening().lists()) {
    const bool of_caller = list->kind() == NumberList::Kind::kCaller;
    if (of_caller && caller.empty()) continue;
    if (out.size() == kListed) break;
    const std::string& number = of_caller ? caller : callee;
    out.push_back({{"list", name},
                   {"kind", routing::word(list->kind())},
                   {"verdict", routing::word(list->verdict(number))},
                   {"prefix", list->reason(number)}});
  }
  return out;
}

}  // namespace tandem::admin
