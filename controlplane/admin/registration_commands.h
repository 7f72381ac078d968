// The operator's commands about our registrations with others: changed on a thread of their own,
// since they wait for the disk; looked at by errands to the shards. No answer has a password in it.
// Owner: the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "controlplane/admin/control_socket.h"
#include "controlplane/loop/errand_thread.h"
#include "controlplane/registrar/outbound.h"
#include "controlplane/registrar/outbound_book.h"

namespace tandem::admin {

// A shard's part of them, to be touched by errands in its inbox only.
struct RegistrationShard {
  loop::Inbox& inbox;
  registrar::OutboundRegistrations& part;
};

class RegistrationCommands {
 public:
  // A file that is imported, at most.
  static constexpr std::size_t kFileMax = 8 * 1024 * 1024;

  // The book is our thread's from now on; nullptr: there is none, and all is refused. All outlive
  // this; what is under way is finished first.
  RegistrationCommands(loop::EventLoop& loop, registrar::OutboundBook* book,
                       std::vector<RegistrationShard> shards)
      : loop_(loop), book_(book), shards_(std::move(shards)) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

 private:
  using Work = std::function<base::Result<Json>()>;

  void errand(const Answer& answer, Work work);
  void one(const std::string& command, const Json& args, const Answer& answer);
  void show(const Json& args, const Answer& answer);
  void show_live(const Answer& answer);
  void retry(const Json& args, const Answer& answer);
  void import(const std::string& step, const Json& args, const Answer& answer);
  base::Result<Json> import_step(const std::string& step, std::uint64_t number,
                                 const std::string& text, bool keep_going);
  // Runs `ask` on each shard's thread; then `done` here, with all answers in the shards' order.
  void ask_shards(std::function<Json(registrar::OutboundRegistrations&)> ask,
                  std::function<void(std::vector<Json>)> done);

  loop::EventLoop& loop_;
  registrar::OutboundBook* book_;
  std::vector<RegistrationShard> shards_;
  // The thread's: the latest import's number, 0 before the first, and what came of its file.
  std::uint64_t import_ = 0;
  bool importing_ = false;
  bool keep_going_ = false;
  std::string file_;
  loop::ErrandThread thread_{"registrations"};
};

}  // namespace tandem::admin
