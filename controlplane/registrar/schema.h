// The registrar's tables in the store. Only ever added to: a released script is never changed.
#pragma once

#include <array>
#include <string_view>

namespace tandem::registrar {

inline constexpr std::array<std::string_view, 1> kSchema{
    // In the order of the key, without another index: a million rows stay small and load in a row.
    "CREATE TABLE account ("
    "  realm TEXT NOT NULL,"
    "  user TEXT NOT NULL,"
    "  ha1_md5 BLOB NOT NULL,"
    "  ha1_sha256 BLOB NOT NULL,"
    "  numbers TEXT NOT NULL,"  // parted by blanks
    "  devices INTEGER NOT NULL,"
    "  enabled INTEGER NOT NULL,"
    "  PRIMARY KEY (realm, user)"
    ") STRICT, WITHOUT ROWID",
};

}  // namespace tandem::registrar
