#include "dataplane/neighbor.h"

#include <utility>

namespace tandem::dataplane {
namespace {

constexpr base::Nanos kAskAgain = base::Seconds{1};
constexpr base::Nanos kRefresh = base::Seconds{60};
constexpr base::Nanos kForgetFailed = base::Seconds{60};
constexpr int kAsksMax = 3;
constexpr rte_ether_addr kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

}  // namespace

void NeighborTalk::want(std::uint16_t port, std::uint32_t ip) {
  if (ip == 0) return;
  const NeighborState state = table_->look(port, ip).state;
  if (state == NeighborState::kKnown || state == NeighborState::kAsked) return;
  NeighborReport wanted;
  wanted.kind = NeighborReport::Kind::kWanted;
  wanted.port = port;
  wanted.ip = ip;
  reports_.enqueue(wanted);
}

void NeighborKeeper::hear(const NeighborReport& report, base::Nanos now) {
  const Name name{report.ip, report.port};
  switch (report.kind) {
    case NeighborReport::Kind::kWanted:
      begin_asking(name, now);
      return;
    case NeighborReport::Kind::kTold:
      learn(name, report.mac, now);
      return;
    case NeighborReport::Kind::kMoved:
      if (known_.contains(name)) learn(name, report.mac, now);
      return;
  }
}

void NeighborKeeper::begin_asking(Name name, base::Nanos now) {
  const auto found = known_.find(name);
  if (found != known_.end() && found->second.neighbor.state != NeighborState::kFailed) return;
  Neighbor asked;
  asked.state = NeighborState::kAsked;
  if (!table_.put(name.port, name.ip, asked)) return;
  Entry& entry = known_[name];
  entry = Entry{};
  entry.neighbor = asked;
  ask(name, entry, kBroadcast, now);
}

void NeighborKeeper::learn(Name name, const rte_ether_addr& mac, base::Nanos now) {
  const Neighbor told{NeighborState::kKnown, mac};
  if (!table_.put(name.port, name.ip, told)) return;
  Entry& entry = known_[name];
  entry.neighbor = told;
  entry.asked = 0;
  entry.due = now + kRefresh;
}

void NeighborKeeper::ask(Name name, Entry& entry, const rte_ether_addr& to, base::Nanos now) {
  NeighborOrder order;
  order.ip = name.ip;
  order.port = name.port;
  order.mac = to;
  ask_(order);
  ++entry.asked;
  entry.due = now + kAskAgain;
}

void NeighborKeeper::turn(base::Nanos now) {
  for (auto it = known_.begin(); it != known_.end();) {
    if (now < it->second.due || tend(it->first, it->second, now)) {
      ++it;
    } else {
      table_.erase(it->first.port, it->first.ip);
      it = known_.erase(it);
    }
  }
}

bool NeighborKeeper::tend(Name name, Entry& entry, base::Nanos now) {
  if (entry.neighbor.state == NeighborState::kFailed) return false;
  if (entry.asked >= kAsksMax) {
    entry.neighbor = {NeighborState::kFailed, {}};
    entry.due = now + kForgetFailed;
    return table_.put(name.port, name.ip, entry.neighbor);
  }
  if (entry.asked != 0) {
    ask(name, entry, kBroadcast, now);
    return true;
  }
  // Known for 60 s: asked again by unicast first, as RFC 1122 §2.3.2.1 has it; used meanwhile.
  if (!table_.take_used(name.port, name.ip)) return false;
  ask(name, entry, entry.neighbor.mac, now);
  return true;
}

}  // namespace tandem::dataplane
