// An account: who may register here, and how it proves to be the one. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::registrar {

// What is kept of a password (RFC 7616 §3.4.2): as good as the password itself in this one realm.
struct Ha1 {
  std::array<std::uint8_t, 16> md5{};
  std::array<std::uint8_t, 32> sha256{};
  friend bool operator==(const Ha1&, const Ha1&) = default;
};

struct Account {
  static constexpr std::uint32_t kDevicesMax = 16;
  static constexpr std::size_t kNumbersMax = 16;

  std::string user;  // the user part of its address of record
  std::string realm;
  Ha1 ha1;
  std::vector<std::string> numbers{};  // that it can be called by beside its user name
  std::uint32_t devices = 1;           // that may be registered at a time
  bool enabled = true;                 // else: refused, its password right or not
};

// What an operator says of an account, as it was written. Nothing said: it stays as it is.
struct AccountWords {
  std::string user{};
  std::string realm{};  // empty: the switch's first
  std::optional<std::string> password{};
  std::optional<std::string> ha1_md5{};  // both, instead of a password
  std::optional<std::string> ha1_sha256{};
  std::optional<std::vector<std::string>> numbers{};
  std::optional<std::uint64_t> devices{};
  std::optional<bool> enabled{};
};

// The same, found to make sense, and the password gone.
struct AccountEdit {
  std::string user;
  std::string realm;
  std::optional<Ha1> ha1{};
  std::optional<std::vector<std::string>> numbers{};
  std::optional<std::uint32_t> devices{};
  std::optional<bool> enabled{};
};

// Fails with what is wrong, for a person; a password is never part of that. Any thread.
base::Result<AccountEdit> check_words(const AccountWords& words,
                                      const std::vector<std::string>& realms);

}  // namespace tandem::registrar
