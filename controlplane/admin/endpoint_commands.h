// The operator's look at who is registered. Owner: the main thread.
#pragma once

#include <string>

#include "controlplane/admin/control_socket.h"
#include "controlplane/registrar/binding_table.h"

namespace tandem::admin {

class EndpointCommands {
 public:
  static constexpr std::size_t kListed = 1000;

  explicit EndpointCommands(const registrar::BindingTable& bindings) : bindings_(bindings) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

 private:
  const registrar::BindingTable& bindings_;
};

}  // namespace tandem::admin
