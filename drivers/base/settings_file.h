// Reads a TOML file and collects every fault in it, each with file, line and key, so that an
// operator mends them all in one go. Wraps toml++ (whose exceptions stop here). At start only.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::base {

// "FILE:LINE: [table] key: what is wrong"
using Faults = std::vector<std::string>;

// One table of the file, or words (NAME=VALUE) that came otherwise. Each getter marks its key as
// known and notes a fault when the value has the wrong type or leaves its range; the fallback is
// returned then.
class SettingsTable {
 public:
  SettingsTable(const toml::table& table, std::string name, std::string path, Faults& faults)
      : table_(&table), name_(std::move(name)), path_(std::move(path)), faults_(&faults) {}
  // Of words every value is a text: numbers and flags are read from it, and lists' items are parted
  // by commas.
  static SettingsTable of_words(const toml::table& table, Faults& faults) {
    SettingsTable out(table, "", "", faults);
    out.words_ = true;
    return out;
  }

  bool has(std::string_view key) const { return table_->contains(key); }
  std::string text(std::string_view key, std::string_view fallback);
  std::string required_text(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                       std::int64_t most);
  bool flag(std::string_view key, bool fallback);
  std::vector<std::string> texts(std::string_view key);  // a text or a list of texts
  std::vector<std::int64_t> integers(std::string_view key, std::int64_t least, std::int64_t most);
  std::vector<SettingsTable> tables(std::string_view key);  // [[key]]
  SettingsTable table(std::string_view key);                // [key]; empty when it isn't there
  // Every key of this table with its value as text, for tables whose keys are names; a list's texts
  // parted by commas.
  std::vector<std::pair<std::string, std::string>> pairs();

  void fault(std::string_view key, std::string_view sentence);
  // Keys that no getter asked for are spelling mistakes: a fault each.
  void refuse_unknown();

 private:
  const toml::node* find(std::string_view key);

  const toml::table* table_;
  std::string name_;
  std::string path_;
  Faults* faults_;
  bool words_ = false;
  std::set<std::string, std::less<>> known_;
};

class SettingsFile {
 public:
  static Result<SettingsFile> read(const std::string& path);
  static SettingsFile of_words(const std::vector<std::pair<std::string, std::string>>& words);

  SettingsTable root() {
    return words_ ? SettingsTable::of_words(*table_, *faults_)
                  : SettingsTable(*table_, "", path_, *faults_);
  }
  Faults& faults() { return *faults_; }
  // All faults in one text, or ok.
  Result<void> verdict() const;

 private:
  std::string path_;
  bool words_ = false;
  std::shared_ptr<toml::table> table_;
  std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

}  // namespace tandem::base
