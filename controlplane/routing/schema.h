// The routing's tables in its file. Only ever added to: a released script is never changed.
#pragma once

#include <array>
#include <string_view>

namespace tandem::routing {

inline constexpr std::array<std::string_view, 2> kSchema{
    // In the order of the table that is made of it, without another index.
    "CREATE TABLE route ("
    "  prefix TEXT NOT NULL,"
    "  gateway TEXT NOT NULL,"
    "  priority INTEGER NOT NULL,"
    "  weight INTEGER NOT NULL,"
    "  price INTEGER NOT NULL,"  // millionths a minute
    "  time TEXT NOT NULL,"
    "  enabled INTEGER NOT NULL,"
    "  PRIMARY KEY (prefix, gateway)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE number_list ("
    "  name TEXT PRIMARY KEY,"
    "  kind INTEGER NOT NULL,"      // 0 caller, 1 callee
    "  otherwise INTEGER NOT NULL"  // 0 allow, 1 deny
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE number_list_entry ("
    "  list TEXT NOT NULL,"
    "  numbers TEXT NOT NULL,"  // a prefix or a range, as it was written
    "  verdict INTEGER NOT NULL,"
    "  PRIMARY KEY (list, numbers)"
    ") STRICT, WITHOUT ROWID",
    // A route's `time` is the name of one, or its own.
    "CREATE TABLE time_window ("
    "  name TEXT PRIMARY KEY,"
    "  times TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID",
};

}  // namespace tandem::routing
