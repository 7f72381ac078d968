#include "controlplane/admin/record_export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "controlplane/cdr/csv.h"
#include "drivers/base/text.h"

namespace tandem::admin {
namespace {

using Outcome = ControlClient::Outcome;
using Kind = Outcome::Kind;

// How often a follower looks for new records.
constexpr std::chrono::milliseconds kLook{300};

Outcome refused(std::string why) { return {.kind = Kind::kRefused, .error = std::move(why)}; }

std::string line_of(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Where an export goes: a new file that gets its name at the end, or the standard output.
class Output {
 public:
  explicit Output(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    // An earlier export that nobody has fetched yet is marked: it must not be lost.
    if (access(path_.c_str(), F_OK) == 0) {
      errno = EEXIST;
      fd_ = -1;
      return;
    }
    part_ = path_ + ".part";
    fd_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (path_.empty() || fd_ < 0) return;
    close(fd_);
    unlink(part_.c_str());  // gone already, if all went well
  }

  bool good() const { return fd_ >= 0; }

  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t wrote = ::write(fd_, text.data(), text.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
  }
  // In safety, as far as that can be said of a pipe.
  bool finish() {
    struct stat found {};
    if (fstat(fd_, &found) != 0) return false;
    if (S_ISREG(found.st_mode) && fsync(fd_) != 0) return false;
    if (path_.empty()) return true;
    return renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0 &&
           sync_folder();
  }
  std::string fault() const {
    return fmt::format("can't write {}: {}", path_.empty() ? "the standard output" : path_,
                       std::strerror(errno));
  }

 private:
  bool sync_folder() const {
    const auto slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return synced;
  }

  std::string path_;
  std::string part_;
  int fd_ = STDOUT_FILENO;
};

Json page_args(const ExportOrder& order, std::optional<std::uint64_t> from) {
  Json args = Json::object();
  if (from) args["from"] = *from;
  if (order.to) args["to"] = *order.to;
  if (order.since_ms) args["since"] = *order.since_ms;
  if (order.until_ms) args["until"] = *order.until_ms;
  return args;
}

}  // namespace

Outcome export_records(ControlClient& client, const ExportOrder& order) {
  const bool filtered = order.since_ms || order.until_ms;
  if (order.mark && filtered) {
    return refused("records chosen by their time can't be marked as exported: others lie between");
  }
  Output out(order.file);
  if (!out.good() || !out.write(order.csv ? cdr::csv_header() : "")) return refused(out.fault());
  std::optional<std::uint64_t> next = order.from;
  std::optional<std::uint64_t> last = order.to;  // that were there at the beginning
  std::uint64_t begin = 0, written = 0, missing = 0, exported = 0;
  if (!next && filtered) next = 1;
  for (;;) {
    const Outcome page = client.ask("cdr read", page_args(order, next));
    if (page.kind != Kind::kDone) return page;
    const auto from = page.result.value("from", std::uint64_t{0});
    if (begin == 0) begin = from;
    last = std::min(last.value_or(UINT64_MAX), page.result.value("last", std::uint64_t{0}));
    exported = page.result.value("exported", std::uint64_t{0});
    std::uint64_t expected = from;
    std::string text;
    for (const Json& record : page.result["records"]) {
      const auto sequence = record.value("sequence", std::uint64_t{0});
      if (sequence > *last) break;
      missing += sequence - std::exchange(expected, sequence + 1);
      text += order.csv ? cdr::csv_row(record) : line_of(record);
      ++written;
    }
    if (!out.write(text)) return refused(out.fault());
    next = page.result.value("next", std::uint64_t{0});
    missing += std::min(*next, *last + 1) - std::min(expected, *last + 1);
    if (*next > *last) break;
  }
  const bool nothing = written == 0 && !order.file.empty();  // then no file is made
  if (!nothing && !out.finish()) return refused(out.fault());
  if (order.mark && *last >= begin) {
    const Outcome marked = client.ask("cdr mark", {{"from", begin}, {"to", *last}});
    if (marked.kind != Kind::kDone) return marked;
    exported = marked.result.value("exported", exported);
  }
  Json result{{"records", written}, {"from", begin}, {"to", *last}, {"exported", exported}};
  if (!filtered) result["missing"] = missing;
  return {.kind = Kind::kDone, .result = std::move(result)};
}

Outcome tail_records(ControlClient& client, std::uint64_t count, bool follow, bool as_json) {
  Json args{{"tail", count}};
  for (;;) {
    Outcome page = client.ask("cdr read", args);
    if (page.kind != Kind::kDone) return page;
    for (const Json& record : page.result["records"]) {
      std::fputs((as_json ? line_of(record) : short_line(record) + "\n").c_str(), stdout);
    }
    // Whoever looked on has gone.
    if (std::fflush(stdout) != 0) return {.kind = Kind::kDone, .result = Json::object()};
    const auto next = page.result.value("next", std::uint64_t{0});
    args = Json{{"from", next}};
    if (next <= page.result.value("last", std::uint64_t{0})) continue;
    if (!follow) return {.kind = Kind::kDone, .result = Json::object()};
    std::this_thread::sleep_for(kLook);
  }
}

std::optional<std::uint64_t> parse_moment(const std::string& text) {
  constexpr std::uint64_t kLeast = 100'000'000'000;  // 1973: a number below it is a slip, or a year
  const auto ms = base::parse_uint(text, UINT64_MAX / 2);
  if (ms) return *ms >= kLeast ? ms : std::nullopt;
  int year = 0, used = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const char* rest = text.c_str();
  if (std::sscanf(rest, "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3) return std::nullopt;
  rest += used;
  if ((*rest == 'T' || *rest == ' ') && rest[1] != 0) {
    if (std::sscanf(rest + 1, "%2u:%2u%n", &hour, &minute, &used) != 2) return std::nullopt;
    rest += 1 + used;
    if (*rest == ':') {
      if (std::sscanf(rest + 1, "%2u%n", &second, &used) != 1) return std::nullopt;
      rest += 1 + used;
    }
    if (*rest == 'Z') ++rest;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (*rest != 0 || !date.ok() || year < 1970 || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const auto moment = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                      std::chrono::minutes(minute) + std::chrono::seconds(second);
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(moment.time_since_epoch()).count());
}

std::string short_line(const Json& record) {
  // What peers sent may steer a terminal: nothing but text that can be seen.
  const auto text = [&](const char* field) {
    std::string out = record.value(field, "");
    for (char& c : out) {
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
    }
    return out.empty() ? std::string("-") : out;
  };
  return fmt::format(
      "{} {} {} -> {} {} -> {} {} s {} {} by {}", record.value("sequence", std::uint64_t{0}),
      base::format_wall_ms(record.value("end_ms", std::int64_t{0})).text, text("caller"),
      text("callee"),
      text(record.value("mapping_gateway", "").empty() ? "caller_account" : "mapping_gateway"),
      text(record.value("callee_account", "").empty() ? "routing_gateway" : "callee_account"),
      record.value("hold_time_s", std::int64_t{0}), record.value("sip_code", 0), text("end_reason"),
      text("end_direction"));
}

}  // namespace tandem::admin
