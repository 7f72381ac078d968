#include "drivers/wire/channel.h"

#include <gtest/gtest.h>

#include "tests/unit/drivers/wire/shared_memory.h"

namespace tandem::wire {
namespace {

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() {
    format_channel(memory.get());
    worker.attach();
    control.attach();
  }
  static Command close_of(std::uint16_t port) {
    Command command;
    command.kind = CommandKind::kCloseFlow;
    command.close.key.port = port;
    return command;
  }
  static Event closed_of(std::uint16_t port) {
    Event event;
    event.kind = EventKind::kFlowClosed;
    event.closed.key.port = port;
    return event;
  }
  // Of each kind, one that waits in its ring.
  void fill() {
    const std::array<std::byte, 10> bytes{};
    ASSERT_TRUE(worker.punt.write({}, bytes));
    ASSERT_TRUE(worker.events.enqueue(closed_of(1)));
    ASSERT_TRUE(control.inject.write({}, bytes));
    ASSERT_TRUE(control.commands.enqueue(close_of(2)));
  }

  test::HeapMemory memory{kChannelBytes};
  WorkerEnd worker = worker_end(memory.get());
  ControlEnd control = control_end(memory.get());
  ByteRing::View view;
};

TEST_F(ChannelTest, EachRingGoesItsOwnWay) {
  fill();
  ASSERT_TRUE(control.punt.front(view));
  control.punt.pop();
  ASSERT_TRUE(worker.inject.front(view));
  worker.inject.pop();
  Event event;
  ASSERT_EQ(control.events.dequeue(std::span(&event, 1)), 1u);
  EXPECT_EQ(event.kind, EventKind::kFlowClosed);
  EXPECT_EQ(event.closed.key.port, 1);
  Command command;
  ASSERT_EQ(worker.commands.dequeue(std::span(&command, 1)), 1u);
  EXPECT_EQ(command.kind, CommandKind::kCloseFlow);
  EXPECT_EQ(command.close.key.port, 2);
}

TEST_F(ChannelTest, ANewWorkerForgetsWhatWasMeantForTheOldOne) {
  fill();
  auto next = worker_end(memory.get());
  next.attach();
  Command command;
  EXPECT_EQ(next.commands.dequeue(std::span(&command, 1)), 0u);
  EXPECT_FALSE(next.inject.front(view));
  // What the old one said stays said.
  Event event;
  EXPECT_EQ(control.events.dequeue(std::span(&event, 1)), 1u);
  EXPECT_TRUE(control.punt.front(view));
}

TEST_F(ChannelTest, ANewControlPlaneCountsTheOctetsNobodyRead) {
  fill();
  auto next = control_end(memory.get());
  EXPECT_GT(next.attach(), 0u);
  Event event;
  EXPECT_EQ(next.events.dequeue(std::span(&event, 1)), 0u);
  EXPECT_FALSE(next.punt.front(view));
  Command command;
  EXPECT_EQ(worker.commands.dequeue(std::span(&command, 1)), 1u);
  EXPECT_TRUE(worker.inject.front(view));
}

TEST_F(ChannelTest, FullRingsDontTouchTheirNeighbours) {
  std::uint32_t events = 0;
  std::uint32_t commands = 0;
  Event event = closed_of(0);
  std::memset(event.raw, 0xee, sizeof event.raw);
  Command command = close_of(0);
  std::memset(command.raw, 0xdd, sizeof command.raw);
  while (worker.events.enqueue(event)) ++events;
  while (control.commands.enqueue(command)) ++commands;
  const std::vector<std::byte> bytes(60'000, std::byte{0xcc});
  while (worker.punt.write({}, bytes)) continue;
  while (control.inject.write({}, bytes)) continue;
  EXPECT_EQ(events, EventRing::kCapacity);
  EXPECT_EQ(commands, CommandRing::kCapacity);
  Event out;
  while (control.events.dequeue(std::span(&out, 1)) == 1) {
    ASSERT_EQ(std::memcmp(&out, &event, sizeof out), 0);
    --events;
  }
  Command taken;
  while (worker.commands.dequeue(std::span(&taken, 1)) == 1) {
    ASSERT_EQ(std::memcmp(&taken, &command, sizeof taken), 0);
    --commands;
  }
  EXPECT_EQ(events + commands, 0u);
  for (ByteRing* ring : {&control.punt, &worker.inject}) {
    while (ring->front(view)) {
      ASSERT_EQ(view.payload.size(), bytes.size());
      ASSERT_EQ(std::memcmp(view.payload.data(), bytes.data(), bytes.size()), 0);
      ring->pop();
    }
    EXPECT_EQ(ring->faults(), 0u);
  }
}

}  // namespace
}  // namespace tandem::wire
