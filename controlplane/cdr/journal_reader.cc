#include "controlplane/cdr/journal_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "drivers/base/text.h"

namespace tandem::cdr {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

// The whole lines of an open file, from any place on.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {
    struct stat found {};
    if (fstat(fd, &found) == 0) size_ = found.st_size;
  }
  std::int64_t size() const { return size_; }
  // Where the next line begins.
  std::int64_t at() const { return at_; }
  void seek(std::int64_t place) {
    at_ = place;
    piece_.clear();
    used_ = 0;
  }
  // False: there is no whole one any more.
  bool next(std::string& line) {
    line.clear();
    for (;;) {
      const auto end = piece_.find('\n', used_);
      const auto stop = end == std::string::npos ? piece_.size() : end;
      line.append(piece_, used_, stop - used_);
      used_ = stop;
      if (end != std::string::npos) {
        ++used_;
        at_ += static_cast<std::int64_t>(line.size()) + 1;
        return true;
      }
      if (!read_on(at_ + static_cast<std::int64_t>(line.size()))) return false;
    }
  }

 private:
  bool read_on(std::int64_t place) {
    piece_.resize(kPieceBytes);
    used_ = 0;
    ssize_t got;
    do {
      got = pread(fd_, piece_.data(), piece_.size(), place);
    } while (got < 0 && errno == EINTR);
    piece_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return got > 0;
  }

  int fd_;
  std::int64_t size_ = 0;
  std::int64_t at_ = 0;
  std::string piece_;
  std::size_t used_ = 0;  // of piece_
};

// A line's beginning not far before record `from`: numbers only grow.
std::int64_t place_before(Lines& lines, std::uint64_t from) {
  std::int64_t low = 0;
  std::int64_t high = lines.size();
  std::string line;
  while (high - low > static_cast<std::int64_t>(kPieceBytes)) {
    const std::int64_t middle = low + (high - low) / 2;
    lines.seek(middle);
    const bool cut = lines.next(line);  // most likely the end of one
    const std::int64_t begins = lines.at();
    const auto sequence =
        cut && begins < high && lines.next(line) ? sequence_of(line) : std::nullopt;
    if (sequence && *sequence <= from)
      low = begins;
    else
      high = middle;
  }
  return low;
}

}  // namespace

std::optional<std::uint64_t> sequence_of(std::string_view line) {
  constexpr std::string_view kBegins = "{\"sequence\":";
  if (!line.starts_with(kBegins) || line.back() != '}') return std::nullopt;
  std::string_view rest = line.substr(kBegins.size());
  return base::parse_uint(base::split_first(rest, ','), std::numeric_limits<std::uint64_t>::max());
}

Page read_page(const JournalFiles& files, const PageOrder& order) {
  Page page{.lines = {}, .next = order.from};
  if (order.from > order.last) return page;
  const JournalFiles::Source source = files.open_at(order.from);
  page.next = std::min(source.last, order.last) + 1;
  if (source.fd < 0) return page;
  Lines lines(source.fd);
  lines.seek(place_before(lines, order.from));
  std::size_t octets = 0;
  std::string line;
  while (lines.next(line)) {
    const auto sequence = sequence_of(line);
    if (!sequence || *sequence < order.from) continue;
    if (*sequence > order.last) break;
    const bool full = page.lines.size() == order.records || octets + line.size() > order.octets;
    if (full && !page.lines.empty()) {
      page.next = *sequence;
      break;
    }
    octets += line.size();
    page.lines.push_back(std::move(line));
  }
  close(source.fd);
  return page;
}

}  // namespace tandem::cdr
