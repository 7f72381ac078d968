#include "controlplane/routing/prefix_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "drivers/base/check.h"
#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

constexpr std::string_view kSymbols = "#*0123456789";  // the first one is 1
constexpr std::size_t kHalf = PrefixKey::kMost / 2;    // symbols in a word
constexpr std::uint32_t kStarts = 1u << 16;            // of four symbols

// 0: none of them.
std::uint64_t code_of(char c) {
  if (base::is_digit(c)) return static_cast<std::uint64_t>(c - '0') + 3;
  return c == '*' ? 2 : c == '#' ? 1 : 0;
}

void put(PrefixKey& key, std::size_t place, std::uint64_t code) {
  std::uint64_t& word = place < kHalf ? key.high : key.low;
  word |= code << (60 - 4 * (place % kHalf));
}

std::uint32_t start_of(const PrefixKey& key) { return static_cast<std::uint32_t>(key.high >> 48); }

}  // namespace

std::optional<PrefixKey> PrefixKey::parse(std::string_view text) {
  const PrefixKey out = of_number(text);
  return out.length() == text.size() ? std::optional(out) : std::nullopt;
}

PrefixKey PrefixKey::of_number(std::string_view digits) {
  PrefixKey out;
  for (std::size_t i = 0; i < std::min(digits.size(), kMost); ++i) {
    const std::uint64_t code = code_of(digits[i]);
    if (code == 0) break;
    put(out, i, code);
  }
  return out;
}

std::size_t PrefixKey::length() const {
  const auto symbols = [](std::uint64_t word) {
    return kHalf - static_cast<std::size_t>(std::countr_zero(word)) / 4;
  };
  return low != 0 ? kHalf + symbols(low) : symbols(high);
}

bool PrefixKey::begins(const PrefixKey& number) const {
  const std::size_t symbols = length();
  if (symbols == 0) return true;
  if (symbols <= kHalf) return ((high ^ number.high) >> (64 - 4 * symbols)) == 0;
  return high == number.high && ((low ^ number.low) >> (128 - 4 * symbols)) == 0;
}

std::string PrefixKey::text() const {
  std::string out;
  for (std::size_t i = 0; i < length(); ++i) {
    const std::uint64_t word = i < kHalf ? high : low;
    out += kSymbols[(word >> (60 - 4 * (i % kHalf)) & 15) - 1];
  }
  return out;
}

namespace {

// All numbers from `first` to `last`, which begin alike as far as `alike`: whole tens by their
// common prefix, the rest digit by digit.
void cover(std::string_view first, std::string_view last, std::size_t alike,
           std::vector<PrefixKey>& out) {
  while (alike < first.size() && first[alike] == last[alike]) ++alike;
  const auto all = [&](std::string_view text, char digit) {
    return text.find_first_not_of(digit, alike) == std::string_view::npos;
  };
  if (all(first, '0') && all(last, '9')) {
    out.push_back(*PrefixKey::parse(first.substr(0, alike)));
    return;
  }
  const std::size_t after = first.size() - alike - 1;
  std::string from(first);
  for (char digit = first[alike]; digit <= last[alike]; ++digit) {
    std::string to = from.substr(0, alike) + digit + std::string(after, '9');
    if (digit == last[alike]) to = last;
    cover(from, to, alike + 1, out);
    from = from.substr(0, alike) + static_cast<char>(digit + 1) + std::string(after, '0');
  }
}

}  // namespace

base::Result<std::vector<PrefixKey>> prefixes_of(std::string_view text) {
  if (text.find('-') == std::string_view::npos) {
    const auto key = PrefixKey::parse(text);
    if (key) return std::vector{*key};
    return base::error(
        fmt::format("\"{}\" is not a prefix of 0..{} symbols of 0-9 * #", text, PrefixKey::kMost));
  }
  std::string_view last = text;
  const std::string_view first = base::trim(base::split_first(last, '-'));
  last = base::trim(last);
  const auto digits = [](std::string_view number) {
    return !number.empty() && number.size() <= PrefixKey::kMost &&
           std::all_of(number.begin(), number.end(), base::is_digit);
  };
  if (!digits(first) || !digits(last) || first.size() != last.size() || last < first) {
    return base::error(fmt::format(
        "\"{}\" is not a range FIRST-LAST of digits, both of one length, upwards", text));
  }
  std::vector<PrefixKey> out;
  cover(first, last, 0, out);
  return out;
}

std::pair<PrefixKey, PrefixKey> ends_of(std::string_view text) {
  std::string_view last = text;
  const PrefixKey first = PrefixKey::of_number(base::trim(base::split_first(last, '-')));
  if (last.empty()) last = text;
  std::string greatest(base::trim(last));
  greatest.resize(PrefixKey::kMost, kSymbols.back());
  return {first, PrefixKey::of_number(greatest)};
}

PrefixTable::PrefixTable(std::vector<PrefixKey> keys) : keys_(std::move(keys)) {
  CHECK(keys_.size() < kNone);
  parents_.resize(keys_.size());
  starts_.assign(kStarts + 1, static_cast<std::uint32_t>(keys_.size()));
  std::uint32_t open = kNone;  // the latest one; it and its parents may begin the next one
  std::uint32_t start = 0;
  for (std::uint32_t i = 0; i < keys_.size(); ++i) {
    CHECK(i == 0 || keys_[i - 1] < keys_[i]);
    while (open != kNone && !keys_[open].begins(keys_[i])) open = parents_[open];
    parents_[i] = open;
    open = i;
    for (; start <= start_of(keys_[i]); ++start) starts_[start] = i;
  }
}

std::uint32_t PrefixTable::above(const PrefixKey& number) const {
  const std::uint32_t start = start_of(number);
  const auto first = keys_.begin() + starts_[start];
  const auto last = keys_.begin() + starts_[start + 1];
  return static_cast<std::uint32_t>(std::upper_bound(first, last, number) - keys_.begin());
}

std::uint32_t PrefixTable::find(const PrefixKey& number) const {
  std::uint32_t place = above(number);
  if (place-- == 0) return kNone;
  while (place != kNone && !keys_[place].begins(number)) place = parents_[place];
  return place;
}

std::uint32_t PrefixTable::place_of(const PrefixKey& key) const {
  const std::uint32_t next = above(key);
  return next != 0 && keys_[next - 1] == key ? next - 1 : kNone;
}

}  // namespace tandem::routing
