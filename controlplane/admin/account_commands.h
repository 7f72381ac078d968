// The operator's commands about accounts: run on a thread of their own, since they
// wait for the disk; answered on the main thread. Owner: the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "controlplane/admin/control_socket.h"
#include "controlplane/loop/errand_thread.h"
#include "controlplane/registrar/account_book.h"

namespace tandem::admin {

class AccountCommands {
 public:
  // How many accounts `account show` lists.
  static constexpr std::size_t kListed = 1000;

  // The book is our thread's from now on. All outlive this; what is under way is finished first.
  AccountCommands(loop::EventLoop& loop, registrar::AccountBook& book,
                  const registrar::AccountTable& table)
      : loop_(loop), book_(book), table_(table) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

 private:
  using Work = std::function<base::Result<Json>()>;

  void errand(const Answer& answer, Work work);
  void one(const std::string& command, const Json& args, const Answer& answer);
  void show(const Json& args, const Answer& answer);
  void import(const std::string& step, const Json& args, const Answer& answer);

  loop::EventLoop& loop_;
  registrar::AccountBook& book_;
  const registrar::AccountTable& table_;
  std::uint64_t import_ = 0;  // the latest one's number; the thread's
  loop::ErrandThread thread_{"accounts"};
};

}  // namespace tandem::admin
