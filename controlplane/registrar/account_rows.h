// Accounts as files hold them: a line of CSV (RFC 4180, its columns named by the first line) or a
// JSON object a line. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "controlplane/registrar/account.h"

namespace tandem::registrar {

enum class AccountField : std::uint8_t {
  kUser,
  kRealm,
  kPassword,
  kHa1Md5,
  kHa1Sha256,
  kNumbers,
  kDevices,
  kEnabled,
};

class AccountRows {
 public:
  // Of JSON objects.
  AccountRows() = default;
  // Of CSV with these columns. Fails when one is unknown or there twice, or none is "user".
  static base::Result<AccountRows> csv(std::string_view header);

  base::Result<AccountWords> read(std::string_view line) const;

 private:
  base::Result<AccountWords> read_csv(std::string_view line) const;

  std::vector<AccountField> columns_;  // empty: JSON
};

// {"user": "…", "numbers": ["…"], "enabled": true …}; other keys are faults.
base::Result<AccountWords> account_words(const nlohmann::ordered_json& object);

}  // namespace tandem::registrar
