// The longest of very many prefixes that a number begins with. Immutable; any thread.
//
// Prefixes are packed into 128 bits, sorted; each knows the longest other one that it begins with.
// The greatest one that isn't above a number either is the answer or begins with it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::routing {

// 0–32 symbols of '#', '*', '0'–'9', four bits each from the top, in the order of their ASCII
// codes; 0 is none.
struct PrefixKey {
  static constexpr std::size_t kMost = 32;

  std::uint64_t high = 0;
  std::uint64_t low = 0;

  // All of the text; no value: it isn't a prefix.
  static std::optional<PrefixKey> parse(std::string_view text);
  // As much of a number's beginning as could be a prefix.
  static PrefixKey of_number(std::string_view digits);

  std::size_t length() const;
  bool begins(const PrefixKey& number) const;
  std::string text() const;

  friend auto operator<=>(const PrefixKey&, const PrefixKey&) = default;
};

// "4930", or "4930100-4930199": the fewest prefixes that stand for all numbers from here to there,
// of which both have the same length. Fails with a reason.
base::Result<std::vector<PrefixKey>> prefixes_of(std::string_view text);

// The least and the greatest number of such a text. REQUIRES: prefixes_of() takes it.
std::pair<PrefixKey, PrefixKey> ends_of(std::string_view text);

class PrefixTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  PrefixTable() : PrefixTable(std::vector<PrefixKey>()) {}
  // REQUIRES: they are sorted, and none is there twice.
  explicit PrefixTable(std::vector<PrefixKey> keys);

  // The place of the longest one that the number begins with, or kNone; parent() is the next
  // shorter one.
  std::uint32_t find(const PrefixKey& number) const;
  std::uint32_t parent(std::uint32_t place) const { return parents_[place]; }
  // The place of this very one, or kNone.
  std::uint32_t place_of(const PrefixKey& key) const;

  const PrefixKey& key(std::uint32_t place) const { return keys_[place]; }
  const std::vector<PrefixKey>& keys() const { return keys_; }
  std::size_t size() const { return keys_.size(); }

 private:
  // The first one above this.
  std::uint32_t above(const PrefixKey& number) const;

  std::vector<PrefixKey> keys_;
  std::vector<std::uint32_t> parents_;
  std::vector<std::uint32_t> starts_;  // where the keys with these first four symbols begin
};

}  // namespace tandem::routing
