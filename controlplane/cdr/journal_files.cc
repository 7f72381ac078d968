#include "controlplane/cdr/journal_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "drivers/base/log.h"
#include "drivers/base/text.h"

namespace tandem::cdr {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNumberMax = std::numeric_limits<std::uint64_t>::max();
// Numbers that people called: not for everybody.
constexpr mode_t kMode = 0640;

base::Error fault_of(std::string_view what, const std::string& path) {
  return base::error(fmt::format("{} {}: {}", what, path, std::strerror(errno)));
}

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A name is on disk once its folder is (fsync(2)).
bool sync_folder(const std::string& path) {
  const int fd = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

// The whole of a small new file, on disk.
bool write_small(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (fd < 0) return false;
  const bool done =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int fault = errno;
  close(fd);
  errno = fault;
  return done;
}

}  // namespace

base::Result<int> JournalFiles::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  path_ = path;
  std::error_code ignored;
  fs::create_directories(folder_of(path), ignored);
  fs::remove(path + ".next", ignored);  // of a finish() that was killed
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (fd < 0) return fault_of("cannot open call record journal", path);
  find_finished();
  if (auto read = read_mark(); !read) {
    close(fd);
    return std::move(read).take_error();
  }
  if (!sync_folder(path)) {
    const auto error = fault_of("cannot sync the folder of", path);
    close(fd);
    return error;
  }
  prune();
  return fd;
}

base::Result<int> JournalFiles::finish(Span records) {
  const std::lock_guard lock(mutex_);
  const std::string next = path_ + ".next";
  const std::string finished = path_of(records);
  const int fd = ::open(next.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (fd < 0) return fault_of("cannot make", next);
  const auto give_up = [&](const std::string& name) {
    const auto error = fault_of("cannot rename to", name);
    close(fd);
    unlink(next.c_str());
    return error;
  };
  if (rename(path_.c_str(), finished.c_str()) != 0) return give_up(finished);
  if (rename(next.c_str(), path_.c_str()) != 0) {
    const auto error = give_up(path_);
    [[maybe_unused]] const int back = rename(finished.c_str(), path_.c_str());
    return error;
  }
  if (!sync_folder(path_))
    LOG(kError, "cdr", "{}", fault_of("cannot sync the folder of", path_).text);
  finished_.push_back(records);
  prune();
  return fd;
}

base::Result<void> JournalFiles::mark_exported(std::uint64_t from, std::uint64_t to) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t before = exported();
  if (from > before + 1) {
    return base::error(
        fmt::format("records {} to {} have not been exported yet", before + 1, from - 1));
  }
  if (to <= before) return {};
  if (auto written = write_mark(to); !written) return written;
  exported_.store(to, std::memory_order_relaxed);
  prune();
  return {};
}

void JournalFiles::distrust_mark_beyond(std::uint64_t last) {
  const std::lock_guard lock(mutex_);
  if (exported() <= last) return;
  LOG(kWarning, "cdr", "{}: record {} was exported, but the journal ends at {}: all count as new",
      mark_path(), exported(), last);
  exported_.store(0, std::memory_order_relaxed);
  prune();
}

JournalFiles::Source JournalFiles::open_at(std::uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  auto found = std::lower_bound(finished_.begin(), finished_.end(), sequence,
                                [](const Span& span, std::uint64_t s) { return span.last < s; });
  for (; found != finished_.end(); ++found) {
    const int fd = ::open(path_of(*found).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) return {fd, found->last};
    // Somebody has taken it away; what is behind it is there.
  }
  return {::open(path_.c_str(), O_RDONLY | O_CLOEXEC), kNumberMax};
}

std::uint64_t JournalFiles::last_finished() const {
  const std::lock_guard lock(mutex_);
  return finished_.empty() ? 0 : finished_.back().last;
}

std::string JournalFiles::path_of(Span records) const {
  const fs::path path(path_);
  const std::string name = fmt::format("{}-{:012}-{:012}{}", path.stem().string(), records.first,
                                       records.last, path.extension().string());
  return (fs::path(folder_of(path_)) / name).string();
}

std::string JournalFiles::mark_path() const {
  return (fs::path(folder_of(path_)) / (fs::path(path_).stem().string() + ".exported")).string();
}

void JournalFiles::find_finished() {
  finished_.clear();
  const fs::path path(path_);
  const std::string begins = path.stem().string() + "-";
  const std::string ends = path.extension().string();
  std::error_code fault;
  for (fs::directory_iterator entry(folder_of(path_), fault), end; !fault && entry != end;
       entry.increment(fault)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(begins) || !name.ends_with(ends)) continue;
    if (name.size() <= begins.size() + ends.size()) continue;
    std::string_view rest =
        std::string_view(name).substr(begins.size(), name.size() - begins.size() - ends.size());
    const auto first = base::parse_uint(base::split_first(rest, '-'), kNumberMax);
    const auto last = base::parse_uint(rest, kNumberMax);
    if (!first || !last || *first == 0 || *first > *last) continue;
    // Another name with the same numbers is no file of ours.
    if (fs::path(path_of({*first, *last})).filename() == name) finished_.push_back({*first, *last});
  }
  std::sort(finished_.begin(), finished_.end(),
            [](const Span& a, const Span& b) { return a.first < b.first; });
}

base::Result<void> JournalFiles::read_mark() {
  exported_.store(0, std::memory_order_relaxed);
  std::ifstream in(mark_path());
  if (!in) return {};
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto number = base::parse_uint(base::trim(text), kNumberMax);
  if (!number) return base::error(mark_path() + ": holds no number; move the file away");
  exported_.store(*number, std::memory_order_relaxed);
  return {};
}

base::Result<void> JournalFiles::write_mark(std::uint64_t sequence) {
  const std::string next = mark_path() + ".next";
  if (!write_small(next, fmt::format("{}\n", sequence))) return fault_of("cannot write", next);
  if (rename(next.c_str(), mark_path().c_str()) != 0 || !sync_folder(path_)) {
    return fault_of("cannot write", mark_path());
  }
  return {};
}

// Deletes the oldest exported files beyond `exported_max_`.
void JournalFiles::prune() {
  const auto unexported = std::upper_bound(
      finished_.begin(), finished_.end(), exported(),
      [](std::uint64_t sequence, const Span& span) { return sequence < span.last; });
  const auto exported_count = static_cast<std::size_t>(unexported - finished_.begin());
  const auto kept = std::min(exported_count, exported_max_);
  const auto stays = unexported - static_cast<std::ptrdiff_t>(kept);
  for (auto one = finished_.begin(); one != stays; ++one) {
    if (unlink(path_of(*one).c_str()) != 0 && errno != ENOENT) {
      LOG(kWarning, "cdr", "{}", fault_of("cannot delete", path_of(*one)).text);
    }
  }
  finished_.erase(finished_.begin(), stays);
  const std::size_t waiting = finished_.size() - kept;
  const std::size_t beyond = waiting > exported_max_ ? waiting - exported_max_ : 0;
  if (beyond > beyond_.exchange(beyond, std::memory_order_relaxed)) {
    LOG(kWarning, "cdr",
        "{} finished record files have not been exported, {} more than "
        "SERVER_CDR_FILE_WRITE_MAX: they stay (tandemctl cdr export)",
        waiting, beyond);
  }
}

}  // namespace tandem::cdr
