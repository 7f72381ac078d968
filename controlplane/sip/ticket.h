// A word that we hand to peers and get back from them (a Via branch, a tag): the handle of what it
// stands for, so that it is found without a table, and a secret, so that nobody can name what he
// was not told of. Whoever reads one compares the secret.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/base/slab.h"

namespace tandem::sip {

struct Ticket {
  static constexpr std::size_t kSize = 32;

  base::Handle handle;
  std::uint64_t secret = 0;

  friend bool operator==(const Ticket&, const Ticket&) = default;

  void append_to(std::string& out) const {
    for (const std::uint64_t word : {handle.raw, secret}) {
      for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(word >> shift) & 15];
    }
  }
  std::string text() const {
    std::string out;
    out.reserve(kSize);
    append_to(out);
    return out;
  }
  // No value: not written by append_to().
  static std::optional<Ticket> parse(std::string_view text) {
    Ticket out;
    if (text.size() != kSize) return std::nullopt;
    const char* middle = text.data() + kSize / 2;
    const char* end = text.data() + kSize;
    if (std::from_chars(text.data(), middle, out.handle.raw, 16).ptr != middle) return std::nullopt;
    if (std::from_chars(middle, end, out.secret, 16).ptr != end) return std::nullopt;
    return out;
  }
};

}  // namespace tandem::sip
