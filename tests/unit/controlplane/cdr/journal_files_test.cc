// Rotation, retention, the mark of what has been exported, and reading by number.
#include "controlplane/cdr/journal_files.h"

#include "controlplane/cdr/journal_reader.h"
#include "tests/unit/controlplane/cdr/folder_of_records.h"

namespace tandem::cdr {
namespace {

using base::Millis;
using Names = std::vector<std::string>;

class RotationTest : public ::testing::Test, protected test::FolderOfRecords {
 protected:
  // A file for each call: its time is over as soon as it is written.
  static constexpr Journal::Rotation kEach{.interval = base::Nanos{1}, .exported_max = 2};

  void live(const Names& calls, Journal::Rotation rotation = kEach) {
    Journal journal(100, Millis{50}, rotation);
    const bool each = rotation.interval == base::Nanos{1};
    const bool left = each && !folder.read("cdr/j.jsonl").empty();
    const auto opened = journal.open(path);
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    // What a former life has left in the file has had its time, too.
    if (left) await([&] { return journal.rotations() == 1; });
    for (const auto& call : calls) {
      const auto before = journal.rotations();
      journal.append(test::call_record(call));
      if (each) await([&] { return journal.rotations() > before; });
    }
    journal.stop();
    EXPECT_EQ(journal.last(), journal.files().last_finished() + lines().size());
  }
  // Numbers of the records that a page by page walk finds.
  std::vector<std::uint64_t> walk(const JournalFiles& files, PageOrder order) {
    std::vector<std::uint64_t> out;
    while (order.from <= order.last) {
      const Page page = read_page(files, order);
      for (const auto& line : page.lines) out.push_back(sequence_of(line).value());
      EXPECT_GT(page.next, order.from);
      order.from = page.next;
    }
    return out;
  }
  std::string refusal() {
    Journal journal(100, Millis{50}, kEach);
    const auto opened = journal.open(path);
    return opened ? "" : opened.error_text();
  }
};

TEST_F(RotationTest, AFinishedFileIsNamedByItsNumbers) {
  live({"a", "b"});
  EXPECT_EQ(names(), (Names{"j-000000000001-000000000001.jsonl",
                            "j-000000000002-000000000002.jsonl", "j.jsonl"}));
  EXPECT_EQ(all_lines(), (Names{"1 a", "2 b"}));
  EXPECT_TRUE(lines().empty());
}

TEST_F(RotationTest, NumbersGoOnOverFilesAndLives) {
  live({"a", "b"});
  live({});
  EXPECT_EQ(names().size(), 3u);  // without records there is no file to finish
  live({"c"}, {});
  EXPECT_EQ(lines(), Names{"3 c"});
  live({"d"}, {});
  EXPECT_EQ(lines(), (Names{"3 c", "4 d"}));
  live({"e"});
  EXPECT_EQ(names()[2], "j-000000000003-000000000004.jsonl");
  EXPECT_EQ(names()[3], "j-000000000005-000000000005.jsonl");
  EXPECT_EQ(all_lines(), (Names{"1 a", "2 b", "3 c", "4 d", "5 e"}));
}

// Nobody calls any more, and yet the file's time ends.
TEST_F(RotationTest, AFileIsFinishedWithoutFurtherRecords) {
  live({"a"}, {});
  Journal journal(100, Millis{50}, {.interval = Millis{1}});
  ASSERT_TRUE(journal.open(path).ok());
  await([&] { return journal.rotations() == 1; });
  journal.stop();
  EXPECT_EQ(names(), (Names{"j-000000000001-000000000001.jsonl", "j.jsonl"}));
}

// A life that is shorter than the interval leaves the rest of it to the next one.
TEST_F(RotationTest, AFilesAgeOutlivesItsLife) {
  const auto life = [&](base::Nanos age) {
    Journal journal(100, Millis{50});  // 60 s
    ASSERT_TRUE(journal.open(path).ok());
    auto record = test::call_record("a");
    record.end_ms = base::wall_ms_now() - age / Millis{1};
    if (age != base::Nanos{}) journal.append(record);
    if (age == base::Nanos{}) await([&] { return journal.rotations() == 1; });
    journal.stop();
  };
  life(base::Seconds{30});
  life(base::Seconds{20});
  EXPECT_EQ(names(), Names{"j.jsonl"});
  folder.write("cdr/j.jsonl", "");
  life(base::Seconds{61});
  life({});
  EXPECT_EQ(names(), (Names{"j-000000000001-000000000001.jsonl", "j.jsonl"}));
}

TEST_F(RotationTest, AKillBetweenTheRenamesLosesNothing) {
  live({"a"});
  // Killed after the first rename: the new file hasn't got its name yet.
  std::filesystem::rename(path, path + ".next");
  live({"b"});
  EXPECT_EQ(all_lines(), (Names{"1 a", "2 b"}));
  EXPECT_EQ(names().size(), 3u);
  // Killed before it: the current file has records, and a new one stands beside it.
  live({"c"}, {});
  folder.write("cdr/j.jsonl.next", "");
  live({"d"}, {});
  EXPECT_EQ(lines(), (Names{"3 c", "4 d"}));
  EXPECT_EQ(names().back(), "j.jsonl");
}

TEST_F(RotationTest, ACutOffLineBehindFinishedFilesIsCutAway) {
  live({"a"});
  folder.write("cdr/j.jsonl", "{\"sequence\":2,\"call\":\"to");
  live({"b"}, {});
  EXPECT_EQ(all_lines(), (Names{"1 a", "2 b"}));
}

TEST_F(RotationTest, NumbersThatWereGivenAlreadyAreRefused) {
  live({"a", "b"});
  folder.write("cdr/j.jsonl", to_json(test::call_record("old"), 2, Millis{50}) + "\n");
  EXPECT_NE(refusal().find("don't go on behind 2"), std::string::npos) << refusal();
}

TEST_F(RotationTest, WhatIsNoFinishedFileIsLeftAlone) {
  live({"a"});
  for (const char* name :
       {"j-1-1.jsonl", "j-x-000000000009.jsonl", "j-000000000009.jsonl",
        "j-000000000009-000000000008.jsonl", "jj-000000000009-000000000009.jsonl",
        "j-000000000009-000000000009.jsonl.gz"}) {
    folder.write(std::string("cdr/") + name, "mine");
  }
  live({"b"}, {});
  EXPECT_EQ(lines(), Names{"2 b"});
  EXPECT_EQ(names().size(), 8u);
}

TEST_F(RotationTest, AFailingFolderKeepsTheFileGoing) {
  live({});
  std::filesystem::create_directory(path + ".next");  // no file can be made there
  Journal journal(100, Millis{50}, {.interval = base::Nanos{1}});
  ASSERT_TRUE(journal.open(path).ok());
  std::filesystem::create_directory(path + ".next");  // an empty one was taken away
  journal.append(test::call_record("a"));
  await([&] { return journal.written() == 1; });
  journal.append(test::call_record("b"));
  await([&] { return journal.written() == 2; });
  EXPECT_EQ(journal.rotations(), 0u);
  std::filesystem::remove(path + ".next");
  await([&] { return journal.rotations() == 1; });
  journal.stop();
  EXPECT_EQ(all_lines(), (Names{"1 a", "2 b"}));
}

TEST_F(RotationTest, OnlyExportedFilesAreDeleted) {
  live({"a", "b", "c", "d", "e"});
  Journal journal(100, Millis{50}, kEach);
  ASSERT_TRUE(journal.open(path).ok());
  EXPECT_EQ(journal.files().unexported_beyond(), 3u);
  EXPECT_EQ(names().size(), 6u);
  ASSERT_TRUE(journal.files().mark_exported(1, 3).ok());
  EXPECT_EQ(journal.files().unexported_beyond(), 0u);
  EXPECT_EQ(names()[0], "j-000000000002-000000000002.jsonl");
  ASSERT_TRUE(journal.files().mark_exported(4, 5).ok());
  EXPECT_EQ(all_lines(), (Names{"4 d", "5 e"}));
  journal.append(test::call_record("f"));
  await([&] { return journal.rotations() == 1; });
  EXPECT_EQ(all_lines(), (Names{"4 d", "5 e", "6 f"}));
  ASSERT_TRUE(journal.files().mark_exported(6, 6).ok());
  EXPECT_EQ(all_lines(), (Names{"5 e", "6 f"}));
}

TEST_F(RotationTest, TheMarkIsKeptAndPassesNothingOver) {
  live({"a", "b", "c"});
  {
    JournalFiles files(100);
    close(files.open(path).value());
    EXPECT_EQ(files.exported(), 0u);
    const auto refused = files.mark_exported(2, 3);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error_text(), "records 1 to 1 have not been exported yet");
    ASSERT_TRUE(files.mark_exported(1, 2).ok());
    ASSERT_TRUE(files.mark_exported(1, 1).ok());  // again: nothing is taken back
    EXPECT_EQ(files.exported(), 2u);
  }
  JournalFiles files(100);
  close(files.open(path).value());
  EXPECT_EQ(files.exported(), 2u);
  ASSERT_TRUE(files.mark_exported(3, 3).ok());
  EXPECT_EQ(folder.read("cdr/j.exported"), "3\n");
}

TEST_F(RotationTest, AMarkThatMakesNoSense) {
  live({"a"});
  folder.write("cdr/j.exported", "yesterday\n");
  EXPECT_NE(refusal().find("holds no number"), std::string::npos);
  // The journal was taken away and the mark was not: what comes is new.
  folder.write("cdr/j.exported", "12345\n");
  Journal journal(100, Millis{50});
  ASSERT_TRUE(journal.open(path).ok());
  EXPECT_EQ(journal.files().exported(), 0u);
}

TEST_F(RotationTest, PagesLeadThroughAllFiles) {
  live({"a", "b"});
  live({"c", "d", "e"}, {});
  JournalFiles files(100);
  close(files.open(path).value());
  using Numbers = std::vector<std::uint64_t>;
  for (const std::size_t records : {1, 2, 100}) {
    EXPECT_EQ(walk(files, {.from = 1, .last = 5, .records = records}), (Numbers{1, 2, 3, 4, 5}));
    EXPECT_EQ(walk(files, {.from = 2, .last = 4, .records = records}), (Numbers{2, 3, 4}));
  }
  EXPECT_EQ(walk(files, {.from = 1, .last = 5, .octets = 1}), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(read_page(files, {.from = 6, .last = 5}).next, 6u);
  // A file that somebody took away is passed over, a damaged line too.
  std::filesystem::remove(folder.path("cdr/j-000000000002-000000000002.jsonl"));
  auto text = folder.read("cdr/j.jsonl");
  text[text.find("\"sequence\":4")] = 'x';
  folder.write("cdr/j.jsonl", text);
  EXPECT_EQ(walk(files, {.from = 1, .last = 5}), (Numbers{1, 3, 5}));
}

// A finished file that lost its last octets, as a failing disk may do.
TEST_F(RotationTest, ATornFinishedFileCostsItsLastRecordOnly) {
  live({"a", "b"}, {});
  live({"c"});
  live({"d"}, {});
  const std::string name = "cdr/j-000000000001-000000000002.jsonl";
  const auto text = folder.read(name);
  folder.write(name, text.substr(0, text.size() - 5));
  JournalFiles files(100);
  close(files.open(path).value());
  EXPECT_EQ(walk(files, {.from = 1, .last = 4}), (std::vector<std::uint64_t>{1, 3, 4}));
}

TEST_F(RotationTest, AnyRecordOfALargeFileIsFound) {
  Names calls;
  for (int i = 0; i < 3000; ++i)
    calls.push_back(std::string(static_cast<std::size_t>(i % 700), 'x'));
  calls[1500] = std::string(300'000, 'y');
  live(calls, {});
  JournalFiles files(100);
  close(files.open(path).value());
  for (std::uint64_t from = 1; from <= 3000; from += from < 1490 || from > 1510 ? 37 : 1) {
    const Page page = read_page(files, {.from = from, .last = 3000, .records = 1});
    ASSERT_EQ(page.lines.size(), 1u) << from;
    ASSERT_EQ(sequence_of(page.lines.front()), from);
    ASSERT_EQ(page.next, from + 1);
  }
}

TEST_F(RotationTest, TheNumberOfALine) {
  EXPECT_EQ(sequence_of("{\"sequence\":17,\"call\":\"x\"}"), 17u);
  for (const char* line :
       {"", "{}", "{\"sequence\":17,\"call\":\"x", "{\"sequence\":x,}", "\0\0"}) {
    EXPECT_FALSE(sequence_of(line)) << line;
  }
}

}  // namespace
}  // namespace tandem::cdr
