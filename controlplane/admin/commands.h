// What each command of the control socket does: snapshots of the segment read right here, and
// errands to the shards for what only they may touch. Owner: the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/admin/control_socket.h"
#include "controlplane/calls/call_service.h"
#include "controlplane/cdr/journal.h"
#include "controlplane/cdr/recovery.h"
#include "controlplane/loop/inbox.h"
#include "controlplane/transport/carrier.h"
#include "drivers/wire/segment.h"

namespace tandem::admin {

// A shard as commands see it. `calls` and `carrier` may be touched by errands in `inbox` only.
struct ShardView {
  loop::Inbox& inbox;
  calls::CallService& calls;
  const wire::CounterBlock& counters;
  transport::Carrier* carrier = nullptr;
};

class Commands {
 public:
  Commands(loop::EventLoop& loop, const wire::Segment& segment, const cdr::Journal& journal,
           const cdr::Recovered& recovered, std::vector<ShardView> shards);

  void run(const std::string& command, const Json& args, const Answer& answer);

 private:
  using Action = void (Commands::*)(const Json& args, const Answer& answer);
  struct Entry {
    const char* name;
    Action action;
  };
  static const std::vector<Entry>& table();

  void show_calls(const Json& args, const Answer& answer);
  void show_call(const Json& args, const Answer& answer);
  void show_counters(const Json& args, const Answer& answer);
  void show_workers(const Json& args, const Answer& answer);
  void show_connections(const Json& args, const Answer& answer);
  void show_flows(const Json& args, const Answer& answer);
  void hangup(const Json& args, const Answer& answer);

  // Runs `ask` on each shard's thread; then `done` here, with the shards' answers in order.
  void ask_shards(std::function<Json(calls::CallService&, std::uint32_t shard)> ask,
                  std::function<void(std::vector<Json>)> done);

  loop::EventLoop& loop_;
  const wire::Segment& segment_;
  const cdr::Journal& journal_;
  const cdr::Recovered recovered_;
  std::vector<ShardView> shards_;
};

}  // namespace tandem::admin
