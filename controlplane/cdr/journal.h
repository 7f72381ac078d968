// The call record journal: JSON lines, each on disk (fsync) before it leaves the queue. Its own
// writer thread, which syncs all that gathered while the last sync ran, and finishes a file when
// its time is over (journal_files.h). Records are never dropped: when the disk fails they wait, and
// new calls are refused once the queue is full (room()).
//
// append(), room(), written(), last() and files() from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "controlplane/cdr/journal_files.h"
#include "controlplane/cdr/open_calls.h"
#include "controlplane/cdr/record.h"
#include "drivers/base/result.h"

namespace tandem::cdr {

class Journal {
 public:
  struct Rotation {
    base::Nanos interval = base::Seconds{60};  // SERVER_CDR_FILE_WRITE_INTERVAL
    std::size_t exported_max = 2048;           // SERVER_CDR_FILE_WRITE_MAX
  };

  Journal(std::size_t pending_max, base::Millis precision)
      : Journal(pending_max, precision, Rotation()) {}
  Journal(std::size_t pending_max, base::Millis precision, const Rotation& rotation);
  ~Journal();  // stop()
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Opens or creates the current file, goes on behind the last sequence number, starts the writer.
  // A last line that a crash cut off is cut away (and said in the log).
  base::Result<void> open(const std::string& path);
  // Writes out what waits (tries a failing disk once more) and joins the writer.
  void stop();

  // `kept`: where the record is safe from our death until it is on disk; freed then.
  void append(CallRecord record, Kept kept = {});
  // SERVER_MAX_CDR_PENDING_LIST_LENGTH isn't reached.
  bool room() const { return pending_.load(std::memory_order_relaxed) < pending_max_; }
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  // The sequence number of the last record on disk; 0: there is none.
  std::uint64_t last() const { return last_.load(std::memory_order_acquire); }
  std::uint64_t rotations() const { return rotations_.load(std::memory_order_relaxed); }
  JournalFiles& files() { return files_; }
  const JournalFiles& files() const { return files_; }

 private:
  struct Waiting {
    CallRecord record;
    Kept kept;
  };

  base::Result<void> recover(const std::string& path);
  void live();
  // Waits until there are records, or we stop; finishes files meanwhile.
  void wait_for_records(std::unique_lock<std::mutex>& lock);
  // Takes out what is on disk; stops at the first failure and returns its errno, else 0.
  int write_batch(std::deque<Waiting>& batch);
  // All of it on disk, or false with the file as it was.
  bool write_out(const std::string& lines);
  void rotate();

  const std::size_t pending_max_;
  const base::Millis precision_;
  const base::Nanos interval_;
  JournalFiles files_;
  int fd_ = -1;
  std::int64_t file_bytes_ = 0;  // known good
  std::uint64_t first_ = 0;      // of the first record in the file; means nothing in an empty one
  std::uint64_t sequence_ = 0;   // of the last record
  base::Nanos rotate_at_{};      // means nothing while the file is empty
  std::atomic<std::uint64_t> last_{0};
  std::atomic<std::uint64_t> rotations_{0};
  std::atomic<std::size_t> pending_{0};
  std::atomic<std::uint64_t> written_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace tandem::cdr
