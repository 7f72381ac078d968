#include "controlplane/registrar/account_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "drivers/base/csv.h"
#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<std::string_view, AccountField> kFields[] = {
    {"user", AccountField::kUser},
    {"realm", AccountField::kRealm},
    {"password", AccountField::kPassword},
    {"ha1_md5", AccountField::kHa1Md5},
    {"ha1_sha256", AccountField::kHa1Sha256},
    {"numbers", AccountField::kNumbers},
    {"devices", AccountField::kDevices},
    {"enabled", AccountField::kEnabled},
};

std::optional<AccountField> field_named(std::string_view name) {
  for (const auto& [known, field] : kFields) {
    if (known == name) return field;
  }
  return std::nullopt;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto word = base::split_first(text, ' ');
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

// An empty field says nothing.
base::Result<void> set_text(AccountWords& words, AccountField field, std::string text) {
  if (text.empty()) return {};
  switch (field) {
    case AccountField::kUser:
      words.user = std::move(text);
      break;
    case AccountField::kRealm:
      words.realm = std::move(text);
      break;
    case AccountField::kPassword:
      words.password = std::move(text);
      break;
    case AccountField::kHa1Md5:
      words.ha1_md5 = std::move(text);
      break;
    case AccountField::kHa1Sha256:
      words.ha1_sha256 = std::move(text);
      break;
    case AccountField::kNumbers:
      words.numbers = words_of(text);
      break;
    case AccountField::kDevices:
      words.devices = base::parse_uint(text, UINT32_MAX);
      if (!words.devices) return base::error("devices is not a number");
      break;
    case AccountField::kEnabled:
      words.enabled = base::parse_flag(text);
      if (!words.enabled) return base::error("enabled is neither true nor false");
      break;
  }
  return {};
}

base::Result<void> set_value(AccountWords& words, AccountField field, const Json& value) {
  if (field == AccountField::kNumbers && value.is_array()) {
    auto& numbers = words.numbers.emplace();
    for (const Json& number : value) {
      if (!number.is_string()) return base::error("numbers is not a list of texts");
      numbers.push_back(number.get<std::string>());
    }
    return {};
  }
  if (field == AccountField::kDevices && value.is_number_unsigned()) {
    words.devices = value.get<std::uint64_t>();
    return {};
  }
  if (field == AccountField::kEnabled && value.is_boolean()) {
    words.enabled = value.get<bool>();
    return {};
  }
  if (value.is_string()) return set_text(words, field, value.get<std::string>());
  const auto name = std::find_if(std::begin(kFields), std::end(kFields),
                                 [&](const auto& known) { return known.second == field; });
  return base::error(fmt::format("{} has a value of the wrong kind", name->first));
}

}  // namespace

base::Result<AccountRows> AccountRows::csv(std::string_view header) {
  AccountRows out;
  for (std::optional<std::string_view> rest = base::trim(header); rest;) {
    const auto name = base::next_csv_field(rest);
    if (!name) return base::error(name.error_text());
    const auto field = field_named(*name);
    if (!field) return base::error(fmt::format("there is no column \"{}\"", *name));
    if (std::find(out.columns_.begin(), out.columns_.end(), *field) != out.columns_.end()) {
      return base::error(fmt::format("column \"{}\" is there twice", *name));
    }
    out.columns_.push_back(*field);
  }
  if (std::find(out.columns_.begin(), out.columns_.end(), AccountField::kUser) ==
      out.columns_.end()) {
    return base::error("the first line must name the columns, one of them \"user\"");
  }
  return out;
}

base::Result<AccountWords> AccountRows::read(std::string_view line) const {
  if (!columns_.empty()) return read_csv(line);
  const Json object = Json::parse(line, nullptr, false);
  if (object.is_discarded()) return base::error("this is no JSON");
  return account_words(object);
}

base::Result<AccountWords> AccountRows::read_csv(std::string_view line) const {
  AccountWords words;
  std::size_t column = 0;
  for (std::optional<std::string_view> rest = line; rest; ++column) {
    auto text = base::next_csv_field(rest);
    if (!text) return std::move(text).take_error();
    if (column == columns_.size()) {
      return base::error(fmt::format("more fields than the {} columns", columns_.size()));
    }
    if (auto set = set_text(words, columns_[column], std::move(text).value()); !set) {
      return std::move(set).take_error();
    }
  }
  if (column < columns_.size()) {
    return base::error(fmt::format("{} fields for {} columns", column, columns_.size()));
  }
  return words;
}

base::Result<AccountWords> account_words(const Json& object) {
  if (!object.is_object()) return base::error("this is no JSON object");
  AccountWords words;
  for (const auto& [name, value] : object.items()) {
    const auto field = field_named(name);
    if (!field) return base::error(fmt::format("there is no \"{}\" in an account", name));
    if (auto set = set_value(words, *field, value); !set) return std::move(set).take_error();
  }
  return words;
}

}  // namespace tandem::registrar
