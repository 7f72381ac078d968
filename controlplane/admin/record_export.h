// tandemctl's part of `cdr tail` and `cdr export`: pages of records from the control plane, written
// as the operator wants them; what has been written in safety is marked as exported.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

struct ExportOrder {
  std::optional<std::uint64_t> from{};  // none: behind what has been exported
  std::optional<std::uint64_t> to{};
  std::optional<std::uint64_t> since_ms{};  // by the end of the call, milliseconds since 1970
  std::optional<std::uint64_t> until_ms{};
  bool csv = false;
  bool mark = true;
  std::string file{};  // empty: standard output
};

// The result has `records` (how many were written), `from`, `to` and `exported`. A file is made
// under another name first, and only renamed once it is on disk; then it is marked: whoever dies in
// between exports the same records again, and none is passed over.
ControlClient::Outcome export_records(ControlClient& client, const ExportOrder& order);

// The last `count` records, and with `follow` those that come, until the control plane is gone.
// Lines of JSON, or short ones for a person.
ControlClient::Outcome tail_records(ControlClient& client, std::uint64_t count, bool follow,
                                    bool as_json);

// A moment as an operator writes it: 2026-11-28, 2026-11-28T21:00[:05][Z] (UTC), or milliseconds
// since 1970. None: it isn't one.
std::optional<std::uint64_t> parse_moment(const std::string& text);

// One record for a person.
std::string short_line(const Json& record);

}  // namespace tandem::admin
