// What benches of many like things are asked for: "quick" for the tests, a number, or nothing for a
// million; and where their files go.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace tandem::perf {

// 0: none of these.
inline int asked_count(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "1000000";
  return first == "quick" ? 2000 : std::max(0, std::atoi(first.c_str()));
}

// A new folder of this process's: in the one that is asked for, or where such things go.
inline std::filesystem::path asked_folder(int argc, char** argv, std::string_view bench) {
  auto folder = argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
  folder /= "tandem-" + std::string(bench) + "-" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace tandem::perf
