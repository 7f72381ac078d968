#include "controlplane/cdr/open_calls.h"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::cdr {
namespace {

using base::Millis;

CallRecord full_record() {
  CallRecord r{.call = "19f-0-1",
               .caller = "4930",
               .callee = "4989",
               .callee_sent = "0089",
               .caller_account = "alice@x",
               .callee_account = "bob@x",
               .mapping_gateway = "acme",
               .routing_gateway = "bcorp",
               .given_up = {{"dead", "carol@x", "77", "id-1", 503}, {"far", "", "78", "id-2", 408}},
               .transferred_to = "19f-0-2",
               .transferred_from = "19f-0-3",
               .caller_call_id = "abc@host",
               .callee_call_id = "def@host",
               .start_ms = 1,
               .ring_ms = 2,
               .answer_ms = 3,
               .end_ms = 4,
               .hold_ms = 5,
               .end_reason = "NormalClearing",
               .end_direction = "caller",
               .sip_code = 200,
               .media_mode = "proxy",
               .codec = "PCMA",
               .from_caller = wire::FlowFigures{},
               .from_callee = wire::FlowFigures{}};
  r.from_caller->packets = 111;
  r.from_callee->ssrc = 222;
  r.quality_from_caller.mos_x100 = 412;
  r.quality_from_callee.report.reports = 3;
  r.quality_from_callee.report.lost = -9;
  return r;
}

std::string text(const CallRecord& record) { return to_json(record, 1, Millis{50}); }

class OpenCallsTest : public ::testing::Test {
 protected:
  std::vector<OpenCalls::Left> left(OpenCalls& calls) {
    std::vector<OpenCalls::Left> out;
    calls.each_left([&](const OpenCalls::Left& one) { out.push_back(one); });
    return out;
  }

  test::TempFolder folder;
  const std::string path = folder.path("calls");
};

TEST_F(OpenCallsTest, EveryFieldComesBack) {
  SlotBody body;
  const CallRecord full = full_record();
  encode(full, true, body);
  EXPECT_EQ(body.flags & (SlotBody::kFinished | SlotBody::kCut), SlotBody::kFinished);
  ASSERT_TRUE(decode(body));
  EXPECT_EQ(text(*decode(body)), text(full));
  encode({}, false, body);
  ASSERT_TRUE(decode(body));
  EXPECT_EQ(text(*decode(body)), text({}));
  EXPECT_EQ(body.flags, 0);
}

TEST_F(OpenCallsTest, LongTextsAreCutAndSaidToBe) {
  SlotBody body;
  CallRecord longest = full_record();
  const std::string much(60'000, 'x');
  for (std::string* field :
       {&longest.call, &longest.caller, &longest.callee, &longest.callee_sent,
        &longest.caller_account, &longest.callee_account, &longest.mapping_gateway,
        &longest.routing_gateway, &longest.transferred_to, &longest.transferred_from,
        &longest.caller_call_id, &longest.callee_call_id, &longest.codec}) {
    *field = much;
    encode(longest, true, body);
    EXPECT_NE(body.flags & SlotBody::kCut, 0);
    ASSERT_TRUE(decode(body));
    EXPECT_EQ(decode(body)->end_reason, "NormalClearing");
  }
  EXPECT_EQ(decode(body)->call, much.substr(0, 255));
}

TEST_F(OpenCallsTest, AsManyGivenUpAsThereIsRoomFor) {
  SlotBody body;
  CallRecord record = full_record();
  for (int i = 0; i < 1000; ++i) record.given_up.push_back({"gateway", "", "123", "x@y", 503});
  encode(record, true, body);
  EXPECT_NE(body.flags & SlotBody::kCut, 0);
  const auto found = decode(body);
  ASSERT_TRUE(found);
  EXPECT_GE(found->given_up.size(), 30u);
  record.given_up.resize(found->given_up.size());
  EXPECT_EQ(text(*found), text(record));
}

TEST_F(OpenCallsTest, BytesThatNobodyWroteAreNoRecord) {
  SlotBody good;
  encode(full_record(), true, good);
  SlotBody body = good;
  body.text_bytes -= 1;
  EXPECT_FALSE(decode(body));
  body = good;
  body.text_bytes = SlotBody::kTextBytes + 1;
  EXPECT_FALSE(decode(body));
  body = good;
  body.flags |= 0x80;
  EXPECT_FALSE(decode(body));
  body = good;
  body.given_up = 3;
  EXPECT_FALSE(decode(body));
  body = good;
  body.text[0] = std::byte{200};
  EXPECT_FALSE(decode(body));
}

TEST_F(OpenCallsTest, TheLastWordCounts) {
  OpenCalls calls;
  ASSERT_TRUE(calls.open(path).ok());
  std::uint32_t slot = 0;
  CallRecord record = full_record();
  for (int i = 0; i < 5; ++i) {
    record.ring_ms = i;
    calls.keep(slot, record, i == 4);
    const auto found = left(calls);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].finished, i == 4);
    EXPECT_EQ(found[0].sequence, 0u);
    EXPECT_EQ(text(*found[0].record), text(record));
  }
  calls.numbered(slot, 17);
  EXPECT_EQ(left(calls)[0].sequence, 17u);
  calls.free(slot);
  EXPECT_TRUE(left(calls).empty());
}

TEST_F(OpenCallsTest, FreedSlotsAreUsedAgainAndNumbersForgotten) {
  OpenCalls calls(4);
  ASSERT_TRUE(calls.open(path).ok());
  std::set<std::uint32_t> slots;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(calls.room());
    std::uint32_t slot = 0;
    calls.keep(slot, {}, false);
    calls.numbered(slot, 9);
    slots.insert(slot);
  }
  EXPECT_EQ(slots.size(), 4u);
  EXPECT_FALSE(calls.room());
  std::uint32_t none = 0;
  calls.keep(none, {}, false);
  EXPECT_EQ(none, 0u);
  calls.free(3);
  calls.free(1);
  EXPECT_TRUE(calls.room());
  for (int i = 0; i < 2; ++i) {
    std::uint32_t slot = 0;
    calls.keep(slot, {}, false);
    EXPECT_TRUE(slot == 1 || slot == 3);
    for (const auto& one : left(calls)) EXPECT_EQ(one.sequence, one.slot == slot ? 0u : 9u);
    calls.numbered(slot, 9);
  }
  EXPECT_FALSE(calls.room());
  for (std::uint32_t slot = 1; slot <= 4; ++slot) calls.free(slot);
}

TEST_F(OpenCallsTest, RingingAndFiguresAreAdded) {
  OpenCalls calls;
  ASSERT_TRUE(calls.open(path).ok());
  const CallRecord full = full_record();
  CallRecord record = full;
  record.ring_ms = 0;
  record.from_caller.reset();
  record.from_callee.reset();
  std::uint32_t slot = 0;
  calls.add_ring(slot, 1);  // has found no slot: nothing to add to
  calls.add_figures(slot, full);
  for (const bool finished : {false, true}) {
    calls.keep(slot, record, finished);
    calls.add_ring(slot, full.ring_ms);
    calls.add_figures(slot, full);
    EXPECT_EQ(text(*left(calls)[0].record), text(full));
    EXPECT_EQ(left(calls)[0].finished, finished);
    CallRecord one_way = full;
    one_way.from_callee.reset();
    calls.keep(slot, record, finished);
    calls.add_ring(slot, full.ring_ms);
    calls.add_figures(slot, one_way);
    EXPECT_EQ(text(*left(calls)[0].record), text(one_way));
  }
  calls.free(slot);
}

TEST_F(OpenCallsTest, AFileThatIsEmptyGoes) {
  {
    OpenCalls calls;
    ASSERT_TRUE(calls.open(path).ok());
    std::uint32_t slot = 0;
    calls.keep(slot, {}, true);
    calls.free(slot);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(OpenCallsTest, AnotherLayoutIsPutAside) {
  {
    OpenCalls calls(100);
    ASSERT_TRUE(calls.open(path).ok());
    std::uint32_t slot = 0;
    calls.keep(slot, full_record(), true);
  }
  auto bytes = folder.read("calls");
  ++bytes[8];  // the layout's number
  for (const auto& former : {bytes, std::string("hello"), bytes.substr(0, 5000)}) {
    folder.write("calls", former);
    OpenCalls calls;
    ASSERT_TRUE(calls.open(path).ok());
    EXPECT_TRUE(left(calls).empty());
    EXPECT_EQ(folder.read("calls.aside"), former);
    EXPECT_TRUE(calls.room());
  }
  // One that was killed before it wrote a word.
  folder.write("calls", std::string(100'000, '\0'));
  std::filesystem::remove(folder.path("calls.aside"));
  OpenCalls calls;
  ASSERT_TRUE(calls.open(path).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.path("calls.aside")));
}

TEST_F(OpenCallsTest, MemoryThatCantBeHadIsAnError) {
  OpenCalls calls;
  EXPECT_FALSE(calls.open(folder.path("no/such/folder")).ok());
}

// Killed behind any instruction of keep(), the slot says what it said before, or what it was told.
TEST_F(OpenCallsTest, NoInstructionIsABadOneToDieAt) {
  CallRecord first = full_record();
  CallRecord second = full_record();
  second.caller = "somebody else altogether";
  second.given_up.pop_back();
  second.end_ms = 99;
  OpenCalls calls;
  ASSERT_TRUE(calls.open(path).ok());
  std::uint32_t slot = 0;
  calls.keep(slot, first, false);
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    calls.keep(slot, second, true);
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  const std::string before = text(first);
  const std::string after = text(second);
  std::size_t steps = 0;
  std::size_t old_ones = 0;
  bool changed = false;
  for (;; ++steps) {
    ASSERT_EQ(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr), 0);
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status));
    const auto found = left(calls);
    ASSERT_EQ(found.size(), 1u);
    ASSERT_TRUE(found[0].record) << steps;
    const std::string now = text(*found[0].record);
    if (changed || now != before) {
      changed = true;
      ASSERT_EQ(now, after) << steps;
      ASSERT_TRUE(found[0].finished);
    } else {
      ++old_ones;
    }
    if (WSTOPSIG(status) == SIGSTOP) break;
  }
  EXPECT_TRUE(changed);
  EXPECT_GT(old_ones, 100u);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  calls.free(slot);
}

}  // namespace
}  // namespace tandem::cdr
