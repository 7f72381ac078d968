// The shared memory of the two processes: a header, each worker's counters and record, the
// channels, a FlowRecord for every media port, and the sounds that can be played. A file under
// /dev/shm, made by whichever process comes first (under a file lock), compared by the other:
// magic, version, layout, plan.
//
// Life: the segment outlives a crash of either side. A process that ends cleanly while the other
// isn't there removes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "drivers/base/clock.h"
#include "drivers/base/result.h"
#include "drivers/base/snapshot.h"
#include "drivers/wire/channel.h"
#include "drivers/wire/counters.h"
#include "drivers/wire/plan.h"
#include "drivers/wire/sound_bank.h"

namespace tandem::wire {

inline constexpr std::uint64_t kSegmentMagic = 0x314d45444e4154ull;  // "TANDEM1"
inline constexpr std::uint32_t kSegmentVersion = 5;

enum class Side : std::uint8_t { kDataplane, kControlplane };

// One process' presence; written by that process only.
struct alignas(64) Presence {
  std::atomic<std::uint32_t> pid;          // 0: ended cleanly
  std::atomic<std::uint32_t> generation;   // grows at each start, set when it is ready to talk
  std::atomic<std::int64_t> heartbeat_ns;  // base::monotonic_now(), at least each 100 ms
};

struct SegmentHeader {
  std::atomic<std::uint64_t> magic;  // written last by the creator
  std::uint32_t version;
  std::uint32_t reserved;
  std::uint64_t layout_hash;
  std::uint64_t total_bytes;
  CorridorPlan plan;
  Presence dataplane;
  Presence controlplane;
};

struct WorkerPage {
  CounterBlock counters;                // worker writes
  base::Snapshot<WorkerRecord> record;  // worker writes
};

class Segment {
 public:
  // Creates or joins /dev/shm/NAME. Fails with a sentence that says what to do when the segment is
  // of another version, layout or plan, or when this side is already running.
  static base::Result<Segment> open(const std::string& name, const CorridorPlan& plan, Side side);
  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&&) = delete;
  // Unmaps. Leaves presence as it is: call leave() for a clean end.
  ~Segment();

  // Our end is ready: raises our generation, which the other side watches. Returns it.
  std::uint32_t announce();
  void beat(base::Nanos now);
  // Clean end: our pid is taken out; the file is removed when the other side isn't running.
  void leave();

  std::uint32_t generation_of(Side side) const;
  // Running and its heart beat within the last `within`.
  bool alive(Side side, base::Nanos now, base::Nanos within = base::Seconds{2}) const;

  const CorridorPlan& plan() const { return plan_; }  // our own copy: the peer can't change it
  WorkerPage& worker_page(std::uint32_t worker) const;
  std::byte* channel(std::uint32_t worker, std::uint32_t shard) const;
  base::Snapshot<FlowRecord>& flow_record(FlowKey key) const;
  SoundBank& sounds() const;

 private:
  Segment() = default;
  Presence& presence(Side side) const;
  SegmentHeader* header() const { return reinterpret_cast<SegmentHeader*>(memory_); }

  std::string path_;
  CorridorPlan plan_;
  Side side_ = Side::kDataplane;
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint64_t inode_ = 0;  // of the file that we mapped
};

}  // namespace tandem::wire
