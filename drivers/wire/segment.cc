#include "drivers/wire/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <rte_version.h>

namespace tandem::wire {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPortsPerAddress = 65536;

constexpr std::size_t page_up(std::size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

constexpr std::size_t kHeaderBytes = page_up(sizeof(SegmentHeader));
constexpr std::size_t kWorkerPageBytes = page_up(sizeof(WorkerPage));
constexpr std::size_t kChannelStride = page_up(kChannelBytes);
constexpr std::size_t kFlowAreaBytes =
    page_up(sizeof(base::Snapshot<FlowRecord>) * kPortsPerAddress);

constexpr std::size_t kSoundBytes = page_up(sizeof(SoundBank));

// Where the sounds lie: behind everything else.
std::size_t sounds_at(const CorridorPlan& plan) {
  return kHeaderBytes + plan.workers * kWorkerPageBytes +
         plan.workers * plan.shards * kChannelStride + plan.address_count * kFlowAreaBytes;
}

std::size_t segment_bytes(const CorridorPlan& plan) { return sounds_at(plan) + kSoundBytes; }

// Anything whose change would make two builds misread each other.
constexpr std::uint64_t layout_hash() {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  const std::uint64_t parts[] = {
      sizeof(SegmentHeader), sizeof(WorkerPage),    kCounterCount,      sizeof(Command),
      sizeof(Event),         sizeof(FlowRecord),    sizeof(rte_ring),   RTE_VERSION,
      CommandRing::kBytes,   EventRing::kBytes,     ByteRing::kBytes,   sizeof(DatagramHead),
      sizeof(OpenFlow),      sizeof(SetPayloadKey), sizeof(FlowClosed), kChannelStride,
      kFlowAreaBytes,        kSoundBytes,           sizeof(Play)};
  for (const auto part : parts) hash = (hash ^ part) * 0x100000001b3ull;
  return hash;
}

// A side holds a lock on its own byte of the file for as long as it has the segment mapped. The
// kernel lets go of it when the process ends, however it ends: no process id can mislead.
struct flock byte_of(Side side) {
  struct flock byte {};
  byte.l_type = F_WRLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = static_cast<off_t>(side);
  byte.l_len = 1;
  return byte;
}

bool take_side(int fd, Side side) {
  struct flock byte = byte_of(side);
  return fcntl(fd, F_OFD_SETLK, &byte) == 0;
}

bool side_taken(int fd, Side side) {
  struct flock byte = byte_of(side);
  return fcntl(fd, F_OFD_GETLK, &byte) == 0 && byte.l_type != F_UNLCK;
}

std::string fault_of(const char* what, const std::string& path) {
  return fmt::format("{} {}: {}", what, path, std::strerror(errno));
}

// Gives the lock back and closes the descriptor. Closing alone wouldn't: a mapping made from it
// keeps the open file, and with it the lock, alive.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd < 0) return;
    flock(fd, LOCK_UN);
    close(fd);
  }
};

const char* word(Side side) {
  return side == Side::kDataplane ? "tandem-dataplane" : "tandem-controlplane";
}

// The file that `path` names, locked; a file that its last user removed between our open and our
// lock is let go of and the new one taken.
base::Result<void> open_locked(const std::string& path, int flags, Descriptor& file) {
  for (;;) {
    file.fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
    if (file.fd < 0) return base::error(fault_of("cannot open segment", path));
    if (flock(file.fd, LOCK_EX) != 0) return base::error(fault_of("cannot lock segment", path));
    struct stat ours {};
    struct stat named {};
    if (fstat(file.fd, &ours) == 0 && stat(path.c_str(), &named) == 0 &&
        ours.st_ino == named.st_ino) {
      return {};
    }
    close(std::exchange(file.fd, -1));
  }
}

}  // namespace

base::Result<Segment> Segment::open(const std::string& name, const CorridorPlan& plan, Side side) {
  Segment segment;
  segment.path_ = "/dev/shm/" + name;
  segment.plan_ = plan;
  segment.side_ = side;
  segment.bytes_ = segment_bytes(plan);
  Descriptor file;
  if (auto locked = open_locked(segment.path_, O_CREAT, file); !locked) {
    return std::move(locked).take_error();
  }
  struct stat found {};
  if (fstat(file.fd, &found) != 0) return base::error(fault_of("cannot stat", segment.path_));
  segment.inode_ = found.st_ino;
  const auto size = static_cast<std::size_t>(found.st_size);
  // A creator that died before it wrote the magic leaves a file that counts as empty.
  std::uint64_t magic = 0;
  if (size >= sizeof magic && pread(file.fd, &magic, sizeof magic, 0) != sizeof magic) magic = 0;
  const bool fresh = magic == 0;
  if (fresh) {
    if (ftruncate(file.fd, 0) != 0 || ftruncate(file.fd, static_cast<off_t>(segment.bytes_)) != 0) {
      return base::error(fault_of("cannot size segment", segment.path_));
    }
    // Take the memory now: a full /dev/shm must fail here and not kill a worker later.
    if (const int fault = posix_fallocate(file.fd, 0, static_cast<off_t>(segment.bytes_))) {
      unlink(segment.path_.c_str());
      return base::error(fmt::format("segment {} needs {} MiB of /dev/shm: {}", segment.path_,
                                     segment.bytes_ >> 20, std::strerror(fault)));
    }
  } else {
    const auto refuse = [&](const std::string& why) {
      return base::error(
          fmt::format("segment {} {}; stop both processes, remove the file and start again",
                      segment.path_, why));
    };
    if (magic != kSegmentMagic) return refuse("is not a Tandem corridor");
    SegmentHeader* probe =
        static_cast<SegmentHeader*>(mmap(nullptr, kHeaderBytes, PROT_READ, MAP_SHARED, file.fd, 0));
    if (size < kHeaderBytes || probe == MAP_FAILED) return refuse("is too short");
    const auto version = probe->version;
    const auto hash = probe->layout_hash;
    const auto total = probe->total_bytes;
    const auto made_for = probe->plan;
    munmap(probe, kHeaderBytes);
    if (version != kSegmentVersion) {
      return refuse(
          fmt::format("has version {}, this program speaks {}", version, kSegmentVersion));
    }
    if (hash != layout_hash()) return refuse("was laid out by another build");
    if (made_for != plan) {
      return refuse(fmt::format("was made for {{{}}}, this configuration says {{{}}}",
                                made_for.text(), plan.text()));
    }
    if (total != segment.bytes_ || size != segment.bytes_) return refuse("has another size");
  }
  void* at =
      mmap(nullptr, segment.bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.fd, 0);
  if (at == MAP_FAILED) return base::error(fault_of("cannot map segment", segment.path_));
  segment.memory_ = static_cast<std::byte*>(at);
  SegmentHeader& header = *segment.header();
  if (fresh) {
    header.version = kSegmentVersion;
    header.layout_hash = layout_hash();
    header.total_bytes = segment.bytes_;
    header.plan = plan;
    for (std::uint32_t w = 0; w < plan.workers; ++w) {
      for (std::uint32_t s = 0; s < plan.shards; ++s) format_channel(segment.channel(w, s));
    }
    header.magic.store(kSegmentMagic, std::memory_order_release);
  }
  Presence& self = segment.presence(side);
  if (!take_side(file.fd, side)) {
    return base::error(fmt::format("{} already runs on segment {} (pid {})", word(side),
                                   segment.path_, self.pid.load(std::memory_order_acquire)));
  }
  self.pid.store(static_cast<std::uint32_t>(getpid()), std::memory_order_release);
  return segment;
}

Segment::Segment(Segment&& other) noexcept
    : path_(std::move(other.path_)),
      plan_(other.plan_),
      side_(other.side_),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(other.bytes_),
      inode_(other.inode_) {}

Segment::~Segment() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

std::uint32_t Segment::announce() {
  return presence(side_).generation.fetch_add(1, std::memory_order_acq_rel) + 1;
}

void Segment::beat(base::Nanos now) {
  presence(side_).heartbeat_ns.store(now.count(), std::memory_order_release);
}

void Segment::leave() {
  Descriptor file;
  const bool locked = open_locked(path_, 0, file).ok();
  presence(side_).pid.store(0, std::memory_order_release);
  const Side other = side_ == Side::kDataplane ? Side::kControlplane : Side::kDataplane;
  struct stat named {};
  // Someone else's newer file of the same name is not ours to remove.
  const bool ours = locked && fstat(file.fd, &named) == 0 && named.st_ino == inode_;
  if (ours && !side_taken(file.fd, other)) unlink(path_.c_str());
}

Presence& Segment::presence(Side side) const {
  return side == Side::kDataplane ? header()->dataplane : header()->controlplane;
}

std::uint32_t Segment::generation_of(Side side) const {
  return presence(side).generation.load(std::memory_order_acquire);
}

bool Segment::alive(Side side, base::Nanos now, base::Nanos within) const {
  const Presence& p = presence(side);
  return p.pid.load(std::memory_order_acquire) != 0 &&
         now.count() - p.heartbeat_ns.load(std::memory_order_acquire) < within.count();
}

WorkerPage& Segment::worker_page(std::uint32_t worker) const {
  CHECK(worker < plan_.workers);
  return *reinterpret_cast<WorkerPage*>(memory_ + kHeaderBytes + worker * kWorkerPageBytes);
}

std::byte* Segment::channel(std::uint32_t worker, std::uint32_t shard) const {
  CHECK(worker < plan_.workers && shard < plan_.shards);
  return memory_ + kHeaderBytes + plan_.workers * kWorkerPageBytes +
         (worker * plan_.shards + shard) * kChannelStride;
}

base::Snapshot<FlowRecord>& Segment::flow_record(FlowKey key) const {
  CHECK(key.address < plan_.address_count);
  auto* area = memory_ + kHeaderBytes + plan_.workers * kWorkerPageBytes +
               plan_.workers * plan_.shards * kChannelStride + key.address * kFlowAreaBytes;
  return reinterpret_cast<base::Snapshot<FlowRecord>*>(area)[key.port];
}

SoundBank& Segment::sounds() const {
  return *reinterpret_cast<SoundBank*>(memory_ + sounds_at(plan_));
}

}  // namespace tandem::wire
