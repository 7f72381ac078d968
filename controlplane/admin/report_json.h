// What an import came to, as commands answer it.
#pragma once

#include "controlplane/admin/control_socket.h"
#include "controlplane/store/import_report.h"

namespace tandem::admin {

// At most so many of its faults are told.
inline constexpr std::size_t kFaultsTold = 1000;

Json report_json(const store::ImportReport& report);

}  // namespace tandem::admin
