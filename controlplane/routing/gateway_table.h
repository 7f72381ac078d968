// The gateways, while the switch runs: who a source stands for, where a gateway is reached, and
// whether it has room. Settings change by exchanging the whole set (the main thread, or whoever
// holds it: one at a time); shards read the one of their turn without a lock. An index is a
// gateway's name for the process's life: it stays with a gateway that is changed, or removed and
// added again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/routing/gateway_set.h"
#include "drivers/base/random.h"

namespace tandem::routing {

class GatewayTable {
 public:
  // Keeps a set alive until every shard is past the turn in which it may still look at it. Without
  // one, sets live as long as the table.
  using Retire = std::function<void(std::shared_ptr<const GatewaySet>)>;

  explicit GatewayTable(const std::vector<config::Gateway>& gateways,
                        const config::Parameters& system = config::Parameters{},
                        Retire retire = nullptr);

  // The shards' threads: good for the turn.
  const GatewaySet& now() const { return *now_.load(std::memory_order_acquire); }
  // Any other thread.
  std::shared_ptr<const GatewaySet> held() const;

  // See GatewaySet and AddressBook.
  std::optional<GatewayIndex> identify(const base::Endpoint& source,
                                       std::string_view digits = {}) const {
    return now().book().identify(source, digits);
  }
  bool knows(const base::IpAddress& address) const { return now().book().knows(address); }
  const config::Gateway& gateway(GatewayIndex index) const { return now().at(index)->settings; }
  std::optional<GatewayIndex> routing_at(const base::Endpoint& address) const {
    return now().book().routing_at(address);
  }
  std::optional<GatewayIndex> routing_named(std::string_view host, std::uint16_t port) const {
    return now().routing_named(host, port);
  }
  std::string name_at(const base::Endpoint& endpoint) const { return now().name_at(endpoint); }
  // Where a routing gateway is reached, in the order in which one call tries them. Empty: its name
  // leads nowhere as yet.
  std::vector<config::Target> targets(GatewayIndex index, base::Random& random) const;

  // Takes one call's place, or says why there is none.
  Admission take(GatewayIndex index, base::Nanos now = base::Nanos{0});
  void give_back(GatewayIndex index) { now().at(index)->load->give_back(); }
  std::uint32_t load(GatewayIndex index) const { return now().at(index)->load->calls(); }

  // What the n-th name of a gateway leads to from now on, instead of what it led to before. Nothing
  // happens when it has other names by now.
  void set_targets(GatewayIndex index, std::size_t name, std::vector<config::Target> targets);
  // Each adds, or takes the place of the one of that name.
  void put(std::vector<config::Gateway> gateways);
  // False: there is none.
  bool remove(std::string_view name);

 private:
  GatewayRef entry_of(config::Gateway gateway, std::shared_ptr<GatewayLoad> load) const;
  void exchange(std::shared_ptr<GatewaySet> next);

  const config::Parameters system_;
  Retire retire_;
  mutable std::mutex door_;  // of held_: held for the copy of a pointer
  std::shared_ptr<const GatewaySet> held_;
  std::atomic<const GatewaySet*> now_{nullptr};
  std::vector<std::shared_ptr<const GatewaySet>> retired_;
};

}  // namespace tandem::routing
