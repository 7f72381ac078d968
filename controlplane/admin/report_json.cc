#include "controlplane/admin/report_json.h"

#include <utility>

namespace tandem::admin {

Json report_json(const store::ImportReport& report) {
  Json faults = Json::array();
  for (const auto& [line, reason] : report.faults) {
    if (faults.size() < kFaultsTold) faults.push_back({{"line", line}, {"reason", reason}});
  }
  return {{"added", report.added},     {"changed", report.changed}, {"removed", report.removed},
          {"refused", report.refused}, {"kept", report.kept},       {"faults", std::move(faults)}};
}

}  // namespace tandem::admin
