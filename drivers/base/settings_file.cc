#include "drivers/base/settings_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "drivers/base/text.h"

namespace tandem::base {
namespace {

const toml::table kEmptyTable;

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t number = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

// The texts of a list, parted by commas. No value: it holds something else.
std::optional<std::string> joined(const toml::array& list) {
  std::string out;
  for (const auto& item : list) {
    const auto text = item.value_exact<std::string>();
    const auto number = item.value_exact<std::int64_t>();
    if (!text && !number) return std::nullopt;
    out += (out.empty() ? "" : ",") + (text ? *text : std::to_string(*number));
  }
  return out;
}

}  // namespace

const toml::node* SettingsTable::find(std::string_view key) {
  known_.emplace(key);
  return table_->get(key);
}

void SettingsTable::fault(std::string_view key, std::string_view sentence) {
  const auto* node = table_->get(key);
  const auto line = node != nullptr ? node->source().begin.line : table_->source().begin.line;
  const auto where = name_.empty() ? std::string() : "[" + name_ + "] ";
  auto words = words_ ? fmt::format("{}: {}", key, sentence)
                      : fmt::format("{}:{}: {}{}: {}", path_, line, where, key, sentence);
  // A table that two readers share is found wanting by both.
  if (std::find(faults_->begin(), faults_->end(), words) == faults_->end()) {
    faults_->push_back(std::move(words));
  }
}

std::string SettingsTable::text(std::string_view key, std::string_view fallback) {
  const auto* node = find(key);
  if (node == nullptr) return std::string(fallback);
  if (const auto value = node->value_exact<std::string>()) return *value;
  fault(key, "must be a text in quotes");
  return std::string(fallback);
}

std::string SettingsTable::required_text(std::string_view key) {
  if (!has(key)) fault(key, "is missing");
  return text(key, "");
}

std::int64_t SettingsTable::integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                                    std::int64_t most) {
  const auto* node = find(key);
  if (node == nullptr) return fallback;
  const auto value =
      words_ ? whole(*node->value_exact<std::string>()) : node->value_exact<std::int64_t>();
  if (!value) {
    fault(key, "must be a whole number");
    return fallback;
  }
  if (*value < least || *value > most) {
    fault(key, fmt::format("{} is outside {}..{}", *value, least, most));
    return fallback;
  }
  return *value;
}

bool SettingsTable::flag(std::string_view key, bool fallback) {
  const auto* node = find(key);
  if (node == nullptr) return fallback;
  const auto word = node->value_exact<std::string>();
  if (words_ && (*word == "on" || *word == "true")) return true;
  if (words_ && (*word == "off" || *word == "false")) return false;
  if (const auto value = node->value_exact<bool>()) return *value;
  fault(key, words_ ? "must be on or off" : "must be true or false");
  return fallback;
}

std::vector<std::string> SettingsTable::texts(std::string_view key) {
  const auto* node = find(key);
  if (node == nullptr) return {};
  std::vector<std::string> out;
  if (const auto value = node->value_exact<std::string>()) {
    if (!words_) return {*value};
    for (std::string_view rest = *value; !rest.empty();) {
      out.emplace_back(trim(split_first(rest, ',')));
    }
    return out;
  }
  if (const auto* list = node->as_array()) {
    for (const auto& item : *list) {
      const auto value = item.value_exact<std::string>();
      if (value)
        out.push_back(*value);
      else
        fault(key, "must hold only texts in quotes");
    }
  } else {
    fault(key, "must be a text or a list of texts");
  }
  return out;
}

std::vector<std::int64_t> SettingsTable::integers(std::string_view key, std::int64_t least,
                                                  std::int64_t most) {
  const auto* node = find(key);
  if (node == nullptr) return {};
  std::vector<std::int64_t> out;
  const auto* list = node->as_array();
  if (list == nullptr) {
    fault(key, "must be a list of whole numbers");
    return out;
  }
  for (const auto& item : *list) {
    const auto value = item.value_exact<std::int64_t>();
    if (value && *value >= least && *value <= most)
      out.push_back(*value);
    else
      fault(key, fmt::format("must hold only whole numbers in {}..{}", least, most));
  }
  return out;
}

std::vector<SettingsTable> SettingsTable::tables(std::string_view key) {
  std::vector<SettingsTable> out;
  const auto* node = find(key);
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr || !list->is_homogeneous(toml::node_type::table)) {
    fault(key, fmt::format("must be tables, written [[{}]]", key));
    return out;
  }
  for (const auto& item : *list) {
    out.emplace_back(*item.as_table(), std::string(key), path_, *faults_);
  }
  return out;
}

SettingsTable SettingsTable::table(std::string_view key) {
  const auto* node = find(key);
  if (node != nullptr && !node->is_table()) fault(key, fmt::format("must be a table: [{}]", key));
  const auto* table = node != nullptr ? node->as_table() : nullptr;
  return {table != nullptr ? *table : kEmptyTable, std::string(key), path_, *faults_};
}

std::vector<std::pair<std::string, std::string>> SettingsTable::pairs() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [key, node] : *table_) {
    known_.emplace(key.str());
    if (const auto text = node.value_exact<std::string>()) {
      out.emplace_back(key.str(), *text);
    } else if (const auto flag = node.value_exact<bool>()) {
      out.emplace_back(key.str(), *flag ? "on" : "off");
    } else if (const auto number = node.value_exact<std::int64_t>()) {
      out.emplace_back(key.str(), std::to_string(*number));
    } else if (const auto real = node.value_exact<double>()) {
      out.emplace_back(key.str(), fmt::format("{}", *real));
    } else if (const auto list = node.is_array() ? joined(*node.as_array()) : std::nullopt) {
      out.emplace_back(key.str(), *list);
    } else {
      fault(key.str(), "must be a text, a number, true or false");
    }
  }
  return out;
}

void SettingsTable::refuse_unknown() {
  for (const auto& [key, node] : *table_) {
    if (!known_.contains(key.str())) fault(key.str(), "is not a setting known here");
  }
}

Result<SettingsFile> SettingsFile::read(const std::string& path) {
  SettingsFile file;
  file.path_ = path;
  try {
    file.table_ = std::make_shared<toml::table>(toml::parse_file(path));
  } catch (const toml::parse_error& fault) {
    return error(fmt::format("{}:{}: {}", path, fault.source().begin.line, fault.description()));
  }
  return file;
}

SettingsFile SettingsFile::of_words(const std::vector<std::pair<std::string, std::string>>& words) {
  SettingsFile file;
  file.words_ = true;
  file.table_ = std::make_shared<toml::table>();
  for (const auto& [name, value] : words) file.table_->insert_or_assign(name, value);
  return file;
}

Result<void> SettingsFile::verdict() const {
  if (faults_->empty()) return {};
  std::string all;
  for (const auto& fault : *faults_) all += (all.empty() ? "" : "\n") + fault;
  return error(std::move(all));
}

}  // namespace tandem::base
