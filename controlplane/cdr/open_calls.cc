#include "controlplane/cdr/open_calls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "drivers/base/log.h"

namespace tandem::cdr {
namespace {

constexpr std::uint64_t kMagic = 0x31534c4c41434454;  // "TDCALLS1"
// Raised with each change of what lies in the file.
constexpr std::uint32_t kLayout = 3;
constexpr std::size_t kHeaderBytes = 4096;
// The file grows by so many slots at a time, half a megabyte.
constexpr std::uint32_t kChunk = 160;

}  // namespace

struct OpenCalls::Header {
  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t slot_bytes;
  std::atomic<std::int64_t> beat_ms;
  std::atomic<std::uint32_t> slots;  // that memory has been taken for
};

struct OpenCalls::Slot {
  // 0: free, else 1 + the index of the valid body.
  std::atomic<std::uint32_t> valid;
  std::uint32_t reserved1;
  std::atomic<std::uint64_t> sequence;
  std::byte reserved2[48];  // the rest of a cache line
  SlotBody bodies[2];
};

OpenCalls::Header& OpenCalls::header() const {
  return *std::launder(reinterpret_cast<Header*>(memory_));
}

OpenCalls::Slot& OpenCalls::at(std::uint32_t slot) const {
  // An odd number of cache lines, so that slots' heads don't meet in the same sets.
  static_assert(sizeof(Slot) % 128 == 64 && sizeof(Header) <= kHeaderBytes);
  return *std::launder(reinterpret_cast<Slot*>(memory_ + kHeaderBytes + (slot - 1) * sizeof(Slot)));
}

// The next call's slot was last used long ago, and freed on another core: until that call comes it
// is on its way here.
void OpenCalls::prefetch(const Slot& slot) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kTypical = 6 * kLine;  // of a body: a simple call's record
  __builtin_prefetch(&slot, 1);
  for (const SlotBody& body : slot.bodies) {
    const auto* at = reinterpret_cast<const char*>(&body);
    for (std::size_t i = 0; i < kTypical; i += kLine) __builtin_prefetch(at + i, 1);
  }
}

OpenCalls::~OpenCalls() {
  if (memory_ == nullptr) return;
  if (empty()) {
    unlink(path_.c_str());
  } else {
    LOG(kWarning, "cdr",
        "call records that no disk took are left in {}: the next start writes them", path_);
  }
  munmap(memory_, bytes_);
  close(fd_);
}

base::Result<void> OpenCalls::open(const std::string& path) {
  path_ = path;
  const auto fault = [&](const char* what) {
    return base::error(fmt::format("{} {}: {}", what, path, std::strerror(errno)));
  };
  for (bool again = true;;) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    struct stat found {};
    if (fd_ < 0 || fstat(fd_, &found) != 0) return fault("cannot open the memory of open calls");
    const auto ours = take_over(fd_, found.st_size);
    if (!ours) return base::error(ours.error_text());
    if (*ours) return {};
    close(fd_);
    const std::string aside = path + ".aside";
    if (!again || rename(path.c_str(), aside.c_str()) != 0) return fault("cannot put aside");
    again = false;
    LOG(kWarning, "cdr",
        "{} was left by another version: calls that were up then get no record; now {}", path,
        aside);
  }
}

// False: it isn't what this program has written.
base::Result<bool> OpenCalls::take_over(int fd, std::int64_t size) {
  const auto bytes_for = [](std::uint32_t slots) { return kHeaderBytes + slots * sizeof(Slot); };
  const auto bytes = static_cast<std::size_t>(size);
  if (bytes != 0) {
    Header former{};
    if (pread(fd, static_cast<void*>(&former), sizeof former, 0) != sizeof former) return false;
    // Killed before it had written anything.
    const bool blank = former.magic == 0 && former.slots.load() == 0;
    if (!blank && (former.magic != kMagic || former.layout != kLayout ||
                   former.slot_bytes != sizeof(Slot) || bytes < bytes_for(former.slots.load()))) {
      return false;
    }
    limit_ = std::max(limit_, former.slots.load());
  }
  bytes_ = bytes_for(limit_);
  void* memory = MAP_FAILED;
  if (ftruncate(fd, static_cast<off_t>(bytes_)) == 0 &&
      posix_fallocate(fd, 0, kHeaderBytes) == 0) {  // else a full tmpfs is a SIGBUS
    memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (memory == MAP_FAILED) {
    return base::error(fmt::format("cannot map {}: {}", path_, std::strerror(errno)));
  }
  memory_ = static_cast<std::byte*>(memory);
  Header& head = header();
  former_beat_ms_ = head.beat_ms.load(std::memory_order_relaxed);
  head.layout = kLayout;
  head.slot_bytes = sizeof(Slot);
  std::atomic_signal_fence(std::memory_order_release);
  head.magic = kMagic;
  free_.reserve(limit_);
  for (std::uint32_t slot = head.slots.load(std::memory_order_relaxed); slot > 0; --slot) {
    if (at(slot).valid.load(std::memory_order_relaxed) == 0) free_.push_back(slot);
  }
  return true;
}

void OpenCalls::each_left(const std::function<void(const Left&)>& visit) {
  const std::uint32_t slots = header().slots.load(std::memory_order_relaxed);
  for (std::uint32_t i = 1; i <= slots; ++i) {
    const Slot& slot = at(i);
    const std::uint32_t valid = slot.valid.load(std::memory_order_acquire);
    if (valid == 0) continue;
    Left left{.slot = i, .sequence = slot.sequence.load(std::memory_order_relaxed)};
    if (valid <= 2) {
      const SlotBody& body = slot.bodies[valid - 1];
      left.record = decode(body);
      left.finished = (body.flags & SlotBody::kFinished) != 0;
      left.cut = (body.flags & SlotBody::kCut) != 0;
    }
    visit(left);
  }
}

bool OpenCalls::find_room() {
  {
    const std::lock_guard lock(mutex_);
    free_.swap(returned_);
  }
  return !free_.empty() || grow();
}

bool OpenCalls::grow() {
  const std::uint32_t slots = header().slots.load(std::memory_order_relaxed);
  const std::uint32_t more = std::min(kChunk, limit_ - slots);
  const std::size_t begin = kHeaderBytes + slots * sizeof(Slot);
  const int fault = more == 0 ? ENOSPC
                              : posix_fallocate(fd_, static_cast<off_t>(begin),
                                                static_cast<off_t>(more * sizeof(Slot)));
  if (fault != 0) {
    if (!starved_) {
      LOG(kError, "cdr", "no memory for more open calls than {} in {}: {}; new calls are refused",
          slots, path_, std::strerror(fault));
    }
    starved_ = true;
    return false;
  }
  starved_ = false;
  header().slots.store(slots + more, std::memory_order_relaxed);
  for (std::uint32_t slot = slots + more; slot > slots; --slot) free_.push_back(slot);
  return true;
}

void OpenCalls::keep(std::uint32_t& slot, const CallRecord& record, bool finished) {
  if (slot == 0) {
    if (!room()) return;
    slot = free_.back();
    free_.pop_back();
    if (!free_.empty()) prefetch(at(free_.back()));
    at(slot).sequence.store(0, std::memory_order_relaxed);
  }
  Slot& kept = at(slot);
  const std::uint32_t other = kept.valid.load(std::memory_order_relaxed) == 1 ? 1 : 0;
  encode(record, finished, kept.bodies[other]);
  kept.valid.store(1 + other, std::memory_order_release);
}

// In the valid body: a number is there or it isn't.
void OpenCalls::add_ring(std::uint32_t slot, std::int64_t ring_ms) {
  if (slot == 0) return;
  Slot& kept = at(slot);
  SlotBody& body = kept.bodies[kept.valid.load(std::memory_order_relaxed) - 1];
  std::atomic_ref(body.ring_ms).store(ring_ms, std::memory_order_relaxed);
}

// Nobody looks at figures before their flag is there.
void OpenCalls::add_figures(std::uint32_t slot, const CallRecord& record) {
  if (slot == 0) return;
  Slot& kept = at(slot);
  SlotBody& body = kept.bodies[kept.valid.load(std::memory_order_relaxed) - 1];
  const std::uint8_t flags = encode_figures(record, body);
  std::atomic_ref(body.flags).store(body.flags | flags, std::memory_order_release);
}

void OpenCalls::numbered(std::uint32_t slot, std::uint64_t sequence) {
  at(slot).sequence.store(sequence, std::memory_order_relaxed);
}

void OpenCalls::free(std::uint32_t slot) {
  at(slot).valid.store(0, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  returned_.push_back(slot);
}

void OpenCalls::beat(std::int64_t wall_ms) {
  header().beat_ms.store(wall_ms, std::memory_order_relaxed);
}

bool OpenCalls::empty() const {
  const std::uint32_t slots = header().slots.load(std::memory_order_relaxed);
  for (std::uint32_t slot = 1; slot <= slots; ++slot) {
    if (at(slot).valid.load(std::memory_order_relaxed) != 0) return false;
  }
  return true;
}

}  // namespace tandem::cdr
