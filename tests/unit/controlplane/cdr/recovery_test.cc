// What a killed life leaves in its memory of open calls, and what the next one makes of it.
#include "controlplane/cdr/recovery.h"

#include "tests/unit/controlplane/cdr/folder_of_records.h"
#include "tests/unit/drivers/wire/child.h"

namespace tandem::cdr {
namespace {

using base::Millis;
using Lines = std::vector<std::string>;

class RecoveryTest : public ::testing::Test, protected test::FolderOfRecords {
 protected:
  // What a life does until it is killed, in a process of its own.
  void killed_life(const std::function<void(OpenCalls&, Journal&)>& life) {
    const test::Pipe pipe;
    test::Child child([&] {
      OpenCalls calls(kSlots);
      Journal journal(1'000'000, Millis{50});
      if (!calls.open(memory) || !journal.open(path)) return;
      life(calls, journal);
      pipe.say("done");
      pause();
    });
    ASSERT_EQ(pipe.hear(), "done");
    child.kill_9();
  }
  // The next life: recovers and ends in good order.
  Recovered next_life() {
    OpenCalls calls(kSlots);
    Journal journal(1'000'000, Millis{50});
    EXPECT_TRUE(calls.open(memory).ok());
    EXPECT_TRUE(journal.open(path).ok());
    const Recovered found = recover(calls, journal, "ControlPlaneLost");
    journal.stop();
    return found;
  }
  nlohmann::json last_record() {
    const auto text = folder.read("cdr/j.jsonl");
    const auto begin = text.rfind('\n', text.size() - 2);
    return nlohmann::json::parse(text.substr(begin == std::string::npos ? 0 : begin + 1));
  }
  bool memory_left() const { return std::filesystem::exists(memory); }
  static void kept(OpenCalls& calls, Journal& journal, const CallRecord& record) {
    std::uint32_t slot = 0;
    calls.keep(slot, record, true);
    journal.append(record, {&calls, slot});
  }

  // So few that the memory's file, which is as long as all its slots, is quickly read and written.
  static constexpr std::uint32_t kSlots = 1000;
  const std::string memory = folder.path("calls");
};

TEST_F(RecoveryTest, ACallThatWasUpGetsARecord) {
  killed_life([](OpenCalls& calls, Journal&) {
    CallRecord record = test::call_record("up");
    record.start_ms = 1000;
    record.answer_ms = 3000;
    record.sip_code = 200;
    std::uint32_t slot = 0;
    calls.keep(slot, record, false);
    record.call = "ringing";
    record.answer_ms = record.sip_code = 0;
    slot = 0;
    calls.keep(slot, record, false);
    calls.beat(8500);
  });
  EXPECT_EQ(next_life(), (Recovered{.up = 2}));
  EXPECT_EQ(lines(), (Lines{"1 up", "2 ringing"}));
  EXPECT_FALSE(memory_left());
  const auto ringing = last_record();
  EXPECT_EQ(ringing["end_ms"], 8500);
  EXPECT_EQ(ringing["hold_ms"], 0);
  EXPECT_EQ(ringing["sip_code"], 0);
  EXPECT_EQ(ringing["end_reason"], "ControlPlaneLost");
  EXPECT_EQ(ringing["end_direction"], "switch");
  const auto text = folder.read("cdr/j.jsonl");
  const auto up = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(up["hold_ms"], 5500);
  EXPECT_EQ(up["hold_time_s"], 6);
  EXPECT_EQ(up["sip_code"], 200);
  EXPECT_EQ(next_life(), Recovered{});
}

// Killed before its first beat: a call doesn't end before it was answered.
TEST_F(RecoveryTest, NoCallEndsBeforeItBegan) {
  killed_life([](OpenCalls& calls, Journal&) {
    CallRecord record = test::call_record("up");
    record.start_ms = 1000;
    record.answer_ms = 3000;
    std::uint32_t slot = 0;
    calls.keep(slot, record, false);
  });
  EXPECT_EQ(next_life(), (Recovered{.up = 1}));
  EXPECT_EQ(last_record()["end_ms"], 3000);
  EXPECT_EQ(last_record()["hold_ms"], 0);
}

TEST_F(RecoveryTest, AnEndedCallThatWasNotWrittenYetIsWrittenAsItWas) {
  killed_life([](OpenCalls& calls, Journal&) {
    CallRecord record = test::call_record("ended");
    record.end_reason = "UserBusy";
    record.end_ms = 77;
    std::uint32_t slot = 0;
    calls.keep(slot, record, true);
    calls.beat(8500);
  });
  EXPECT_EQ(next_life(), (Recovered{.finished = 1}));
  EXPECT_EQ(last_record()["end_reason"], "UserBusy");
  EXPECT_EQ(last_record()["end_ms"], 77);
}

// Killed between the sync and the slot's release: the journal has it.
TEST_F(RecoveryTest, WhatTheJournalHasIsNotWrittenAgain) {
  killed_life([&](OpenCalls& calls, Journal& journal) {
    for (const char* call : {"a", "b", "c"}) {
      CallRecord record = test::call_record(call);
      std::uint32_t slot = 0;
      calls.keep(slot, record, true);
      if (record.call != "c") {
        journal.append(record);
        await([&] { return journal.last() == slot; });
      }
      calls.numbered(slot, slot);
    }
  });
  EXPECT_EQ(next_life(), (Recovered{.finished = 1}));
  EXPECT_EQ(lines(), (Lines{"1 a", "2 b", "3 c"}));
  EXPECT_FALSE(memory_left());
}

// Its number is taken, but by another record: of a journal that was there before.
TEST_F(RecoveryTest, ANumberAloneProvesNothing) {
  killed_life([&](OpenCalls& calls, Journal& journal) {
    journal.append(test::call_record("other"));
    await([&] { return journal.last() == 1; });
    std::uint32_t slot = 0;
    calls.keep(slot, test::call_record("mine"), true);
    calls.numbered(slot, 1);
  });
  EXPECT_EQ(next_life(), (Recovered{.finished = 1}));
  EXPECT_EQ(lines(), (Lines{"1 other", "2 mine"}));
}

TEST_F(RecoveryTest, UnreadableSlotsAreCountedAndFreed) {
  killed_life([](OpenCalls& calls, Journal&) {
    for (const char* call : {"good", "bad"}) {
      std::uint32_t slot = 0;
      calls.keep(slot, test::call_record(call), true);
    }
  });
  auto bytes = folder.read("calls");
  const auto bad = bytes.find("bad");
  ASSERT_NE(bad, std::string::npos);
  bytes[bad - 1] = '\xff';  // its length
  folder.write("calls", bytes);
  EXPECT_EQ(next_life(), (Recovered{.finished = 1, .corrupt = 1}));
  EXPECT_EQ(lines(), Lines{"1 good"});
  EXPECT_FALSE(memory_left());
}

// Whatever stands in the memory, it is no reason to die.
TEST_F(RecoveryTest, AnyBytesAreSurvived) {
  killed_life([](OpenCalls& calls, Journal&) {
    for (int i = 0; i < 20; ++i) {
      std::uint32_t slot = 0;
      calls.keep(slot, test::call_record("call"), i % 2 == 0);
    }
  });
  const auto whole = folder.read("calls");
  std::uint64_t random = 1;
  for (int trial = 0; trial < 10; ++trial) {
    auto bytes = whole;
    for (std::size_t at = 4096; at < 80'000; at += 64 + random % 512) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      bytes[at] = static_cast<char>(random >> 56);
    }
    folder.write("calls", bytes);
    next_life();
  }
}

// A disk that took nothing: the next life finds the records where they are.
TEST_F(RecoveryTest, RecordsThatNoDiskTookStay) {
  {
    OpenCalls calls(kSlots);
    ASSERT_TRUE(calls.open(memory).ok());
    std::uint32_t slot = 0;
    calls.keep(slot, test::call_record("late"), true);
  }
  EXPECT_TRUE(memory_left());
  EXPECT_EQ(next_life(), (Recovered{.finished = 1}));
  EXPECT_EQ(lines(), Lines{"1 late"});
}

// Killed at any moment while it writes, recovered, and killed in that too: each record is there
// once, and numbers have no gap.
TEST_F(RecoveryTest, KilledAtAnyMomentNothingIsLostAndNothingTwice) {
  std::uint64_t made = 0;
  for (int life = 0; life < 12; ++life) {
    const test::Pipe pipe;
    test::Child writer([&] {
      OpenCalls calls(kSlots);
      Journal journal(1'000'000, Millis{50}, {.interval = Millis{life % 3 == 0 ? 1 : 1000}});
      if (!calls.open(memory) || !journal.open(path)) return;
      recover(calls, journal, "ControlPlaneLost");
      for (int i = 0;; ++i) {
        kept(calls, journal, test::call_record(std::to_string(life) + "." + std::to_string(i)));
        if (i % 100 == 99) pipe.say(std::to_string(i + 1));
        while (i > static_cast<int>(journal.written()) + 300) std::this_thread::yield();
      }
    });
    std::string heard;
    for (int n = 0; n < 2 + life % 4; ++n) heard = pipe.hear();
    const auto until = base::monotonic_now() + base::Nanos{life * 3'000'000};
    while (base::monotonic_now() < until) continue;
    writer.kill_9();
    made = std::stoull(heard);
    // The next one is killed too, while it recovers.
    test::Child broken([&] {
      OpenCalls calls(kSlots);
      Journal journal(1'000'000, Millis{50});
      if (calls.open(memory) && journal.open(path)) recover(calls, journal, "ControlPlaneLost");
      pause();
    });
    broken.kill_9();
    next_life();
    const auto found = all_lines();
    std::vector<std::string> mine;
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_TRUE(found[i].starts_with(std::to_string(i + 1) + " ")) << found[i];
      mine.push_back(found[i].substr(found[i].find(' ') + 1));
    }
    std::sort(mine.begin(), mine.end());
    ASSERT_EQ(std::adjacent_find(mine.begin(), mine.end()), mine.end());
    for (std::uint64_t i = 0; i < made; ++i) {
      const auto name = std::to_string(life) + "." + std::to_string(i);
      ASSERT_TRUE(std::binary_search(mine.begin(), mine.end(), name)) << name;
    }
  }
}

}  // namespace
}  // namespace tandem::cdr
