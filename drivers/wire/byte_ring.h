// A ring of datagrams of any length between one producer and one consumer in shared memory.
//
// Each side publishes with one store (tail: producer, head: consumer), so that dying at any
// instruction leaves the ring whole: a record is either published or was never there. A reader
// takes a record's length only when it fits what is published; anything else means that the
// writer's memory is broken: the ring is emptied and the fault counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "drivers/wire/messages.h"

namespace tandem::wire {

struct ByteRingMemory {
  alignas(64) std::atomic<std::uint64_t> tail;  // bytes ever written; producer writes
  std::atomic<std::uint32_t> producer_generation;
  alignas(64) std::atomic<std::uint64_t> head;  // bytes ever read; consumer writes
  std::atomic<std::uint32_t> consumer_generation;

  // The data lies right behind this struct.
  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
};
static_assert(sizeof(ByteRingMemory) == 128);

class ByteRing {
 public:
  static constexpr std::size_t kDataBytes = 4u << 20;
  static constexpr std::size_t kBytes = sizeof(ByteRingMemory) + kDataBytes;
  static constexpr std::size_t kDatagramBytesMax = 65535;
  // Readable bytes behind every datagram, for parsers that read in wide steps.
  static constexpr std::size_t kPaddingBytes = 64;

  ByteRing() = default;
  explicit ByteRing(void* memory) : memory_(static_cast<ByteRingMemory*>(memory)) {}

  // Before the first use; only while no other process holds this end.
  void attach_producer();
  // What a former life left unread is thrown away; returns the number of bytes.
  std::uint64_t attach_consumer_and_drain();

  // Producer. False: no room; the caller counts it.
  bool write(const DatagramHead& head, std::span<const std::byte> payload);

  // Consumer. A view into the ring that stays good until pop(); kPaddingBytes behind it are
  // readable. The payload may be changed in place.
  struct View {
    DatagramHead head;
    std::span<std::byte> payload;
  };
  bool front(View& out);
  void pop();

  std::uint64_t used_bytes() const {
    return memory_->tail.load(std::memory_order_acquire) -
           memory_->head.load(std::memory_order_acquire);
  }
  // Times that the consumer found nonsense and emptied the ring.
  std::uint64_t faults() const { return faults_; }

 private:
  // A record: this, a DatagramHead, the payload, padding.
  struct RecordPrefix {
    std::uint32_t record_bytes;  // all of it: a multiple of 64
    std::uint32_t payload_bytes;
    std::uint64_t is_filler;  // 1: nothing, the rest of the ring up to its end
  };
  static constexpr std::size_t kRecordHeadBytes = sizeof(RecordPrefix) + sizeof(DatagramHead);
  static_assert(kDataBytes % 64 == 0);

  void give_up();

  ByteRingMemory* memory_ = nullptr;
  std::uint64_t front_bytes_ = 0;  // consumer: size of the record that front() showed
  std::uint64_t faults_ = 0;
};

}  // namespace tandem::wire
