// The operator's look at who is suspended for failed authentications, and his pardon. Owner: the
// main thread.
#pragma once

#include <string>

#include "controlplane/admin/control_socket.h"
#include "controlplane/registrar/lockout.h"

namespace tandem::admin {

class SuspensionCommands {
 public:
  static constexpr std::size_t kListed = 1000;

  explicit SuspensionCommands(registrar::Lockout& lockout) : lockout_(lockout) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

 private:
  void show(const Answer& answer);
  void lift(const Json& args, const Answer& answer);

  registrar::Lockout& lockout_;
};

}  // namespace tandem::admin
