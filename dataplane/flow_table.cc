#include "dataplane/flow_table.h"

#include "drivers/base/check.h"

namespace tandem::dataplane {
namespace {

constexpr std::size_t kPairs = 32768;

std::size_t places_per_address(const wire::CorridorPlan& plan) {
  return (kPairs + plan.workers - 1) / plan.workers * 2;
}

}  // namespace

std::size_t FlowTable::places(const wire::CorridorPlan& plan) {
  return plan.address_count * places_per_address(plan);
}

FlowTable::FlowTable(std::span<Flow> memory, const wire::CorridorPlan& plan, std::uint32_t worker)
    : plan_(plan), worker_(worker), places_per_address_(places_per_address(plan)), memory_(memory) {
  CHECK(memory.size() == places(plan));
  live_.reserve(memory.size());
}

Flow& FlowTable::open(wire::FlowKey key, wire::FlowKey peer, wire::FlowGeneration generation) {
  CHECK(owns(key) && owns(peer) && generation != 0);
  Flow& flow = at(key);
  if (flow.generation != 0) close(flow);
  flow = Flow{};
  flow.generation = generation;
  flow.key = key;
  flow.peer = &at(peer);
  flow.peer->key = peer;
  flow.beside = &at({key.address, static_cast<std::uint16_t>(key.port ^ 1)});
  flow.live_place = static_cast<std::uint32_t>(live_.size());
  live_.push_back(&flow);
  return flow;
}

void FlowTable::close(Flow& flow) {
  CHECK(flow.generation != 0);
  Flow* last = live_.back();
  live_[flow.live_place] = last;
  last->live_place = flow.live_place;
  live_.pop_back();
  flow.generation = 0;
}

}  // namespace tandem::dataplane
