// A row as text by the names of its fields: from a line of CSV, a JSON object a line, or the
// arguments of a command. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::routing {

class RowFields {
 public:
  // In the order of the names. No value: nothing is said.
  using Values = std::vector<std::optional<std::string>>;

  // Of JSON objects. The names are somebody's constants; the first `needed` of them must be there.
  RowFields(std::span<const std::string_view> names, std::size_t needed)
      : names_(names), needed_(needed) {}

  // From now on of CSV with these columns. An empty field says nothing, but where it is needed.
  base::Result<void> csv(std::string_view header);
  base::Result<Values> read(std::string_view line) const;
  // Texts, numbers and flags; other keys are faults.
  base::Result<Values> read(const nlohmann::ordered_json& object) const;

 private:
  base::Result<std::size_t> place_of(std::string_view name) const;

  std::span<const std::string_view> names_;
  std::size_t needed_;
  std::vector<std::size_t> columns_{};  // empty: JSON
};

}  // namespace tandem::routing
