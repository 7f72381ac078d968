// The time windows of the book: those that have a name, and those that routes say themselves.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/routing/route_book.h"
#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

constexpr std::size_t kNameMost = 64;

// Nothing that could be meant for times.
base::Result<void> check_name(const std::string& name) {
  const auto fits = [](char c) {
    const char lower = base::to_lower(c);
    return base::is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '_' || c == '.';
  };
  if (name.empty() || name.size() > kNameMost || !std::all_of(name.begin(), name.end(), fits)) {
    return base::error(
        fmt::format("a time window's name is 1..{} letters, digits and - _ .", kNameMost));
  }
  if (base::iequals(name, "always") || TimeWindow::parse(name)) {
    return base::error(fmt::format("\"{}\" is a time, and no name for one", name));
  }
  return {};
}

base::Result<TimeWindow> times_of(const RouteBook::Window& window) {
  auto out = TimeWindow::parse(window.times);
  if (out && out->always()) return base::error("a time window has times");
  return out;
}

base::Error no_window(std::string_view name) {
  return base::error(fmt::format("there is no time window \"{}\"", name));
}

}  // namespace

base::Result<std::uint16_t> RouteBook::window_of(const std::string& text) {
  const auto known = window_places_.find(text);
  if (known != window_places_.end()) return known->second;
  auto window = TimeWindow::parse(text);
  if (!window) {
    return base::error(fmt::format("{}, nor the name of a time window", window.error_text()));
  }
  return keep(std::move(window).value());
}

base::Result<std::uint16_t> RouteBook::keep(TimeWindow window) {
  const auto known = window_places_.find(window.text());
  if (known != window_places_.end()) {
    windows_[known->second] = std::move(window);
    return known->second;
  }
  if (windows_.size() == RouteTable::kWindowsMost) {
    return base::error(
        fmt::format("there are {} different times already", RouteTable::kWindowsMost));
  }
  const auto place = static_cast<std::uint16_t>(windows_.size());
  window_places_.emplace(window.text(), place);
  windows_.push_back(std::move(window));
  return place;
}

base::Result<void> RouteBook::load_windows() {
  auto rows = setup_.database.prepare("SELECT name, times FROM time_window");
  if (!rows) return std::move(rows).take_error();
  for (;;) {
    auto row = rows->step();
    if (!row) return std::move(row).take_error();
    if (!*row) return {};
    const Window window{std::string(rows->text(0)), std::string(rows->text(1))};
    const auto times = times_of(window);
    if (!times) {
      return base::error(fmt::format("database {}: the time window {} is damaged",
                                     setup_.database.path(), window.name));
    }
    if (auto kept = keep(times->named(window.name)); !kept) return std::move(kept).take_error();
    named_[window.name] = window.times;
  }
}

base::Result<void> RouteBook::write_window(const Window& window) {
  const auto times = times_of(window);
  if (!times) return base::error(times.error_text());
  auto put = setup_.database.prepare("INSERT OR REPLACE INTO time_window VALUES (?, ?)");
  if (!put) return std::move(put).take_error();
  auto written = put->bind(1, window.name).bind(2, times->text()).run();
  if (!written) return written;
  if (auto kept = keep(times->named(window.name)); !kept) return std::move(kept).take_error();
  named_[window.name] = times->text();
  publish({}, {});  // its routes have other hours
  return {};
}

base::Result<void> RouteBook::add_window(const Window& window) {
  if (auto good = check_name(window.name); !good) return good;
  if (named_.contains(window.name)) {
    return base::error(fmt::format("there is a time window \"{}\" already", window.name));
  }
  if (windows_.size() == RouteTable::kWindowsMost && !window_places_.contains(window.name)) {
    return base::error(
        fmt::format("there are {} different times already", RouteTable::kWindowsMost));
  }
  return write_window(window);
}

base::Result<void> RouteBook::set_window(const Window& window) {
  if (!named_.contains(window.name)) return no_window(window.name);
  return write_window(window);
}

// Routes in the store alone, of gateways that are gone, count too.
base::Result<void> RouteBook::remove_window(const std::string& name) {
  if (!named_.contains(name)) return no_window(name);
  auto users = setup_.database.prepare("SELECT count(*) FROM route WHERE time = ?");
  if (!users) return std::move(users).take_error();
  auto row = users->bind(1, name).step();
  if (!row) return std::move(row).take_error();
  const std::int64_t count = users->integer(0);
  users->reset();
  if (count != 0) {
    return base::error(fmt::format("{} routes are for the time window \"{}\"", count, name));
  }
  auto erase = setup_.database.prepare("DELETE FROM time_window WHERE name = ?");
  if (!erase) return std::move(erase).take_error();
  if (auto done = erase->bind(1, name).run(); !done) return done;
  named_.erase(name);
  window_places_.erase(name);
  return {};
}

std::vector<RouteBook::Window> RouteBook::windows() const {
  std::vector<Window> out;
  for (const auto& [name, times] : named_) out.push_back({name, times});
  return out;
}

}  // namespace tandem::routing
