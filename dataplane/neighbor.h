// How neighbours are found and kept. Workers report what they hear and what they need
// (NeighborTalk, one per worker); dataplane main decides (NeighborKeeper): it alone writes the
// table, and orders ARP requests from a worker.
//
// A request is repeated each second, three times in all; then the neighbour counts as failed until
// somebody wants it again. A known one that is in use is asked again each 60 s, one that isn't is
// forgotten.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "dataplane/local_port.h"
#include "dataplane/neighbor_table.h"
#include "drivers/base/clock.h"
#include "drivers/wire/ring.h"

namespace tandem::dataplane {

// Worker → main.
struct NeighborReport {
  enum class Kind : std::uint8_t {
    kWanted = 0,  // please find it
    kTold = 1,    // it answered, or asked for us: `mac` is true, keep it
    kMoved = 2,   // it spoke, though not to us: true if the neighbour is known at all
  };
  std::uint32_t ip = 0;  // network order
  std::uint16_t port = 0;
  Kind kind = Kind::kWanted;
  std::uint8_t reserved = 0;
  rte_ether_addr mac{};
  std::uint16_t reserved2 = 0;
};

// Main → worker: send an ARP request for `ip` out of `port`, to `mac` (broadcast, or the MAC it
// had).
struct NeighborOrder {
  std::uint32_t ip = 0;
  std::uint16_t port = 0;
  rte_ether_addr mac{};
  std::uint32_t reserved = 0;
};

using ReportRing = wire::Ring<NeighborReport, 1024>;
using OrderRing = wire::Ring<NeighborOrder, 1024>;

// The memory of a ring within this process.
template <typename R>
class RingHome {
 public:
  RingHome() : memory_(std::make_unique<Memory>()) { R::format(memory_->bytes); }
  R ring() { return R(memory_->bytes); }

 private:
  struct Memory {
    alignas(64) std::byte bytes[R::kBytes]{};
  };
  std::unique_ptr<Memory> memory_;
};

// A worker's way to ask and tell. A full ring loses a report: the want is repeated as long as
// packets wait, and who told something will tell it again.
class NeighborTalk {
 public:
  NeighborTalk(NeighborTable& table, ReportRing reports) : table_(&table), reports_(reports) {}

  Neighbor use(std::uint16_t port, std::uint32_t ip) { return table_->use(port, ip); }
  Neighbor look(std::uint16_t port, std::uint32_t ip) { return table_->look(port, ip); }
  std::uint32_t version() const { return table_->version(); }

  // Have it found, unless it is known or being asked for. `ip` 0: nothing to find.
  void want(std::uint16_t port, std::uint32_t ip);
  void report(const NeighborReport& report) { reports_.enqueue(report); }

 private:
  NeighborTable* table_;
  ReportRing reports_;
};

class NeighborKeeper {
 public:
  using Ask = std::function<void(const NeighborOrder&)>;

  NeighborKeeper(NeighborTable& table, Ask ask) : table_(table), ask_(std::move(ask)) {}

  void hear(const NeighborReport& report, base::Nanos now);
  // Repeats, refreshes, gives up and forgets what is due.
  void turn(base::Nanos now);
  std::size_t size() const { return known_.size(); }

 private:
  struct Name {
    std::uint32_t ip = 0;
    std::uint16_t port = 0;
    friend bool operator==(Name, Name) = default;
  };
  struct NameHash {
    std::size_t operator()(Name name) const {
      return std::hash<std::uint64_t>{}(std::uint64_t{name.port} << 32 | name.ip);
    }
  };
  struct Entry {
    Neighbor neighbor;
    int asked = 0;  // requests since the last word from it
    base::Nanos due{};
  };

  void begin_asking(Name name, base::Nanos now);
  void learn(Name name, const rte_ether_addr& mac, base::Nanos now);
  void ask(Name name, Entry& entry, const rte_ether_addr& to, base::Nanos now);
  // False: forget it.
  bool tend(Name name, Entry& entry, base::Nanos now);

  NeighborTable& table_;
  Ask ask_;
  std::unordered_map<Name, Entry, NameHash> known_;
};

}  // namespace tandem::dataplane
