#include "controlplane/cdr/journal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/unit/drivers/base/temp_folder.h"
#include "tests/unit/drivers/wire/child.h"

namespace tandem::cdr {
namespace {

using base::Millis;

CallRecord record(const std::string& call) {
  CallRecord out;
  out.call = call;
  return out;
}

// A disk that is full: no file of ours grows beyond this, until the object ends.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit full{bytes, before_.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &full) == 0);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class JournalTest : public ::testing::Test {
 protected:
  // The file's records as "sequence call"; each line must be a whole JSON object.
  std::vector<std::string> lines() {
    std::vector<std::string> out;
    std::istringstream in(folder.read("cdr/j.jsonl"));
    for (std::string line; std::getline(in, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(json.is_object()) << line;
      if (!json.is_object()) continue;
      out.push_back(std::to_string(json["sequence"].get<std::uint64_t>()) + " " +
                    json["call"].get<std::string>());
    }
    return out;
  }
  void append_raw(const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::app) << bytes;
  }
  // One life of a journal that writes these.
  void live(const std::vector<std::string>& calls) {
    Journal journal(100, Millis{50});
    const auto opened = journal.open(path);
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    for (const auto& call : calls) journal.append(record(call));
    journal.stop();
    EXPECT_EQ(journal.written(), calls.size());
  }
  // When the file was last written to.
  std::int64_t touched() const {
    struct stat found {};
    EXPECT_EQ(stat(path.c_str(), &found), 0);
    return found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec;
  }
  static void await(const std::function<bool()>& done) {
    const auto deadline = base::monotonic_now() + base::Seconds{60};
    while (!done()) {
      ASSERT_LT(base::monotonic_now(), deadline);
      std::this_thread::yield();
    }
  }
  std::string refusal() {
    Journal journal(100, Millis{50});
    const auto opened = journal.open(path);
    return opened ? "" : opened.error_text();
  }

  test::TempFolder folder;
  const std::string path = folder.path("cdr/j.jsonl");  // its folder is made, too
};

TEST_F(JournalTest, GoesOnBehindItsLastNumber) {
  live({"a", "b"});
  live({});
  live({"c"});
  EXPECT_EQ(lines(), (std::vector<std::string>{"1 a", "2 b", "3 c"}));
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777 & ~0640u, 0u);  // numbers that people called: not for everybody
}

TEST_F(JournalTest, ATornLastLineIsCutAway) {
  live({"a", "b"});
  append_raw("{\"sequence\":3,\"call\":\"to");
  live({"c"});
  EXPECT_EQ(lines(), (std::vector<std::string>{"1 a", "2 b", "3 c"}));
}

TEST_F(JournalTest, ATornOnlyLineIsCutAway) {
  live({});
  append_raw("{\"sequ");
  live({"a"});
  EXPECT_EQ(lines(), std::vector<std::string>{"1 a"});
}

// A crash of the machine may leave zeros where the last record was to be.
TEST_F(JournalTest, ZerosAtTheEndAreCutAway) {
  live({"a"});
  append_raw(std::string(5000, '\0'));
  live({"b"});
  EXPECT_EQ(lines(), (std::vector<std::string>{"1 a", "2 b"}));
}

TEST_F(JournalTest, EveryPossibleTearIsMended) {
  live({"a", "b"});
  const auto whole = folder.read("cdr/j.jsonl");
  const auto first = whole.find('\n') + 1;
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    folder.write("cdr/j.jsonl", whole.substr(0, size));
    live({"x"});
    const auto found = lines();
    ASSERT_EQ(found.size(), size < first ? 1u : 2u) << size;
    ASSERT_EQ(found.back(), size < first ? "1 x" : "2 x") << size;
  }
}

TEST_F(JournalTest, AFileThatIsNoJournalIsNotWrittenTo) {
  live({});
  for (const auto* text : {"hello\n", "{\"a\":1}\n", "[1]\n", "{\"sequence\":-1}\n", "\n",
                           "{\"sequence\":1}\n\n", "{\"sequence\":\"1\"}\n"}) {
    folder.write("cdr/j.jsonl", text);
    EXPECT_NE(refusal().find("move the file away"), std::string::npos) << text;
    EXPECT_EQ(folder.read("cdr/j.jsonl"), text);
  }
}

TEST_F(JournalTest, AFolderThatCantBeMadeIsAnError) {
  folder.write("cdr", "a file where the folder should be");
  EXPECT_NE(refusal().find("cannot open call record journal"), std::string::npos);
}

TEST_F(JournalTest, ALastLineOfAlmostAMegabyteIsFound) {
  live({"a"});
  live({std::string(1'000'000, 'x')});
  live({"b"});
  EXPECT_EQ(lines().back(), "3 b");
}

TEST_F(JournalTest, StoppingWritesAllThatWaits) {
  std::vector<std::string> calls;
  for (int i = 0; i < 6000; ++i) calls.push_back("c" + std::to_string(i));  // more than one batch
  live(calls);
  const auto found = lines();
  ASSERT_EQ(found.size(), calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    ASSERT_EQ(found[i], std::to_string(i + 1) + " " + calls[i]);
  }
}

TEST_F(JournalTest, AFullDiskKeepsRecordsUntilItHasRoom) {
  live({"a"});
  const auto before = folder.read("cdr/j.jsonl");
  Journal journal(3, Millis{50});
  ASSERT_TRUE(journal.open(path).ok());
  {
    const auto untouched = touched();
    // The first record would fit half: no half of it may stay.
    const FullDisk disk(before.size() + 100);
    EXPECT_TRUE(journal.room());
    journal.append(record("b"));
    journal.append(record("c"));
    EXPECT_TRUE(journal.room());
    journal.append(record("d"));
    EXPECT_FALSE(journal.room());
    journal.append(record("e"));  // one that was under way: it isn't lost
    EXPECT_FALSE(journal.room());
    // It is tried in earnest: half a record is written, and cut away again.
    await([&] { return touched() != untouched && folder.read("cdr/j.jsonl") == before; });
    EXPECT_EQ(journal.written(), 0u);
    EXPECT_FALSE(journal.room());
  }
  await([&] { return journal.written() == 4; });
  EXPECT_EQ(journal.written(), 4u);
  EXPECT_TRUE(journal.room());
  journal.stop();
  EXPECT_EQ(lines(), (std::vector<std::string>{"1 a", "2 b", "3 c", "4 d", "5 e"}));
}

TEST_F(JournalTest, StoppingOnAFullDiskEndsAndLeavesWholeLines) {
  live({"a"});
  const auto before = folder.read("cdr/j.jsonl");
  {
    Journal journal(100, Millis{50});
    ASSERT_TRUE(journal.open(path).ok());
    const FullDisk disk(before.size() + 10);
    journal.append(record("b"));
    journal.stop();
    EXPECT_EQ(journal.written(), 0u);
  }
  EXPECT_EQ(folder.read("cdr/j.jsonl"), before);
}

// kill -9 of a process that writes for ever: what remains is a row of whole records, and the next
// life goes on without a gap or a number given twice.
TEST_F(JournalTest, AKilledWriterLeavesAnUnbrokenRow) {
  std::uint64_t last = 0;
  for (int trial = 0; trial < 10; ++trial) {
    const test::Pipe pipe;
    test::Child writer([&] {
      Journal journal(1'000'000, Millis{50});
      if (!journal.open(path)) return;
      for (std::uint64_t i = 0;; ++i) {
        journal.append(record("x"));
        if (i == 50) pipe.say("writing");
        while (!journal.room() || i > journal.written() + 500) std::this_thread::yield();
      }
    });
    ASSERT_EQ(pipe.hear(), "writing");
    const auto until = base::monotonic_now() + base::Nanos{trial * 2'000'000};
    while (base::monotonic_now() < until) continue;
    writer.kill_9();
    live({"after"});
    const auto found = lines();
    ASSERT_FALSE(found.empty());
    ASSERT_GT(found.size(), last);
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_TRUE(found[i].starts_with(std::to_string(i + 1) + " ")) << found[i];
    }
    ASSERT_TRUE(found.back().ends_with("after"));
    last = found.size();
  }
}

TEST_F(JournalTest, AnyThreadAppends) {
  Journal journal(100'000, Millis{50});
  ASSERT_TRUE(journal.open(path).ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&journal, t] {
      for (int i = 0; i < 500; ++i) journal.append(record(std::to_string(t * 1000 + i)));
    });
  }
  while (journal.written() == 0) std::this_thread::yield();
  for (auto& thread : threads) thread.join();
  journal.stop();
  EXPECT_EQ(journal.written(), 2000u);
  std::vector<int> next(4, 0);
  const auto found = lines();
  ASSERT_EQ(found.size(), 2000u);
  for (const auto& line : found) {
    const int call = std::stoi(line.substr(line.find(' ') + 1));
    ASSERT_EQ(next[static_cast<std::size_t>(call / 1000)]++, call % 1000);
  }
}

// A sync for each of them would cost more than the calls that they are of.
TEST_F(JournalTest, RecordsOfAMomentAreWrittenTogether) {
  const auto writes = [] {  // of this process, so far
    std::ifstream io("/proc/self/io");
    for (std::string name, value; io >> name >> value;) {
      if (name == "syscw:") return std::stoull(value);
    }
    return 0ull;
  };
  Journal journal(100, Millis{50});
  ASSERT_TRUE(journal.open(path).ok());
  // A busy machine may hold us up between two of them; not every time.
  bool together = false;
  for (std::uint64_t round = 0; round < 20 && !together; ++round) {
    const auto before = writes();
    journal.append(record("alone"));
    while (journal.written() < round * 8 + 1) std::this_thread::yield();
    for (int i = 0; i < 7; ++i) {
      journal.append(record("c"));
      for (int n = 0; n < 1000; ++n) std::this_thread::yield();
    }
    while (journal.written() < round * 8 + 8) std::this_thread::yield();
    together = writes() - before == 2;
  }
  EXPECT_TRUE(together);
  journal.stop();
}

}  // namespace
}  // namespace tandem::cdr
