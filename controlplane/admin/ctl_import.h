// tandemctl's imports: a file's rows to the control plane, its refused ones to standard error.
#pragma once

#include <string>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// `what`, `begin`: as import_file() has them.
ControlClient::Outcome run_import(ControlClient& client, const std::string& what,
                                  const std::string& path, const Json& begin);

}  // namespace tandem::admin
