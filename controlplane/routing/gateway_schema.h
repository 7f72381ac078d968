// The gateways' tables in their store. Only ever added to: a released script is never changed.
#pragma once

#include <array>
#include <string_view>

namespace tandem::routing {

inline constexpr std::array<std::string_view, 1> kGatewaySchema{
    // What an operator has set, a row each: settings of later versions need no other table.
    "CREATE TABLE gateway_word ("
    "  gateway TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (gateway, name)"
    ") STRICT, WITHOUT ROWID",
};

}  // namespace tandem::routing
