#include "controlplane/cdr/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "drivers/base/log.h"

namespace tandem::cdr {
namespace {

constexpr std::int64_t kWindowBytes = 1 << 20;
constexpr std::string_view kRecordBegins = "{\"sequence\":";
constexpr std::size_t kRecordsPerSync = 4096;
// A sync costs the same for one record as for many, and more than a whole call: the next one begins
// no sooner than this after the last. A record that comes alone is on its way to the disk at once.
constexpr base::Nanos kGather = base::Millis{50};

// The end of the file, at least from the beginning of its last whole line on (the file may be all).
std::string read_tail(int fd, std::int64_t size) {
  std::string tail;
  for (std::int64_t window = kWindowBytes;; window *= 2) {
    const std::int64_t from = std::max<std::int64_t>(0, size - window);
    tail.assign(static_cast<std::size_t>(size - from), '\0');
    std::size_t have = 0;
    while (have < tail.size()) {
      const ssize_t got = pread(fd, tail.data() + have, tail.size() - have,
                                static_cast<off_t>(from) + static_cast<off_t>(have));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    tail.resize(have);
    const auto last = tail.rfind('\n');
    const bool whole =
        last != std::string::npos && last != 0 && tail.rfind('\n', last - 1) != std::string::npos;
    if (from == 0 || whole) return tail;
  }
}

struct FirstRecord {
  std::uint64_t sequence = 0;  // 0: the first line is no record
  std::int64_t end_ms = 0;
};

FirstRecord first_record(int fd) {
  std::string begin(kWindowBytes, '\0');
  const ssize_t got = pread(fd, begin.data(), begin.size(), 0);
  begin.resize(std::min(begin.find('\n'), got > 0 ? static_cast<std::size_t>(got) : 0));
  const auto json = nlohmann::json::parse(begin, nullptr, false);
  if (!json.is_object() || !json.contains("sequence") || !json["sequence"].is_number_unsigned()) {
    return {};
  }
  const auto end = json.find("end_ms");
  const bool ended = end != json.end() && end->is_number_integer();
  return {json["sequence"].get<std::uint64_t>(), ended ? end->get<std::int64_t>() : 0};
}

}  // namespace

Journal::Journal(std::size_t pending_max, base::Millis precision, const Rotation& rotation)
    : pending_max_(pending_max),
      precision_(precision),
      interval_(rotation.interval),
      files_(rotation.exported_max) {}

Journal::~Journal() { stop(); }

base::Result<void> Journal::open(const std::string& path) {
  auto opened = files_.open(path);
  if (!opened) return std::move(opened).take_error();
  fd_ = *opened;
  rotate_at_ = base::monotonic_now() + interval_;
  if (auto recovered = recover(path); !recovered) return recovered;
  files_.distrust_mark_beyond(sequence_);
  last_.store(sequence_, std::memory_order_release);
  writer_ = std::thread([this] { live(); });
  pthread_setname_np(writer_.native_handle(), "cdr-writer");
  return {};
}

base::Result<void> Journal::recover(const std::string& path) {
  struct stat found {};
  if (fstat(fd_, &found) != 0) return base::error(path + ": " + std::strerror(errno));
  file_bytes_ = found.st_size;
  sequence_ = files_.last_finished();
  if (file_bytes_ == 0) return {};
  const std::string tail = read_tail(fd_, file_bytes_);
  const auto last = tail.rfind('\n');
  const auto whole = last == std::string::npos ? 0 : last + 1;  // bytes in whole lines
  const std::string_view torn = std::string_view(tail).substr(whole);
  if (whole != 0) {
    const auto before = last == 0 ? std::string::npos : tail.rfind('\n', last - 1);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    const auto json = nlohmann::json::parse(tail.substr(begin, last - begin), nullptr, false);
    if (!json.is_object() || !json.contains("sequence") || !json["sequence"].is_number_unsigned()) {
      return base::error(path + ": its last line is no call record; move the file away");
    }
    const FirstRecord first = first_record(fd_);
    first_ = first.sequence;
    // Lives shorter than the interval must not make a file that never ends.
    const base::Nanos age = base::Millis{base::wall_ms_now() - first.end_ms};
    if (first.end_ms != 0) rotate_at_ -= std::clamp(age, base::Nanos{}, interval_);
    const auto number = json["sequence"].get<std::uint64_t>();
    if (first_ <= sequence_ || number < first_) {
      return base::error(
          fmt::format("{}: its numbers {} to {} don't go on behind {}, the last one "
                      "of the finished files; move the file away",
                      path, first_, number, sequence_));
    }
    sequence_ = number;
  } else if (!torn.starts_with(kRecordBegins.substr(0, torn.size()))) {
    return base::error(path + ": this is no call record journal; move the file away");
  }
  if (torn.empty()) return {};
  const auto shown = nlohmann::json(torn.substr(0, 200))
                         .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  LOG(kWarning, "cdr", "{}: the last line was cut off by a crash; {} bytes taken away: {}", path,
      torn.size(), shown);
  file_bytes_ -= static_cast<std::int64_t>(torn.size());
  if (ftruncate(fd_, file_bytes_) != 0) return base::error(path + ": " + std::strerror(errno));
  return {};
}

void Journal::append(CallRecord record, Kept kept) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = queue_.empty();
    queue_.push_back({std::move(record), kept});
  }
  if (first) wake_.notify_one();  // the writer comes for the others by itself
}

void Journal::stop() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
  close(fd_);
  fd_ = -1;
}

void Journal::live() {
  std::unique_lock lock(mutex_);
  base::Nanos next_sync{};
  for (;;) {
    wait_for_records(lock);
    if (queue_.empty()) return;  // stopping
    wake_.wait_for(lock, next_sync - base::monotonic_now(), [this] { return stopping_; });
    next_sync = base::monotonic_now() + kGather;
    // Taken out of the queue first: nobody's append() waits for the formatting or the disk.
    std::deque<Waiting> batch;
    batch.swap(queue_);
    lock.unlock();
    const int fault = write_batch(batch);
    lock.lock();
    if (fault == 0) continue;
    LOG(kError, "cdr", "{} call records wait: the journal can't be written: {}",
        pending_.load(std::memory_order_relaxed), std::strerror(fault));
    for (; !batch.empty(); batch.pop_back()) queue_.push_front(std::move(batch.back()));
    if (stopping_) return;
    wake_.wait_for(lock, base::Seconds{1}, [this] { return stopping_; });
  }
}

void Journal::wait_for_records(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return stopping_ || !queue_.empty(); };
  for (;;) {
    if (file_bytes_ == 0) {
      wake_.wait(lock, ready);
      return;
    }
    if (wake_.wait_for(lock, rotate_at_ - base::monotonic_now(), ready)) return;
    lock.unlock();
    rotate();
    lock.lock();
  }
}

int Journal::write_batch(std::deque<Waiting>& batch) {
  while (!batch.empty()) {
    const std::size_t count = std::min(batch.size(), kRecordsPerSync);
    std::string lines;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t number = sequence_ + i + 1;
      lines += to_json(batch[i].record, number, precision_) + "\n";
      batch[i].kept.numbered(number);  // before a byte of it can be in the file
    }
    if (file_bytes_ == 0) {
      first_ = sequence_ + 1;
      rotate_at_ = base::monotonic_now() + interval_;
    }
    if (!write_out(lines)) return errno != 0 ? errno : EIO;
    sequence_ += count;
    last_.store(sequence_, std::memory_order_release);
    for (std::size_t i = 0; i < count; ++i) batch[i].kept.free();
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
    pending_.fetch_sub(count, std::memory_order_relaxed);
    written_.fetch_add(count, std::memory_order_relaxed);
    if (base::monotonic_now() >= rotate_at_) rotate();
  }
  return 0;
}

// The file's time is over: its numbers become its name.
void Journal::rotate() {
  const auto next = files_.finish({first_, sequence_});
  if (!next) {
    LOG(kError, "cdr", "the journal goes on in the same file: {}", next.error_text());
    rotate_at_ = base::monotonic_now() + interval_;
    return;
  }
  close(fd_);
  fd_ = *next;
  file_bytes_ = 0;
  rotations_.fetch_add(1, std::memory_order_relaxed);
}

bool Journal::write_out(const std::string& lines) {
  errno = 0;
  std::size_t done = 0;
  while (done < lines.size()) {
    const ssize_t wrote = pwrite(fd_, lines.data() + done, lines.size() - done,
                                 file_bytes_ + static_cast<std::int64_t>(done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) break;
    done += static_cast<std::size_t>(wrote);
  }
  if (done == lines.size() && fsync(fd_) == 0) {
    file_bytes_ += static_cast<std::int64_t>(lines.size());
    return true;
  }
  const int fault = errno;
  // No half record may stay behind; the next try writes at the same place anyway.
  [[maybe_unused]] const int cut = ftruncate(fd_, file_bytes_);
  errno = fault;
  return false;
}

}  // namespace tandem::cdr
