// Where calls go: to each prefix the gateways that take them, in the order in which one call tries
// them. Immutable: a change is another table (published.h). Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/routing/prefix_table.h"
#include "controlplane/routing/published.h"
#include "controlplane/routing/time_window.h"
#include "drivers/base/random.h"

namespace tandem::routing {

// The digits that a number is routed by: of a SIP or tel URI's user part, without a leading '+',
// tel's visual separators (RFC 3966 §5.1.1) and parameters. Anything else in it stays and matches
// no digit.
std::string routing_digits(std::string_view user);

// Who has made a route, and may change it.
enum class RouteOrigin : std::uint8_t {
  kStore,     // an operator, by commands
  kSiteFile,  // whoever writes the site file
  kGateway,   // the gateway's own settings, where neither of the others says anything
};

// A prefix leads to a gateway. A prefix and a gateway have one route.
struct Route {
  std::uint64_t price = 0;  // millionths a minute
  GatewayIndex gateway = 0;
  std::uint16_t priority = 100;  // the lowest is tried first
  std::uint16_t weight = 1;      // its share among equals
  std::uint16_t window = 0;      // which of the table's time windows
  bool enabled = true;           // else: as if it weren't there
  RouteOrigin origin = RouteOrigin::kStore;
};

struct PrefixRoute {
  PrefixKey prefix;
  Route route;
};
// The order of a table.
inline bool comes_before(const PrefixRoute& a, const PrefixRoute& b) {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  return a.route.gateway < b.route.gateway;
}

// Answers to seizures of a gateway, per mille.
using AsrOf = std::function<std::uint32_t(GatewayIndex)>;

// What a choice depends on beside the number.
struct RouteContext {
  WeekMinute minute = 0;
  config::Parameters::RouteOrder order = config::Parameters::RouteOrder::weight;
  bool shorter = false;  // routes of shorter prefixes follow
  base::Random& random;
  const AsrOf* asr = nullptr;  // none: all have the same
};

struct Candidate {
  std::uint64_t price;
  std::uint64_t rank;  // within its priority; the lowest first
  GatewayIndex gateway;
  std::uint16_t priority;
  std::uint16_t weight;
  std::uint8_t prefix_length;
};

// In the order in which they are tried; each gateway once.
class Candidates {
 public:
  static constexpr std::size_t kMost = 32;

  const Candidate* begin() const { return all_.data(); }
  const Candidate* end() const { return all_.data() + size_; }
  Candidate* begin() { return all_.data(); }
  Candidate* end() { return all_.data() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Candidate& operator[](std::size_t i) const { return all_[i]; }
  bool has(GatewayIndex gateway) const;
  void clear() { size_ = 0; }
  // REQUIRES: size() < kMost.
  void push(const Candidate& candidate) { all_[size_++] = candidate; }

 private:
  std::array<Candidate, kMost> all_;
  std::size_t size_ = 0;
};

class RouteTable {
 public:
  // Of one prefix.
  static constexpr std::size_t kRoutesMost = Candidates::kMost;
  static constexpr std::size_t kWindowsMost = UINT16_MAX;

  // Routes in any order, sorted here by all cores. REQUIRES: none is there twice, no prefix has
  // more than kRoutesMost, and each window is one of `windows`.
  explicit RouteTable(std::vector<PrefixRoute> routes = {},
                      std::vector<TimeWindow> windows = std::vector<TimeWindow>(1));
  explicit RouteTable(const std::vector<config::Route>& routes);

  // Allocates nothing.
  void candidates(std::string_view digits, const RouteContext& context, Candidates& out) const;

  // Each route whose prefix the number begins with, the longest first, and what becomes of it.
  enum class Fate : std::uint8_t {
    kTried,
    kDisabled,
    kOtherTime,     // its time window says no
    kLongerPrefix,  // a longer prefix has routes
    kLongerHasIt,   // the gateway is tried by a longer one's
    kTooMany,       // there are Candidates::kMost before it
  };
  struct Considered {
    PrefixRoute route;
    Fate fate;
    std::size_t place = 0;  // among those tried, from 1
  };
  std::vector<Considered> consider(std::string_view digits, const RouteContext& context) const;

  // nullptr: there is none.
  const Route* find(const PrefixKey& prefix, GatewayIndex gateway) const;
  // How many the very prefix has.
  std::size_t count_of(const PrefixKey& prefix) const;
  // In the order of prefix and gateway: those of this prefix; and up to so many from `prefix` on.
  std::vector<PrefixRoute> routes_of(const PrefixKey& prefix) const;
  std::vector<PrefixRoute> routes_from(const PrefixKey& prefix, std::size_t most) const;

  // The first prefix with a route to it that isn't the gateway's own, in their order; a look
  // through all of them.
  std::optional<PrefixKey> first_to(GatewayIndex gateway) const;

  std::size_t size() const { return routes_.size(); }
  const PrefixTable& prefixes() const { return prefixes_; }
  const std::vector<TimeWindow>& windows() const { return windows_; }

 private:
  template <typename Visit>
  void look(std::string_view digits, const RouteContext& context, bool all, Candidates& out,
            const Visit& visit) const;
  static void put_in_order(Candidate* first, Candidate* last, const RouteContext& context);

  PrefixTable prefixes_;
  std::vector<std::uint32_t> first_;  // where each prefix's routes begin, and the end
  std::vector<Route> routes_;
  std::vector<TimeWindow> windows_;
};

using Routes = Published<RouteTable>;

}  // namespace tandem::routing
