#include "dataplane/payload_keys.h"

#include <algorithm>

#include "drivers/crypto/octets.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;

std::uint64_t life_of(wire::PayloadKeyName name) { return name >> 32; }

}  // namespace

PayloadKeys::PayloadKeys(const crypto::IpsecMb& crypto, std::uint32_t shards)
    : crypto_(crypto), slots_(kMax), keys_(kMax), unfinished_(shards) {}

Fault PayloadKeys::set(const wire::SetPayloadKey& order, std::uint8_t shard) {
  const Fault refused{Counter::drop_command};
  const auto mode = crypto::payload_mode_of(order.mode);
  if (shard >= unfinished_.size() || order.name == 0 || !mode ||
      *mode == crypto::PayloadMode::kNone || order.size > crypto::kPayloadKeyMax) {
    return refused;
  }
  Unfinished& key = unfinished_[shard];
  if (order.piece == 0) {
    key = {.name = order.name, .size = order.size, .mode = order.mode};
  } else if (key.name != order.name || key.size != order.size || key.mode != order.mode ||
             key.pieces != order.piece) {
    return refused;
  }
  const std::size_t at = std::size_t{order.piece} * order.kPiece;
  if (at >= order.size) return refused;
  const std::size_t count = std::min<std::size_t>(order.kPiece, order.size - at);
  std::copy_n(order.octets.data(), count, &key.octets[at]);
  ++key.pieces;
  if (at + count < key.size) return {};
  const Fault fault = place(key, shard);
  crypto::wipe(&key, sizeof key);
  return fault;
}

Fault PayloadKeys::place(Unfinished& whole, std::uint8_t shard) {
  const auto mode = static_cast<crypto::PayloadMode>(whole.mode);
  const std::string_view octets(reinterpret_cast<const char*>(whole.octets.data()), whole.size);
  // Asked first, so that making it has no error to tell, and takes no memory.
  const bool good = crypto::check_payload_key(mode, octets).accepted;
  if (!good || find(whole.name, shard) != kNone) return {Counter::drop_command};
  forget_former_lives(whole.name, shard);
  const auto free =
      std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.name == 0; });
  if (free == slots_.end()) return {Counter::payload_keys_unplaced};
  const auto made = crypto::make_payload_key(crypto_, mode, octets);
  if (!made) return {Counter::drop_command};
  keys_[static_cast<std::size_t>(free - slots_.begin())] = *made;
  *free = {.name = whole.name, .shard = shard};
  ++size_;
  return {};
}

// A control plane that was killed has forgotten nothing.
void PayloadKeys::forget_former_lives(wire::PayloadKeyName name, std::uint8_t shard) {
  if (size_ == 0) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.name == 0 || slot.shard != shard || life_of(slot.name) == life_of(name)) continue;
    slot.forgotten = true;
    if (slot.users == 0) empty(i);
  }
}

Fault PayloadKeys::forget(wire::PayloadKeyName name, std::uint8_t shard) {
  const Place place = find(name, shard);
  if (place == kNone) return {Counter::drop_command};
  Slot& slot = slots_[place - 1];
  slot.forgotten = true;
  if (slot.users == 0) empty(place - 1);
  return {};
}

PayloadKeys::Place PayloadKeys::find(wire::PayloadKeyName name, std::uint8_t shard) const {
  if (name == 0) return kNone;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.name == name && slot.shard == shard && !slot.forgotten) {
      return static_cast<Place>(i + 1);
    }
  }
  return kNone;
}

void PayloadKeys::let_go(Place place) {
  if (place == kNone) return;
  Slot& slot = slots_[place - 1];
  if (--slot.users == 0 && slot.forgotten) empty(place - 1);
}

void PayloadKeys::empty(std::size_t index) {
  slots_[index] = {};
  crypto::wipe(&keys_[index], sizeof keys_[index]);
  --size_;
}

}  // namespace tandem::dataplane
