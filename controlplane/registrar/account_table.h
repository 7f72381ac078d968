// The accounts as a REGISTER meets them: found by user and realm, with what proves their password,
// and by number. In memory, read by all shards without a lock (read_mostly_table.h); written by the
// account book alone. Texts aren't kept: a 128-bit digest under a secret key stands for each.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "controlplane/registrar/account.h"
#include "controlplane/registrar/read_mostly_table.h"
#include "drivers/base/keyed_hash.h"

namespace tandem::registrar {

using AccountKey = base::KeyedHash::Digest;

struct AccountRecord {
  AccountKey key;
  Ha1 ha1;
  std::uint32_t devices = 1;
  bool enabled = true;
};

class AccountTable {
 public:
  using Accounts = ReadMostlyTable<AccountRecord>;
  struct NumberRecord {
    base::KeyedHash::Digest key;
    AccountKey account;
  };
  using Numbers = ReadMostlyTable<NumberRecord>;
  // One step of the book: all of it, or nothing.
  struct Changes {
    std::vector<Accounts::Change> accounts;
    std::vector<Numbers::Change> numbers;
  };
  // What readers may still be looking at.
  struct Retired {
    Accounts::Retired accounts;
    Numbers::Retired numbers;
  };

  // About as many accounts as it is made for.
  static constexpr std::uint32_t kAccounts = 1'000'000;
  explicit AccountTable(const base::KeyedHash::Key& secret, std::uint32_t accounts = kAccounts)
      : secret_(secret), accounts_(accounts), numbers_(accounts) {}

  // Any thread.
  AccountKey key_of(std::string_view user, std::string_view realm) const {
    return (base::KeyedHash(secret_) << user << realm).digest();
  }
  base::KeyedHash::Digest key_of_number(std::string_view number) const {
    return (base::KeyedHash(secret_) << number).digest();
  }
  const AccountRecord* find(const AccountKey& key) const { return accounts_.find(key); }
  // Whose number this is.
  const AccountKey* find_number(const base::KeyedHash::Digest& key) const {
    const NumberRecord* const record = numbers_.find(key);
    return record != nullptr ? &record->account : nullptr;
  }
  std::size_t size() const { return accounts_.size(); }

  // The writer's thread.
  [[nodiscard]] Retired apply(const Changes& changes) {
    return {accounts_.apply(changes.accounts), numbers_.apply(changes.numbers)};
  }

 private:
  base::KeyedHash::Key secret_;
  Accounts accounts_;
  Numbers numbers_;
};

}  // namespace tandem::registrar
