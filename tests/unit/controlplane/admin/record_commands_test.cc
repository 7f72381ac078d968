// Call records by the operator's hand: tandemctl's end of a real control socket, the socket, and a
// journal.
#include "controlplane/admin/record_commands.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "controlplane/admin/record_export.h"
#include "tests/unit/controlplane/admin/command_door.h"

namespace tandem::admin {
namespace {

using Numbers = std::vector<std::uint64_t>;

class RecordCommandsTest : public CommandDoorTest {
 protected:
  RecordCommandsTest() {
    EXPECT_TRUE(journal.open(folder.path("cdr.jsonl")).ok());
    open_door(commands);
  }
  ~RecordCommandsTest() override { close_door(); }
  void write(int count) {
    const auto all = journal.last() + static_cast<std::uint64_t>(count);
    for (int i = 0; i < count; ++i) {
      cdr::CallRecord record;
      record.call = "c";
      record.end_ms = static_cast<std::int64_t>(1000 * (++made));
      journal.append(record);
    }
    while (journal.last() < all) std::this_thread::yield();
  }
  Outcome exported(const ExportOrder& order) { return export_records(client, order); }
  // An export to a new file: the numbers in it.
  Numbers to_file(ExportOrder order) {
    order.file = folder.path("out" + std::to_string(++files));
    const Outcome outcome = exported(order);
    EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.error;
    Numbers out;
    std::istringstream in(folder.read("out" + std::to_string(files)));
    for (std::string line; std::getline(in, line);) {
      out.push_back(Json::parse(line)["sequence"].get<std::uint64_t>());
    }
    return out;
  }

  cdr::Journal journal{100'000, base::Millis{50}};
  RecordCommands commands{loop, journal};
  std::uint64_t made = 0;
  int files = 0;
};

TEST_F(RecordCommandsTest, EachRecordIsExportedOnce) {
  EXPECT_EQ(to_file({}), Numbers{});
  EXPECT_FALSE(std::filesystem::exists(folder.path("out1")));  // nothing is no file
  write(3);
  EXPECT_EQ(to_file({.mark = false}), (Numbers{1, 2, 3}));
  EXPECT_EQ(to_file({}), (Numbers{1, 2, 3}));
  EXPECT_EQ(to_file({}), Numbers{});
  write(2);
  EXPECT_EQ(to_file({}), (Numbers{4, 5}));
  EXPECT_EQ(journal.files().exported(), 5u);
  EXPECT_EQ(to_file({.from = 2, .to = 4, .mark = false}), (Numbers{2, 3, 4}));
  EXPECT_EQ(to_file({.from = 4}), (Numbers{4, 5}));  // marks what is marked
  EXPECT_EQ(journal.files().exported(), 5u);
}

TEST_F(RecordCommandsTest, ManyPagesAreOneExport) {
  write(1234);
  const Numbers all = to_file({});
  ASSERT_EQ(all.size(), 1234u);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
}

TEST_F(RecordCommandsTest, ByTime) {
  write(5);  // ended at 1 … 5 s
  EXPECT_EQ(to_file({.since_ms = 2000, .until_ms = 4000, .mark = false}), (Numbers{2, 3, 4}));
  const Outcome outcome = exported({.since_ms = 2000});
  EXPECT_EQ(outcome.kind, Outcome::Kind::kRefused);
  EXPECT_EQ(journal.files().exported(), 0u);
}

// Whoever can't write, or dies before he has asked for the mark, has exported nothing.
TEST_F(RecordCommandsTest, WhatIsNotWrittenIsNotMarked) {
  write(2);
  EXPECT_EQ(exported({.file = "/dev/full/x"}).kind, Outcome::Kind::kRefused);
  EXPECT_EQ(exported({.file = folder.path("no/such/folder")}).kind, Outcome::Kind::kRefused);
  folder.write("there", "an export of before");
  const Outcome there = exported({.file = folder.path("there")});
  EXPECT_EQ(there.kind, Outcome::Kind::kRefused);
  EXPECT_NE(there.error.find("File exists"), std::string::npos) << there.error;
  EXPECT_EQ(folder.read("there"), "an export of before");
  EXPECT_EQ(journal.files().exported(), 0u);
  EXPECT_EQ(to_file({}), (Numbers{1, 2}));
}

TEST_F(RecordCommandsTest, CsvHasARowForEach) {
  write(2);
  ASSERT_EQ(exported({.csv = true, .file = folder.path("csv")}).kind, Outcome::Kind::kDone);
  const std::string text = folder.read("csv");
  EXPECT_TRUE(text.starts_with("sequence,schema,call,")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_NE(text.find("\r\n2,1,c,"), std::string::npos) << text;
}

TEST_F(RecordCommandsTest, PagesSayHowToGoOn) {
  write(7);
  Outcome page = client.ask("cdr read", {{"tail", 2}});
  EXPECT_EQ(page.result["records"].size(), 2u);
  EXPECT_EQ(page.result["from"], 6);
  EXPECT_EQ(page.result["next"], 8);
  EXPECT_EQ(page.result["last"], 7);
  page = client.ask("cdr read", {{"tail", 1000}});
  EXPECT_EQ(page.result["from"], 1);
  page = client.ask("cdr read", {{"from", 8}});
  EXPECT_TRUE(page.result["records"].empty());
  EXPECT_EQ(page.result["next"], 8);
}

TEST_F(RecordCommandsTest, WhatMakesNoSenseIsRefusedInWords) {
  write(3);
  EXPECT_EQ(refused("cdr read", {{"from", -1}}), "cdr read: \"from\" must be a number from 0 on");
  EXPECT_EQ(refused("cdr read", {{"since", "x"}}),
            "cdr read: \"since\" must be a number from 0 on");
  EXPECT_EQ(refused("cdr mark", {{"from", 1}}), "cdr mark: \"to\" must be a number from 0 on");
  EXPECT_EQ(refused("cdr mark", {{"from", 1}, {"to", 4}}), "cdr mark: the last record is 3");
  EXPECT_EQ(refused("cdr mark", {{"from", 3}, {"to", 3}}),
            "cdr mark: records 1 to 2 have not been exported yet");
  EXPECT_EQ(refused("cdr", Json::object()), "not here: cdr");
}

TEST(RecordExport, MomentsAsPeopleWriteThem) {
  EXPECT_EQ(parse_moment("1764363605000"), 1764363605000u);
  EXPECT_EQ(parse_moment("2025-11-28"), 1764288000000u);
  EXPECT_EQ(parse_moment("2025-11-28T21:00"), 1764363600000u);
  EXPECT_EQ(parse_moment("2025-11-28T21:00:05"), 1764363605000u);
  EXPECT_EQ(parse_moment("2025-11-28 21:00:05Z"), 1764363605000u);
  for (const char* text : {"", "now", "2025", "2025-13-01", "2025-02-30", "2025-11-28T25:00",
                           "2025-11-28T21:60", "2025-11-28T21", "2025-11-28T21:00:05+01", "-5"}) {
    EXPECT_FALSE(parse_moment(text)) << text;
  }
}

TEST(RecordExport, ALineForAPersonSteersNoTerminal) {
  Json record = {{"sequence", 7},
                 {"end_ms", 1764363605000},
                 {"caller", "\x1b[2J1"},
                 {"callee", "49"},
                 {"mapping_gateway", "acme"},
                 {"routing_gateway", ""},
                 {"hold_time_s", 3},
                 {"sip_code", 404},
                 {"end_reason", "NoRoute"},
                 {"end_direction", "switch"}};
  EXPECT_EQ(short_line(record),
            "7 2025-11-28T21:00:05.000Z ?[2J1 -> 49 acme -> - 3 s 404 NoRoute by switch");
}

}  // namespace
}  // namespace tandem::admin
