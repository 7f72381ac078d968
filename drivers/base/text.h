// Small words on text: comparison without case, numbers, and a bounded writer that never allocates.
// ASCII only, as SIP's tokens are.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem::base {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}
bool istarts_with(std::string_view text, std::string_view prefix);

// Without leading and trailing SP, HTAB, CR, LF.
constexpr std::string_view trim(std::string_view text) {
  constexpr auto blank = [](char c) { return is_space(c) || c == '\r' || c == '\n'; };
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (begin < end && blank(text[begin])) ++begin;
  while (begin < end && blank(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

// All of `text` is a decimal number in [0, max]; no sign, no space.
constexpr std::optional<std::uint64_t> parse_uint(std::string_view text, std::uint64_t max) {
  std::uint64_t number = 0;
  for (const char c : text) {
    if (!is_digit(c) || number > max / 10) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    number *= 10;
    if (digit > max - number) return std::nullopt;
    number += digit;
  }
  if (text.empty()) return std::nullopt;
  return number;
}

// The part before the first `separator`, and `rest` moved behind it (empty when there was none).
std::string_view split_first(std::string_view& rest, char separator);

// Appends into a buffer that it doesn't own. Once something did not fit, overflowed() stays true
// and nothing more is written: ask once, at the end.
class TextWriter {
 public:
  explicit TextWriter(std::span<char> buffer) : buffer_(buffer) {}

  TextWriter& operator<<(std::string_view text) {
    if (overflowed_ || text.size() > buffer_.size() - used_) {
      overflowed_ = true;
      return *this;
    }
    if (!text.empty()) std::memcpy(buffer_.data() + used_, text.data(), text.size());
    used_ += text.size();
    return *this;
  }
  TextWriter& operator<<(char c) { return *this << std::string_view(&c, 1); }
  TextWriter& operator<<(std::uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
  }

  bool overflowed() const { return overflowed_; }
  std::size_t size() const { return used_; }
  std::string_view view() const { return {buffer_.data(), used_}; }

 private:
  std::span<char> buffer_;
  std::size_t used_ = 0;
  bool overflowed_ = false;
};

}  // namespace tandem::base
