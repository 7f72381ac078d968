#include "drivers/wire/channel.h"

namespace tandem::wire {
namespace {

struct Places {
  std::byte* punt;
  std::byte* inject;
  std::byte* events;
  std::byte* commands;
};

Places places(std::byte* memory) {
  Places p{};
  p.punt = memory;
  p.inject = p.punt + ByteRing::kBytes;
  p.events = p.inject + ByteRing::kBytes;
  p.commands = p.events + EventRing::kBytes;
  return p;
}

}  // namespace

void format_channel(std::byte* memory) {
  const Places p = places(memory);
  EventRing::format(p.events);
  CommandRing::format(p.commands);
}

WorkerEnd worker_end(std::byte* memory) {
  const Places p = places(memory);
  return {ByteRing(p.punt), EventRing(p.events), ByteRing(p.inject), CommandRing(p.commands)};
}

ControlEnd control_end(std::byte* memory) {
  const Places p = places(memory);
  return {ByteRing(p.punt), EventRing(p.events), ByteRing(p.inject), CommandRing(p.commands)};
}

void WorkerEnd::attach() {
  punt.attach_producer();
  events.attach_producer();
  inject.attach_consumer_and_drain();
  commands.attach_consumer_and_drain();
}

std::uint64_t ControlEnd::attach() {
  inject.attach_producer();
  commands.attach_producer();
  events.attach_consumer_and_drain();
  return punt.attach_consumer_and_drain();
}

}  // namespace tandem::wire
