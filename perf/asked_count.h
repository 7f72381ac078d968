// What benches of many like things are asked for: "quick" for the tests, a number, or nothing for a
// million.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>

namespace tandem::perf {

// 0: none of these.
inline int asked_count(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "1000000";
  return first == "quick" ? 2000 : std::max(0, std::atoi(first.c_str()));
}

}  // namespace tandem::perf
