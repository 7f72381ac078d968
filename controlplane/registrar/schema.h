// The registrar's tables in its files. Only ever added to: a released script is never changed.
#pragma once

#include <array>
#include <string_view>

namespace tandem::registrar {

inline constexpr std::array<std::string_view, 2> kSchema{
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
    // Ours with others. -1: what the parameter says.
    "CREATE TABLE registration ("
    "  name TEXT PRIMARY KEY,"
    "  server TEXT NOT NULL,"
    "  proxy TEXT NOT NULL,"
    "  port TEXT NOT NULL,"
    "  listener TEXT NOT NULL,"
    "  user TEXT NOT NULL,"
    "  auth_user TEXT NOT NULL,"
    "  password TEXT NOT NULL,"
    "  expiry INTEGER NOT NULL,"  // seconds; 0: auto
    "  retry_delay INTEGER NOT NULL,"
    "  send_unregister INTEGER NOT NULL,"
    "  privacy INTEGER NOT NULL"  // 0 ignore, 1 id, 2 none
    ") STRICT, WITHOUT ROWID",
};

// Of the registrations' file. `registration` and `instance` are hashes under the secret "hash".
inline constexpr std::array<std::string_view, 1> kBindingSchema{
    "CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE binding ("
    "  account TEXT NOT NULL,"  // user@realm
    "  contact TEXT NOT NULL,"
    "  params TEXT NOT NULL,"
    "  path TEXT NOT NULL,"
    "  q INTEGER NOT NULL,"  // thousandths
    "  nat INTEGER NOT NULL,"
    "  cseq INTEGER NOT NULL,"
    "  registration INTEGER NOT NULL,"
    "  instance INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"  // since 1970, as the next one
    "  registered_ms INTEGER NOT NULL,"
    "  protocol INTEGER NOT NULL,"  // 0 UDP, 1 TCP, 2 TLS
    "  flow INTEGER NOT NULL,"      // 1: it came on a connection
    "  local TEXT NOT NULL,"
    "  remote TEXT NOT NULL,"
    "  PRIMARY KEY (account, contact)"
    ") STRICT, WITHOUT ROWID",
};

}  // namespace tandem::registrar
