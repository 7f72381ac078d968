// A real segment of a name of its own, both of its sides in this process: the control plane's ends
// for what is tested, the workers' ends for the test. Gone at the end.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drivers/base/check.h"
#include "drivers/wire/channel.h"
#include "drivers/wire/segment.h"

namespace tandem::test {

class CorridorHome {
 public:
  explicit CorridorHome(std::uint32_t workers = 1, std::uint32_t shards = 1) {
    plan_.workers = workers;
    plan_.shards = shards;
    plan_.address_count = 2;
    plan_.addresses[0] = base::IpAddress::ip4(10, 77, 1, 1);
    plan_.addresses[1] = base::IpAddress::ip4(10, 77, 2, 1);
    segment.emplace(open(wire::Side::kControlplane));
    dataplane.emplace(open(wire::Side::kDataplane));
    for (std::uint32_t w = 0; w < workers; ++w) {
      workers_.push_back(wire::worker_end(dataplane->channel(w, 0)));
      workers_.back().attach();
      ends_.push_back(
          std::make_unique<wire::ControlEnd>(wire::control_end(segment->channel(w, 0))));
      ends_.back()->attach();
    }
    dataplane->announce();
  }
  CorridorHome(const CorridorHome&) = delete;
  CorridorHome& operator=(const CorridorHome&) = delete;
  ~CorridorHome() { std::filesystem::remove("/dev/shm/" + name_); }

  std::vector<wire::ControlEnd*> ends() const {
    std::vector<wire::ControlEnd*> out;
    for (const auto& end : ends_) out.push_back(end.get());
    return out;
  }
  wire::WorkerEnd& worker(std::uint32_t number = 0) { return workers_[number]; }
  // What the worker has been told since the last look.
  std::vector<wire::Command> commands(std::uint32_t worker = 0) {
    std::vector<wire::Command> out;
    wire::Command command;
    while (workers_[worker].commands.dequeue(std::span(&command, 1)) == 1) out.push_back(command);
    return out;
  }
  void tell_closed(const wire::CloseFlow& order, std::uint64_t packets = 0) {
    wire::Event event;
    event.kind = wire::EventKind::kFlowClosed;
    event.closed = {};
    event.closed.key = order.key;
    event.closed.generation = order.generation;
    event.closed.figures.packets = packets;
    const auto worker = wire::worker_of_port(plan_, order.key.port);
    CHECK(workers_[worker].events.enqueue(event));
  }
  // As the worker publishes a flow about once a second.
  void publish(wire::FlowKey key, wire::FlowGeneration generation, std::uint64_t packets,
               base::Nanos heard = {}, base::Nanos opened = {}) {
    wire::FlowRecord record;
    record.generation = generation;
    record.figures.packets = packets;
    record.last_packet_ns = heard.count();
    record.opened_ns = opened.count();
    dataplane->flow_record(key).write(record);
  }
  // A killed dataplane's successor: rings emptied, tables empty, a new generation.
  void restart_dataplane() {
    for (std::uint32_t w = 0; w < workers_.size(); ++w) {
      workers_[w] = wire::worker_end(dataplane->channel(w, 0));
      workers_[w].attach();
    }
    dataplane->announce();
  }
  const wire::CorridorPlan& plan() const { return plan_; }

  std::optional<wire::Segment> segment;    // the control plane's
  std::optional<wire::Segment> dataplane;  // the other side's

 private:
  wire::Segment open(wire::Side side) {
    auto opened = wire::Segment::open(name_, plan_, side);
    CHECK(opened.ok());
    return std::move(opened).value();
  }

  const std::string name_ = "tandem-unit-media-" + std::to_string(getpid());
  wire::CorridorPlan plan_;
  std::vector<wire::WorkerEnd> workers_;
  std::vector<std::unique_ptr<wire::ControlEnd>> ends_;
};

}  // namespace tandem::test
