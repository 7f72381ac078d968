// tandemctl's part of `account import FILE` and its like: the file's lines to the control plane, in
// pieces that fit a request, and what became of them.
#pragma once

#include <istream>
#include <string>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// A file whose first line begins with '{' is JSON lines, any other CSV.
// `what`: "account", "gateway".
ControlClient::Outcome import_file(ControlClient& client, const std::string& what,
                                   std::istream& file, bool keep_going);

}  // namespace tandem::admin
