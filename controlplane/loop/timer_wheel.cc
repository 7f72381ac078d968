#include "controlplane/loop/timer_wheel.h"

#include "drivers/base/check.h"

namespace tandem::loop {

TimerWheel::TimerWheel(Nanos tick, std::uint32_t slots, Nanos start)
    : tick_(tick), now_(start), done_tick_(0), slots_(slots, kNone) {
  CHECK(slots != 0 && (slots & (slots - 1)) == 0);
  done_tick_ = static_cast<std::uint64_t>(start / tick_);
}

// The first tick whose end is not before `time`: never early.
std::uint64_t TimerWheel::tick_of(Nanos time) const {
  if (time <= Nanos{}) return done_tick_ + 1;
  const auto tick = static_cast<std::uint64_t>((time.count() - 1) / tick_.count() + 1);
  return tick > done_tick_ ? tick : done_tick_ + 1;
}

TimerId TimerWheel::arm(Nanos deadline, TimerListener& listener, std::uint64_t word) {
  std::uint32_t index = free_;
  if (index != kNone) {
    free_ = nodes_[index].next;
  } else {
    index = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  }
  Node& node = nodes_[index];
  if (++node.generation == 0) node.generation = 1;  // {0} is no timer
  node.due_tick = tick_of(deadline);
  node.listener = &listener;
  node.word = word;
  node.slot = static_cast<std::uint32_t>(node.due_tick & (slots_.size() - 1));
  node.previous = kNone;
  node.next = slots_[node.slot];
  if (node.next != kNone) nodes_[node.next].previous = index;
  slots_[node.slot] = index;
  ++live_;
  return {(static_cast<std::uint64_t>(node.generation) << 32) | index};
}

std::uint32_t TimerWheel::node_of(TimerId id) const {
  const auto index = static_cast<std::uint32_t>(id.raw);
  if (id.raw == 0 || index >= nodes_.size()) return kNone;
  const Node& node = nodes_[index];
  const bool same = node.generation == static_cast<std::uint32_t>(id.raw >> 32);
  return same && node.slot != kNone ? index : kNone;
}

bool TimerWheel::armed(TimerId id) const { return node_of(id) != kNone; }

void TimerWheel::cancel(TimerId& id) {
  const std::uint32_t index = node_of(id);
  id = {};
  if (index != kNone) unlink(index);
}

void TimerWheel::unlink(std::uint32_t index) {
  Node& node = nodes_[index];
  if (cursor_ == index) cursor_ = node.next;
  if (node.previous != kNone)
    nodes_[node.previous].next = node.next;
  else
    slots_[node.slot] = node.next;
  if (node.next != kNone) nodes_[node.next].previous = node.previous;
  node.slot = kNone;
  node.next = free_;
  free_ = index;
  --live_;
}

void TimerWheel::fire(std::uint32_t index) {
  TimerListener* listener = nodes_[index].listener;
  const std::uint64_t word = nodes_[index].word;
  unlink(index);
  listener->on_timer(word);
}

std::uint32_t TimerWheel::advance(Nanos now, std::uint32_t most) {
  if (now > now_) now_ = now;
  const auto target = static_cast<std::uint64_t>(now_ / tick_);
  std::uint32_t fired = 0;
  while (done_tick_ < target) {
    const std::uint64_t tick = ++done_tick_;  // what a listener arms now is due later than this
    cursor_ = slots_[tick & (slots_.size() - 1)];
    while (cursor_ != kNone) {
      const std::uint32_t index = cursor_;
      cursor_ = nodes_[index].next;
      if (nodes_[index].due_tick > tick) continue;
      if (fired == most) {
        cursor_ = kNone;
        --done_tick_;  // the rest of this slot is still to fire
        return fired;
      }
      ++fired;
      fire(index);
    }
  }
  return fired;
}

}  // namespace tandem::loop
