#include "controlplane/admin/ctl_import.h"

#include <fstream>
#include <iostream>

#include "controlplane/admin/file_import.h"

namespace tandem::admin {

using Outcome = ControlClient::Outcome;

// The refused rows to standard error, as compilers tell faults.
Outcome run_import(ControlClient& client, const std::string& what, const std::string& path,
                   const Json& begin) {
  std::ifstream file(path);
  if (!file) return {.kind = Outcome::Kind::kRefused, .error = "can't read " + path};
  auto outcome = import_file(client, what, begin, file);
  if (outcome.kind != Outcome::Kind::kDone) return outcome;
  Json& report = outcome.result;
  for (const Json& fault : report["faults"]) {
    std::cerr << path << ":" << fault["line"].dump() << ": " << fault["reason"].get<std::string>()
              << "\n";
  }
  if (!report.value("kept", false)) {
    outcome.kind = Outcome::Kind::kRefused;
    outcome.error = report["refused"].dump() + " rows refused: nothing was imported";
  }
  report.erase("faults");
  return outcome;
}

}  // namespace tandem::admin
