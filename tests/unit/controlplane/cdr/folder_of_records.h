// A journal in a folder of the test's own, and what its files hold.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/cdr/journal.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::test {

inline cdr::CallRecord call_record(const std::string& call) {
  cdr::CallRecord out;
  out.call = call;
  return out;
}

class FolderOfRecords {
 public:
  // Names of the files there, sorted, without the folder.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path("cdr"))) {
      out.push_back(entry.path().filename().string());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  // A file's records as "sequence call"; each line must be a whole JSON object.
  std::vector<std::string> lines(const std::string& name = "j.jsonl") const {
    std::vector<std::string> out;
    std::istringstream in(folder.read("cdr/" + name));
    for (std::string line; std::getline(in, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(json.is_object()) << line;
      if (!json.is_object()) continue;
      out.push_back(std::to_string(json["sequence"].get<std::uint64_t>()) + " " +
                    json["call"].get<std::string>());
    }
    return out;
  }
  // Of all files.
  std::vector<std::string> all_lines() const {
    std::vector<std::string> out;
    for (const auto& name : names()) {  // cdr names sort by their first number, j.jsonl is last
      if (!name.ends_with(".jsonl")) continue;
      for (auto& line : lines(name)) out.push_back(std::move(line));
    }
    return out;
  }
  static void await(const std::function<bool()>& done) {
    const auto deadline = base::monotonic_now() + base::Seconds{60};
    while (!done()) {
      ASSERT_LT(base::monotonic_now(), deadline);
      std::this_thread::yield();
    }
  }

  TempFolder folder;
  const std::string path = folder.path("cdr/j.jsonl");  // its folder is made by the journal
};

}  // namespace tandem::test
