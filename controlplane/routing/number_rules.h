// Dial plans: how a number is rewritten on its way in or out, as an operator writes it
// (docs/ROUTING.md). "0|[1-9]:49,00:" makes 0301234 to 49301234 and 0044201234 to 44201234. A
// value, fixed once it is parsed; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::routing {

// Room for what a number becomes.
class NumberText {
 public:
  static constexpr std::size_t kMost = 64;

  std::string_view view() const { return {text_.data(), size_}; }
  // False: it doesn't fit, and what was there stays.
  bool set(std::string_view begin, std::string_view end);

 private:
  std::array<char, kMost> text_{};
  std::size_t size_ = 0;
};

class NumberRules {
 public:
  static constexpr std::size_t kRulesMost = 64;
  static constexpr std::size_t kPatternMost = 32;  // symbols, as in a prefix

  // Without rules: every number stays as it is.
  NumberRules() = default;
  // Fails with the rule's place (from 1) and the reason.
  static base::Result<NumberRules> parse(std::string_view text);

  enum class Outcome : std::uint8_t {
    kKept,     // no rule fits: `out` says nothing
    kChanged,  // to `out`
    kRefused,  // the plan wants no such number
    kTooLong,  // it would be longer than NumberText::kMost
  };
  // By the first rule that fits; allocates nothing.
  Outcome apply(std::string_view number, NumberText& out) const;
  // What becomes of a number, itself where no rule fits. No value: the plan wants none such.
  std::optional<std::string> rewritten(std::string_view number) const;

  bool empty() const { return rules_.empty(); }

 private:
  class Reader;
  // The characters that a place of a number may have, a bit each.
  struct Symbols {
    std::array<std::uint64_t, 2> bits{};

    bool has(char c) const {
      const auto octet = static_cast<unsigned char>(c);
      return octet < 128 && (bits[octet / 64] >> (octet % 64) & 1) != 0;
    }
    void add(char c) {
      const auto octet = static_cast<unsigned char>(c);
      bits[octet / 64] |= std::uint64_t{1} << (octet % 64);
    }
  };
  struct Rule {
    std::vector<Symbols> pattern{};
    std::size_t replaced = 0;  // so many symbols of the beginning; the others must only follow
    bool whole = false;        // nothing follows the pattern
    std::size_t least = 0;     // symbols of the whole number
    std::size_t most = SIZE_MAX;
    std::string replacement{};
    bool refuses = false;

    bool fits(std::string_view number) const;
  };

  std::vector<Rule> rules_;
};

}  // namespace tandem::routing
