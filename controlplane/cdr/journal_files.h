// The call record journal's files. The current one has the name that the site file says
// (cdr.jsonl); beside it stand those that are finished, named by the first and the last sequence
// number in them (cdr-000000000001-000000000345.jsonl), and how far records have been exported
// (cdr.exported). A file that is not exported as a whole is never deleted. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::cdr {

class JournalFiles {
 public:
  // Records first … last are in this file, as far as nobody has damaged it.
  struct Span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  // An open file for reading; fd −1: there is none. `last` of the current one is UINT64_MAX.
  struct Source {
    int fd = -1;
    std::uint64_t last = 0;
  };

  // `exported_max`: SERVER_CDR_FILE_WRITE_MAX.
  explicit JournalFiles(std::size_t exported_max) : exported_max_(exported_max) {}

  // Finds what is there; makes the folder and the current file where they are missing. Returns the
  // current file's descriptor, which is the caller's.
  base::Result<int> open(const std::string& path);
  // The current file, synced by its writer, gets its final name; a new one takes its place, whose
  // descriptor is returned. On failure nothing has changed. A kill at any point leaves each record
  // in one file.
  base::Result<int> finish(Span records);
  // Whoever reads has `from` … `to` in safety. Refused where records before `from` would be passed
  // over; what was exported before stays exported.
  base::Result<void> mark_exported(std::uint64_t from, std::uint64_t to);
  // The journal's last record, as its writer found it: a mark beyond it is of another journal.
  void distrust_mark_beyond(std::uint64_t last);

  // The file with record `sequence`, or with the next one that there is. The descriptor is the
  // caller's.
  Source open_at(std::uint64_t sequence) const;
  std::uint64_t last_finished() const;
  std::uint64_t exported() const { return exported_.load(std::memory_order_relaxed); }
  // Finished files beyond `exported_max` that stay since nobody has exported them.
  std::size_t unexported_beyond() const { return beyond_.load(std::memory_order_relaxed); }

 private:
  std::string path_of(Span records) const;
  std::string mark_path() const;
  void find_finished();
  base::Result<void> read_mark();
  base::Result<void> write_mark(std::uint64_t sequence);
  void prune();

  const std::size_t exported_max_;
  mutable std::mutex mutex_;  // names and the list are of one moment under it
  std::string path_;
  std::vector<Span> finished_;  // in order
  std::atomic<std::uint64_t> exported_{0};
  std::atomic<std::size_t> beyond_{0};
};

}  // namespace tandem::cdr
