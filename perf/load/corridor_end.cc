#include "perf/load/corridor_end.h"

#include <ctime>
#include <utility>

namespace tandem::perf {
namespace {

constexpr Nanos kBeat = base::Millis{50};
constexpr Nanos kNap{50'000};

class CorridorWire final : public Wire {
 public:
  struct Side {
    Endpoint ours;
    Endpoint theirs;
  };

  CorridorWire(CorridorEnd& corridor, const Side& caller, const Side& callee)
      : corridor_(corridor), sides_{caller, callee} {}

  void send(Party from, const Endpoint&, std::string_view bytes) override {
    const Side& side = sides_[static_cast<std::size_t>(from)];
    wire::DatagramHead head;
    head.local = side.theirs;
    head.remote = side.ours;
    const auto payload = std::as_bytes(std::span(bytes.data(), bytes.size()));
    // Worker 0 brings everything: its ends come first, one for each shard.
    auto& end = corridor_.ends()[wire::shard_of_datagram(corridor_.plan().shards, payload)];
    if (!end.punt.write(head, payload)) ++lost_;
  }
  void flush() override {}
  std::uint32_t receive(WireListener& listener) override {
    std::uint32_t taken = 0;
    for (auto& end : corridor_.ends()) {
      wire::ByteRing::View view;
      while (taken < 1024 && end.inject.front(view)) {
        ++taken;
        const auto party = view.head.remote == sides_[0].ours ? Party::kCaller : Party::kCallee;
        listener.on_datagram(party, view.head.local,
                             {reinterpret_cast<char*>(view.payload.data()), view.payload.size()});
        end.inject.pop();
      }
    }
    return taken;
  }
  void wait(Nanos longest) override {
    const timespec nap{0, static_cast<long>(std::min(longest, kNap).count())};
    nanosleep(&nap, nullptr);
  }
  std::uint64_t lost() const override { return lost_; }

 private:
  CorridorEnd& corridor_;
  Side sides_[2];
  std::uint64_t lost_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<CorridorEnd>> CorridorEnd::open(
    const wire::CorridorSettings& corridor) {
  auto segment = wire::Segment::open(corridor.segment, corridor.plan, wire::Side::kDataplane);
  if (!segment) return std::move(segment).take_error();
  return std::unique_ptr<CorridorEnd>(new CorridorEnd(std::move(*segment)));
}

CorridorEnd::CorridorEnd(wire::Segment segment)
    : segment_(std::move(segment)), flows_(wire::kAddressesMax * 65536u) {
  for (std::uint32_t w = 0; w < plan().workers; ++w) {
    for (std::uint32_t s = 0; s < plan().shards; ++s) {
      ends_.push_back(wire::worker_end(segment_.channel(w, s)));
      ends_.back().attach();
    }
  }
  segment_.announce();
}

CorridorEnd::~CorridorEnd() { segment_.leave(); }

void CorridorEnd::attend(Nanos now) {
  wire::Command command;
  for (auto& end : ends_) {
    while (end.commands.dequeue(std::span(&command, 1)) == 1) obey(end, command);
  }
  if (now < next_beat_) return;
  next_beat_ = now + kBeat;
  segment_.beat(now);
}

void CorridorEnd::obey(wire::WorkerEnd& end, const wire::Command& command) {
  if (command.kind == wire::CommandKind::kOpenFlow) {
    flow(command.open.key) = {command.open.generation, command.open.cookie};
  } else if (command.kind == wire::CommandKind::kCloseFlow) {
    Flow& closing = flow(command.close.key);
    if (closing.generation != command.close.generation) return;
    wire::Event event;
    event.kind = wire::EventKind::kFlowClosed;
    event.closed.key = command.close.key;
    event.closed.generation = closing.generation;
    event.closed.cookie = std::exchange(closing, {}).cookie;
    event.closed.figures.packets = 1;
    end.events.enqueue(event);
  }
}

std::unique_ptr<Wire> corridor_wire(CorridorEnd& corridor, const Endpoint& caller,
                                    const Endpoint& callee, const Endpoint& switch_at_caller,
                                    const Endpoint& switch_at_callee) {
  return std::make_unique<CorridorWire>(corridor, CorridorWire::Side{caller, switch_at_caller},
                                        CorridorWire::Side{callee, switch_at_callee});
}

}  // namespace tandem::perf
