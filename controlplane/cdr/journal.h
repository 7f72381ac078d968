// The call record journal: JSON lines, each on disk (fsync) before it leaves the queue. Its own
// writer thread, which syncs all that gathered while the last sync ran. Records are never dropped:
// when the disk fails they wait, and new calls are refused once the queue is full (room()).
//
// append(), room() and written() from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "controlplane/cdr/record.h"
#include "drivers/base/result.h"

namespace tandem::cdr {

class Journal {
 public:
  Journal(std::size_t pending_max, base::Millis precision);
  ~Journal();  // stop()
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Opens or creates the file, goes on behind its last sequence number, starts the writer. A last
  // line that a crash cut off is cut away (and said in the log).
  base::Result<void> open(const std::string& path);
  // Writes out what waits (tries a failing disk once more) and joins the writer.
  void stop();

  void append(CallRecord record);
  // SERVER_MAX_CDR_PENDING_LIST_LENGTH isn't reached.
  bool room() const { return pending_.load(std::memory_order_relaxed) < pending_max_; }
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }

 private:
  base::Result<void> recover(const std::string& path);
  void live();
  // Takes out what is on disk; stops at the first failure and returns its errno, else 0.
  int write_batch(std::deque<CallRecord>& batch);
  // All of it on disk, or false with the file as it was.
  bool write_out(const std::string& lines);

  const std::size_t pending_max_;
  const base::Millis precision_;
  int fd_ = -1;
  std::int64_t file_bytes_ = 0;  // known good
  std::uint64_t sequence_ = 0;   // of the last record in the file
  std::atomic<std::size_t> pending_{0};
  std::atomic<std::uint64_t> written_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<CallRecord> queue_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace tandem::cdr
