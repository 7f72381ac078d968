// The records of a shard's calls while they are up and until they are on disk, in memory that
// outlives the process: slots in a file on tmpfs, mapped. A shard's thread writes them by plain
// stores, as calls begin, are answered and end; the record writer frees a slot once the journal has
// its record. After a kill -9 the next life finds there what the former one was about to write.
//
// What this survives is the process's death at any instruction, not the machine's. A file on a disk
// would not do: the system write-protects its pages each time it has written them out, and the next
// store waits in the kernel for the file system, which is busy with the journal's syncs.
//
// A slot holds two bodies; one word says which one is valid, and changes last. Owner: the shard's
// thread; numbered() and free() are the record writer's, beat() is main's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/cdr/record.h"
#include "controlplane/cdr/slot_code.h"
#include "drivers/base/result.h"

namespace tandem::cdr {

class OpenCalls {
 public:
  // A shard's calls (50,000), and the ended ones whose records a failing disk doesn't take.
  static constexpr std::uint32_t kSlotsMax = 150'000;

  explicit OpenCalls(std::uint32_t slots_max = kSlotsMax) : limit_(slots_max) {}
  // Takes the file away, unless records are left in it that never came to the disk.
  ~OpenCalls();
  OpenCalls(const OpenCalls&) = delete;
  OpenCalls& operator=(const OpenCalls&) = delete;

  // Maps the file of a former life, or a new one. A file of another layout, or none of ours, is
  // renamed to PATH.aside, and the log says so.
  base::Result<void> open(const std::string& path);

  // What a former life left. `record` none: the slot's bytes make no sense. Before the shard's
  // thread lives; calls may be kept and slots freed meanwhile.
  struct Left {
    std::uint32_t slot = 0;
    std::uint64_t sequence = 0;  // under which it may have been written; 0: not yet
    bool finished = false;
    bool cut = false;  // shortened
    std::optional<CallRecord> record{};
  };
  void each_left(const std::function<void(const Left&)>& visit);
  // The last moment that the former life is known to have lived in, milliseconds since 1970; 0:
  // there was none.
  std::int64_t last_beat_ms() const { return former_beat_ms_; }

  // There is a slot for one more. False: memory for slots is used up.
  bool room() { return !free_.empty() || find_room(); }
  // Keeps the record as it stands, in `slot`, or in a new one where that is 0 (it stays 0 when
  // there is none).
  void keep(std::uint32_t& slot, const CallRecord& record, bool finished);
  // Cheaper, where nothing else is new: it rings; its media figures are in.
  void add_ring(std::uint32_t slot, std::int64_t ring_ms);
  void add_figures(std::uint32_t slot, const CallRecord& record);

  // Any thread but the shard's: the record is being written under this number; it is on disk.
  void numbered(std::uint32_t slot, std::uint64_t sequence);
  void free(std::uint32_t slot);

  void beat(std::int64_t wall_ms);

 private:
  struct Header;
  struct Slot;

  Header& header() const;
  Slot& at(std::uint32_t slot) const;  // 1 … limit_
  static void prefetch(const Slot& slot);
  bool find_room();
  bool grow();
  base::Result<bool> take_over(int fd, std::int64_t size);
  bool empty() const;

  std::uint32_t limit_;
  std::string path_;
  int fd_ = -1;
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::int64_t former_beat_ms_ = 0;
  bool starved_ = false;             // said in the log
  std::vector<std::uint32_t> free_;  // the shard's
  std::mutex mutex_;
  std::vector<std::uint32_t> returned_;  // by the record writer, until the shard needs them
};

// Where a record that waits in the journal's queue is kept meanwhile.
struct Kept {
  OpenCalls* keeper = nullptr;
  std::uint32_t slot = 0;

  void numbered(std::uint64_t sequence) const {
    if (slot != 0) keeper->numbered(slot, sequence);
  }
  void free() const {
    if (slot != 0) keeper->free(slot);
  }
};

}  // namespace tandem::cdr
