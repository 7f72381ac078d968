#include "drivers/wire/byte_ring.h"

namespace tandem::wire {
namespace {

constexpr std::uint64_t kGrain = 64;

constexpr std::uint64_t round_up(std::uint64_t bytes) {
  return (bytes + kGrain - 1) & ~(kGrain - 1);
}

}  // namespace

void ByteRing::attach_producer() {
  memory_->producer_generation.fetch_add(1, std::memory_order_acq_rel);
}

std::uint64_t ByteRing::attach_consumer_and_drain() {
  memory_->consumer_generation.fetch_add(1, std::memory_order_acq_rel);
  const std::uint64_t tail = memory_->tail.load(std::memory_order_acquire);
  const std::uint64_t stale = tail - memory_->head.load(std::memory_order_relaxed);
  memory_->head.store(tail, std::memory_order_release);
  return stale;
}

bool ByteRing::write(const DatagramHead& head, std::span<const std::byte> payload) {
  if (payload.size() > kDatagramBytesMax) return false;
  const std::uint64_t tail = memory_->tail.load(std::memory_order_relaxed);
  const std::uint64_t used = tail - memory_->head.load(std::memory_order_acquire);
  if (tail % kGrain != 0) {  // not written by us: mended, and the consumer will empty the ring
    memory_->tail.store(round_up(tail), std::memory_order_release);
    return false;
  }
  if (used > kDataBytes) return false;  // the peer's head makes no sense
  const std::uint64_t need = round_up(kRecordHeadBytes + payload.size() + kPaddingBytes);
  const std::uint64_t offset = tail % kDataBytes;
  const std::uint64_t to_end = kDataBytes - offset;
  const std::uint64_t filler = need > to_end ? to_end : 0;
  if (kDataBytes - used < need + filler) return false;
  if (filler != 0) {
    const RecordPrefix prefix{static_cast<std::uint32_t>(filler), 0, 1};
    std::memcpy(memory_->data() + offset, &prefix, sizeof prefix);
  }
  std::byte* at = memory_->data() + (tail + filler) % kDataBytes;
  const RecordPrefix prefix{static_cast<std::uint32_t>(need),
                            static_cast<std::uint32_t>(payload.size()), 0};
  std::memcpy(at, &prefix, sizeof prefix);
  std::memcpy(at + sizeof prefix, &head, sizeof head);
  if (!payload.empty()) std::memcpy(at + kRecordHeadBytes, payload.data(), payload.size());
  memory_->tail.store(tail + filler + need, std::memory_order_release);
  return true;
}

bool ByteRing::front(View& out) {
  for (;;) {
    const std::uint64_t head = memory_->head.load(std::memory_order_relaxed);
    const std::uint64_t published = memory_->tail.load(std::memory_order_acquire) - head;
    if (published == 0) return false;
    const std::uint64_t offset = head % kDataBytes;
    if (published > kDataBytes || published < kGrain || offset % kGrain != 0) {
      give_up();
      return false;
    }
    RecordPrefix prefix;
    std::byte* at = memory_->data() + offset;
    std::memcpy(&prefix, at, sizeof prefix);
    const std::uint64_t bytes = prefix.record_bytes;
    const bool fits = bytes >= kGrain && bytes % kGrain == 0 && bytes <= published &&
                      bytes <= kDataBytes - offset;
    if (!fits) {
      give_up();
      return false;
    }
    if (prefix.is_filler == 1) {
      memory_->head.store(head + bytes, std::memory_order_release);
      continue;
    }
    if (bytes < kRecordHeadBytes + kPaddingBytes ||
        prefix.payload_bytes > bytes - kRecordHeadBytes - kPaddingBytes) {
      give_up();
      return false;
    }
    std::memcpy(&out.head, at + sizeof prefix, sizeof out.head);
    out.payload = std::span(at + kRecordHeadBytes, prefix.payload_bytes);
    front_bytes_ = bytes;
    return true;
  }
}

void ByteRing::pop() {
  memory_->head.store(memory_->head.load(std::memory_order_relaxed) + front_bytes_,
                      std::memory_order_release);
  front_bytes_ = 0;
}

void ByteRing::give_up() {
  ++faults_;
  memory_->head.store(memory_->tail.load(std::memory_order_acquire), std::memory_order_release);
}

}  // namespace tandem::wire
