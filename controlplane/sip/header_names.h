// Finds a header field's id by its name: a perfect hash of the length and three letters, then one
// comparison of a block. Laid out by the compiler from headers.def; only message.cc and parser.cc
// look in here.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "controlplane/sip/message.h"
#include "drivers/base/byte_block.h"
#include "drivers/base/text.h"

namespace tandem::sip::header_names {

inline constexpr std::size_t kIds = static_cast<std::size_t>(HeaderId::kCount);
inline constexpr std::size_t kSlots = 512;
inline constexpr std::size_t kRoom = 32;  // of a name: a block

// By id; kOther's is empty. With ": " behind it, as the builder writes it.
inline constexpr std::array<std::string_view, kIds> kWithColon = {
    "",
#define HEADER(id, name, compact) name ": ",
#include "controlplane/sip/headers.def"
#undef HEADER
};

constexpr std::string_view name_of(std::size_t id) {
  return kWithColon[id].substr(0, id == 0 ? 0 : kWithColon[id].size() - 2);
}

struct alignas(kRoom) Pattern {
  std::array<char, kRoom> lower{};
  std::array<char, kRoom> fold{};  // 0x20 for letters: their case doesn't matter
};

inline constexpr auto kPatterns = [] {
  std::array<Pattern, kIds> out{};
  for (std::size_t id = 1; id < kIds; ++id) {
    const auto name = name_of(id);
    for (std::size_t i = 0; i < name.size(); ++i) {
      const char lower = base::to_lower(name[i]);
      out[id].lower[i] = lower;
      out[id].fold[i] = lower >= 'a' && lower <= 'z' ? 0x20 : 0;
    }
  }
  return out;
}();

struct Hash {
  unsigned length = 0, first = 0, middle = 0, last = 0;  // multipliers

  // REQUIRES: length >= 1. What differs in more than case may fall on one slot, case may not part.
  constexpr std::size_t slot(const char* name, std::size_t size) const {
    const auto letter = [&](std::size_t i) { return static_cast<std::uint8_t>(name[i] | 0x20); };
    return (size * length + letter(0) * first + letter(size / 2) * middle +
            letter(size - 1) * last) %
           kSlots;
  }
};

using Slots = std::array<std::uint8_t, kSlots>;

// False: two names fall on one slot.
constexpr bool fill(const Hash& hash, Slots& slots) {
  slots = {};
  for (std::size_t id = 1; id < kIds; ++id) {
    const auto name = name_of(id);
    auto& slot = slots[hash.slot(name.data(), name.size())];
    if (slot != 0) return false;
    slot = static_cast<std::uint8_t>(id);
  }
  return true;
}

struct Table {
  Hash hash;
  Slots slots{};
};

inline constexpr auto kTable = [] {
  Table out;
  for (unsigned seed = 1; seed < 20'000; ++seed) {
    out.hash = {seed % 61, seed % 67 * 2 + 1, seed % 71 * 2 + 1, seed % 73 * 2 + 1};
    if (fill(out.hash, out.slots)) return out;
  }
  return Table{};
}();
static_assert(kTable.hash.first != 0, "no perfect hash for headers.def: give it more kSlots");

inline constexpr auto kByLetter = [] {
  constexpr std::pair<char, HeaderId> kCompact[] = {
#define HEADER(id, name, compact) {compact, HeaderId::id},
#include "controlplane/sip/headers.def"
#undef HEADER
  };
  std::array<std::uint8_t, 256> out{};
  for (const auto& [letter, id] : kCompact) {
    if (letter == 0) continue;
    out[static_cast<std::uint8_t>(letter)] = static_cast<std::uint8_t>(id);
    out[static_cast<std::uint8_t>(letter - 'a' + 'A')] = static_cast<std::uint8_t>(id);
  }
  return out;
}();

// The id of the name that `head` begins with. `name` points to the same bytes.
template <typename Block>
HeaderId find(const Block& head, const char* name, std::size_t size) {
  if (size == 1) return static_cast<HeaderId>(kByLetter[static_cast<std::uint8_t>(*name)]);
  if (size == 0 || size >= kRoom) return HeaderId::kOther;
  const std::size_t id = kTable.slots[kTable.hash.slot(name, size)];
  if (id == 0 || name_of(id).size() != size) return HeaderId::kOther;
  const Pattern& pattern = kPatterns[id];
  const std::uint32_t all = (std::uint32_t{1} << size) - 1;
  const auto same = head.equal_folded(pattern.lower.data(), pattern.fold.data());
  return (same & all) == all ? static_cast<HeaderId>(id) : HeaderId::kOther;
}

}  // namespace tandem::sip::header_names
