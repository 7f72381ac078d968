// The operator's commands about call records: pages of the journal, and how far they are exported.
// They run on a thread of their own, since they wait for the disk, and are answered on the main
// thread. Owner: the main thread.
#pragma once

#include <functional>
#include <string>

#include "controlplane/admin/control_socket.h"
#include "controlplane/cdr/journal.h"
#include "controlplane/loop/errand_thread.h"

namespace tandem::admin {

class RecordCommands {
 public:
  // Of one page: records looked at, and octets of theirs.
  static constexpr std::size_t kPageRecords = 500;
  static constexpr std::size_t kPageOctets = 4 << 20;

  // Both outlive this; what is under way is finished first.
  RecordCommands(loop::EventLoop& loop, cdr::Journal& journal) : loop_(loop), journal_(journal) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

 private:
  base::Result<Json> read(const Json& args);
  base::Result<Json> mark(const Json& args);

  loop::EventLoop& loop_;
  cdr::Journal& journal_;
  loop::ErrandThread thread_{"records"};
};

}  // namespace tandem::admin
