// tandemctl's part of `account import FILE` and its like: the file's lines to the control plane, in
// pieces that fit a request, and what became of them.
#pragma once

#include <istream>
#include <string>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// `what`: "account", "route", …; `begin`: what its import is told beforehand. A file whose first
// line begins with '{' is JSON lines, any other CSV.
ControlClient::Outcome import_file(ControlClient& client, const std::string& what, Json begin,
                                   std::istream& file);

}  // namespace tandem::admin
