// Records as CSV (RFC 4180): a header row, one row a record, CRLF. A cell with a comma or a quote
// in it is quoted. Line ends and other control characters in a cell are written as JSON writes them
// (\n, \u0001), so that a row is always one line. Nothing else of a text is altered: a cell may
// begin with '=', '+', '-' or '@', which a spreadsheet would take for a formula.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tandem::cdr {

// The columns' names: those of the record's fields; of `media`, from_caller_packets and so on.
std::string csv_header();
// `given_up` is one cell of JSON, empty where nobody was. A field that is null or missing is empty.
std::string csv_row(const nlohmann::ordered_json& record);

}  // namespace tandem::cdr
