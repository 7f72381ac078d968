#include "controlplane/routing/row_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "drivers/base/csv.h"
#include "drivers/base/text.h"

namespace tandem::routing {

using Json = nlohmann::ordered_json;

base::Result<std::size_t> RowFields::place_of(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return base::error(fmt::format("there is no \"{}\" here", name));
  return static_cast<std::size_t>(found - names_.begin());
}

base::Result<void> RowFields::csv(std::string_view header) {
  for (std::optional<std::string_view> rest = base::trim(header); rest;) {
    const auto name = base::next_csv_field(rest);
    if (!name) return base::error(name.error_text());
    const auto place = place_of(base::trim(*name));
    if (!place) return base::error(fmt::format("there is no column \"{}\"", *name));
    if (std::find(columns_.begin(), columns_.end(), *place) != columns_.end()) {
      return base::error(fmt::format("column \"{}\" is there twice", *name));
    }
    columns_.push_back(*place);
  }
  for (std::size_t i = 0; i < needed_; ++i) {
    if (std::find(columns_.begin(), columns_.end(), i) == columns_.end()) {
      return base::error(
          fmt::format("the first line must name the columns, one of them \"{}\"", names_[i]));
    }
  }
  return {};
}

base::Result<RowFields::Values> RowFields::read(std::string_view line) const {
  if (columns_.empty()) {
    const Json object = Json::parse(line, nullptr, false);
    if (object.is_discarded()) return base::error("this is no JSON");
    return read(object);
  }
  Values out(names_.size());
  std::size_t column = 0;
  for (std::optional<std::string_view> rest = line; rest; ++column) {
    auto text = base::next_csv_field(rest);
    if (!text) return std::move(text).take_error();
    if (column == columns_.size()) {
      return base::error(fmt::format("more fields than the {} columns", columns_.size()));
    }
    const std::size_t place = columns_[column];
    if (!text->empty() || place < needed_) out[place] = std::move(text).value();
  }
  if (column < columns_.size()) {
    return base::error(fmt::format("{} fields for {} columns", column, columns_.size()));
  }
  return out;
}

base::Result<RowFields::Values> RowFields::read(const Json& object) const {
  if (!object.is_object()) return base::error("this is no JSON object");
  Values out(names_.size());
  for (const auto& [name, value] : object.items()) {
    const auto place = place_of(name);
    if (!place) return base::error(place.error_text());
    if (value.is_string())
      out[*place] = value.get<std::string>();
    else if (value.is_number() || value.is_boolean())
      out[*place] = value.dump();
    else
      return base::error(fmt::format("{} has a value of the wrong kind", name));
  }
  for (std::size_t i = 0; i < needed_; ++i) {
    if (!out[i]) return base::error(fmt::format("\"{}\" is missing", names_[i]));
  }
  return out;
}

}  // namespace tandem::routing
