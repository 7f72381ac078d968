// What became of the rows of a file that was imported. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::store {

// A row that was not taken.
struct RowFault {
  std::uint64_t line = 0;  // from 1
  std::string reason;
};

struct ImportReport {
  std::uint64_t added = 0;
  std::uint64_t changed = 0;
  std::uint64_t removed = 0;  // what the file took the place of
  std::uint64_t refused = 0;
  std::vector<RowFault> faults{};  // the first of the refused
  bool kept = false;               // else nothing of it was taken
};

}  // namespace tandem::store
