#include "controlplane/cdr/csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "controlplane/cdr/record.h"

namespace tandem::cdr {
namespace {

using Json = nlohmann::ordered_json;

// RFC 4180, one row.
std::vector<std::string> cells(const std::string& row) {
  std::vector<std::string> out(1);
  EXPECT_TRUE(row.ends_with("\r\n"));
  bool quoted = false;
  for (std::size_t i = 0; i + 2 < row.size(); ++i) {
    if (row[i] == '"' && quoted && row[i + 1] == '"')
      out.back() += row[++i];
    else if (row[i] == '"')
      quoted = !quoted;
    else if (row[i] == ',' && !quoted)
      out.emplace_back();
    else
      out.back() += row[i];
  }
  EXPECT_FALSE(quoted) << row;
  return out;
}

std::string cell(const Json& record, const std::string& column) {
  const auto names = cells(csv_header());
  const auto values = cells(csv_row(record));
  EXPECT_EQ(names.size(), values.size());
  const auto found = std::find(names.begin(), names.end(), column);
  if (found == names.end()) return "no such column";
  return values[static_cast<std::size_t>(found - names.begin())];
}

CallRecord short_record() {
  CallRecord record;
  record.call = "c1";
  record.given_up = {{"a", "", "0049", "x@y", 302}};
  record.from_caller = wire::FlowFigures{};
  record.from_caller->packets = 17;
  record.quality_from_caller.mos_x100 = 421;
  record.from_callee = wire::FlowFigures{};
  return record;
}

TEST(Csv, EveryFieldHasAColumnAndStandsInTheDocument) {
  std::ifstream in(SOURCE_ROOT "/docs/RECORDS.md");
  const std::string document{std::istreambuf_iterator<char>(in), {}};
  ASSERT_FALSE(document.empty());
  const auto documented = [&](const std::string& field) {
    const auto is_word = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
    };
    for (auto at = document.find(field); at != std::string::npos;
         at = document.find(field, at + 1)) {
      if (!is_word(document[at - 1]) && !is_word(document[at + field.size()])) return true;
    }
    return false;
  };
  const auto columns = cells(csv_header());
  const auto has = [&](const std::string& column) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  };
  const auto json = Json::parse(to_json(short_record(), 1, base::Millis{50}));
  std::size_t fields = 0;
  for (const auto& [field, value] : json.items()) {
    EXPECT_TRUE(documented(field)) << field;
    if (field == "media") continue;
    EXPECT_TRUE(has(field)) << field;
    ++fields;
  }
  for (const auto& [side, figures] : json["media"].items()) {
    EXPECT_TRUE(documented(side)) << side;
    for (const auto& [figure, value] : figures.items()) {
      EXPECT_TRUE(documented(figure)) << figure;
      EXPECT_TRUE(has(side + "_" + figure)) << side << figure;
      ++fields;
    }
  }
  for (const auto& [field, value] : json["given_up"][0].items()) {
    EXPECT_TRUE(documented(field)) << field;
  }
  EXPECT_EQ(columns.size(), fields);
}

// Whoever reads columns by their place goes on doing so.
TEST(Csv, NewColumnsComeLast) {
  const auto columns = cells(csv_header());
  const auto place = [&](const std::string& column) {
    return std::find(columns.begin(), columns.end(), column) - columns.begin();
  };
  EXPECT_EQ(place("codec"), 25);
  EXPECT_EQ(place("from_caller_packets"), 26);
  EXPECT_EQ(place("from_callee_opaque"), 49);
  EXPECT_EQ(place("media_rule"), 50);
  EXPECT_EQ(place("from_caller_late"), 51);
  EXPECT_EQ(columns.back(), "from_callee_round_trip_us");
}

TEST(Csv, CellsSayWhatTheRecordSays) {
  const auto json = Json::parse(to_json(short_record(), 42, base::Millis{50}));
  EXPECT_EQ(cell(json, "sequence"), "42");
  EXPECT_EQ(cell(json, "call"), "c1");
  EXPECT_EQ(cell(json, "caller"), "");
  EXPECT_EQ(cell(json, "from_caller_packets"), "17");
  EXPECT_EQ(cell(json, "from_callee_packets"), "0");
  EXPECT_EQ(cell(json, "from_caller_mos"), "4.21");
  EXPECT_EQ(cell(json, "from_callee_mos"), "");
  EXPECT_EQ(cell(json, "from_caller_reports"), "0");
  EXPECT_EQ(Json::parse(cell(json, "given_up")), json["given_up"]);
  const auto bare = Json::parse(to_json({}, 1, base::Millis{50}));
  EXPECT_EQ(cell(bare, "given_up"), "");
  EXPECT_EQ(cell(bare, "from_caller_packets"), "");
  EXPECT_EQ(cell(Json::object(), "sequence"), "");
}

TEST(Csv, NoTextBreaksARow) {
  CallRecord record = short_record();
  record.caller = "a\"b,c\r\nd\te\x01";
  record.callee = "=1+1";
  record.codec = ",\"";
  record.given_up[0].callee_sent = "x\ny,\"z\"";
  const auto json = Json::parse(to_json(record, 1, base::Millis{50}));
  const auto row = csv_row(json);
  EXPECT_EQ(row.find('\n'), row.size() - 1);
  EXPECT_EQ(row.find('\r'), row.size() - 2);
  EXPECT_EQ(cell(json, "caller"), "a\"b,c\\r\\nd\\u0009e\\u0001");
  EXPECT_EQ(cell(json, "callee"), "=1+1");
  EXPECT_EQ(cell(json, "codec"), ",\"");
  EXPECT_EQ(Json::parse(cell(json, "given_up"))[0]["callee_sent"], "x\ny,\"z\"");
}

}  // namespace
}  // namespace tandem::cdr
