// Reads records of the journal by their sequence numbers, page by page, while its writer goes on.
// Any thread; waits for the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/cdr/journal_files.h"

namespace tandem::cdr {

struct PageOrder {
  std::uint64_t from = 1;
  std::uint64_t last = 0;  // not beyond it: what is behind it may not be on disk yet
  std::size_t records = 500;
  std::size_t octets = 4 << 20;  // one record may be more
};

struct Page {
  std::vector<std::string> lines;  // JSON, without line ends, in order
  std::uint64_t next = 0;          // to go on with; above PageOrder::last: that was all
};

// Of one file at a time: a page may be empty and yet not the end. Numbers that are missing (a file
// was taken away, or a line of it damaged) are passed over.
Page read_page(const JournalFiles& files, const PageOrder& order);

// The number that a line of the journal begins with; none: it's no whole record.
std::optional<std::uint64_t> sequence_of(std::string_view line);

}  // namespace tandem::cdr
