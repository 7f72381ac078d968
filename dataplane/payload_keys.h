// The keys of the legacy payload encryption that a worker's flows use, each under the name and the
// shard that it came from. Owner: the worker. Limits: kMax keys at a time; memory is taken once, by
// the constructor. What is no longer used is wiped.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/fault.h"
#include "drivers/crypto/payload_cipher.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane {

class PayloadKeys {
 public:
  using Place = std::uint16_t;  // from 1
  static constexpr Place kNone = 0;
  static constexpr std::size_t kMax = 1024;

  // `crypto` must outlive it.
  PayloadKeys(const crypto::IpsecMb& crypto, std::uint32_t shards);

  // As the shard orders. Nothing is believed.
  Fault set(const wire::SetPayloadKey& order, std::uint8_t shard);
  Fault forget(wire::PayloadKeyName name, std::uint8_t shard);

  // The place of a key that is whole, or kNone.
  Place find(wire::PayloadKeyName name, std::uint8_t shard) const;
  // A flow has it, and has it no more (kNone: nothing happens).
  void hold(Place place) { ++slots_[place - 1].users; }
  void let_go(Place place);

  // REQUIRES: held.
  const crypto::PayloadKey& at(Place place) const { return keys_[place - 1]; }
  std::size_t size() const { return size_; }

 private:
  struct Slot {
    wire::PayloadKeyName name = 0;  // 0: empty
    std::uint32_t users = 0;
    std::uint8_t shard = 0;
    bool forgotten = false;
  };
  // What has come of a key that isn't whole yet, of one shard.
  struct Unfinished {
    wire::PayloadKeyName name = 0;  // 0: none
    std::uint16_t size = 0;
    std::uint8_t mode = 0;
    std::uint8_t pieces = 0;
    std::array<std::uint8_t, crypto::kPayloadKeyMax> octets{};
  };

  Fault place(Unfinished& whole, std::uint8_t shard);
  void forget_former_lives(wire::PayloadKeyName name, std::uint8_t shard);
  void empty(std::size_t index);

  const crypto::IpsecMb& crypto_;
  std::vector<Slot> slots_;
  std::vector<crypto::PayloadKey> keys_;  // by slot
  std::vector<Unfinished> unfinished_;    // by shard
  std::size_t size_ = 0;
};

}  // namespace tandem::dataplane
