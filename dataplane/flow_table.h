// The flows of one worker: an array indexed by media address and local port, no hash. Owner: the
// worker. Limits: every media port that is the worker's; memory is taken once, by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/flow.h"
#include "drivers/wire/plan.h"

namespace tandem::dataplane {

class FlowTable {
 public:
  // How many places one worker's table has.
  static std::size_t places(const wire::CorridorPlan& plan);

  // `memory`: places(plan) flows, zeroed, 64-byte aligned, outlives the table.
  FlowTable(std::span<Flow> memory, const wire::CorridorPlan& plan, std::uint32_t worker);

  // An address of the plan and a port of this worker.
  bool owns(wire::FlowKey key) const {
    return key.address < plan_.address_count && worker_of(key.port) == worker_;
  }
  std::uint32_t worker_of(std::uint16_t port) const { return wire::worker_of_port(plan_, port); }

  std::uint32_t worker() const { return worker_; }
  std::uint32_t workers() const { return plan_.workers; }

  // The place of a local port, open or not. REQUIRES: owns(key).
  Flow& at(wire::FlowKey key) {
    const std::size_t pair = (key.port >> 1) / plan_.workers;
    return memory_[key.address * places_per_address_ + pair * 2 + (key.port & 1)];
  }

  // A fresh flow at `key`, in place of an open one if there is one. REQUIRES: owns both keys.
  Flow& open(wire::FlowKey key, wire::FlowKey peer, wire::FlowGeneration generation);
  // REQUIRES: open.
  void close(Flow& flow);

  std::span<Flow* const> live() const { return live_; }

 private:
  wire::CorridorPlan plan_;
  std::uint32_t worker_;
  std::size_t places_per_address_;
  std::span<Flow> memory_;
  std::vector<Flow*> live_;  // never grows beyond what the constructor reserved
};

}  // namespace tandem::dataplane
