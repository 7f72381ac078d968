// Registrations of ours as commands and files hold them: a JSON object, or a line of CSV whose
// columns the first line names. Pure; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "controlplane/registrar/outbound_record.h"

namespace tandem::registrar {

// Numbers and truths count as the words that they are written as. What isn't one is a fault.
base::Result<OutboundWords> outbound_words(const nlohmann::ordered_json& object);

// A whole file; an object a line when it begins with '{', else CSV, where an empty field says
// nothing.
struct OutboundRow {
  std::uint64_t line;  // from 1
  base::Result<OutboundWords> words;
};
// Fails when the columns make no sense.
base::Result<std::vector<OutboundRow>> outbound_rows(std::string_view file);

}  // namespace tandem::registrar
