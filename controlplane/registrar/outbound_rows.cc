#include "controlplane/registrar/outbound_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "drivers/base/csv.h"
#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

using Json = nlohmann::ordered_json;
using Columns = std::vector<std::string>;

base::Result<Columns> fields_of(std::string_view line) {
  Columns out;
  for (std::optional<std::string_view> rest = line; rest;) {
    auto field = base::next_csv_field(rest);
    if (!field) return std::move(field).take_error();
    out.push_back(std::move(field).value());
  }
  return out;
}

base::Result<Columns> columns_of(std::string_view line) {
  auto columns = fields_of(base::trim(line));
  if (!columns) return columns;
  for (auto column = columns->begin(); column != columns->end(); ++column) {
    if (std::find(std::begin(kOutboundFields), std::end(kOutboundFields), *column) ==
        std::end(kOutboundFields)) {
      return base::error(fmt::format("there is no column \"{}\"", *column));
    }
    if (std::find(columns->begin(), column, *column) != column) {
      return base::error(fmt::format("column \"{}\" is there twice", *column));
    }
  }
  if (std::find(columns->begin(), columns->end(), "name") == columns->end()) {
    return base::error("the first line must name the columns, one of them \"name\"");
  }
  return columns;
}

base::Result<OutboundWords> csv_words(const Columns& columns, std::string_view line) {
  auto fields = fields_of(line);
  if (!fields) return std::move(fields).take_error();
  if (fields->size() != columns.size()) {
    return base::error(fmt::format("{} fields for {} columns", fields->size(), columns.size()));
  }
  OutboundWords out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!(*fields)[i].empty()) out[columns[i]] = (*fields)[i];
  }
  return out;
}

}  // namespace

base::Result<OutboundWords> outbound_words(const Json& object) {
  if (!object.is_object()) return base::error("this is no JSON object");
  OutboundWords out;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string())
      out[name] = value.get<std::string>();
    else if (value.is_number_unsigned())
      out[name] = std::to_string(value.get<std::uint64_t>());
    else if (value.is_boolean())
      out[name] = value.get<bool>() ? "on" : "off";
    else
      return base::error(fmt::format("{} has a value of the wrong kind", name));
  }
  return out;
}

base::Result<std::vector<OutboundRow>> outbound_rows(std::string_view file) {
  std::vector<OutboundRow> out;
  if (file.starts_with("\xef\xbb\xbf")) file.remove_prefix(3);  // byte order mark
  const bool json = file.starts_with('{');
  std::optional<Columns> columns;
  for (std::uint64_t line = 1; !file.empty(); ++line) {
    std::string_view text = base::split_first(file, '\n');
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (base::trim(text).empty()) continue;
    if (json) {
      const Json object = Json::parse(text, nullptr, false);
      out.push_back({line, object.is_discarded()
                               ? base::Result<OutboundWords>(base::error("this is no JSON"))
                               : outbound_words(object)});
    } else if (columns) {
      out.push_back({line, csv_words(*columns, text)});
    } else {
      auto named = columns_of(text);
      if (!named) return base::error(fmt::format("line {}: {}", line, named.error_text()));
      columns = std::move(named).value();
    }
  }
  return out;
}

}  // namespace tandem::registrar
