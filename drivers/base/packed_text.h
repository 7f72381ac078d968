// A text that is kept by the million and seldom changed: a pointer to one block of its exact size,
// and no block when it is empty. A std::string is four times as large before its first character.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "drivers/base/check.h"

namespace tandem::base {

class PackedText {
 public:
  PackedText() = default;
  // Of whatever is a text, as a std::string takes it.
  template <typename Text>
  requires(!std::same_as<Text, PackedText> && std::convertible_to<const Text&, std::string_view>)
      PackedText(const Text& text)
      : block_(block_of(text)) {}  // NOLINT implicit on purpose
  PackedText(const PackedText& other) : block_(block_of(other)) {}
  PackedText(PackedText&&) noexcept = default;
  PackedText& operator=(const PackedText& other) {
    if (this != &other) block_ = block_of(other);
    return *this;
  }
  PackedText& operator=(PackedText&&) noexcept = default;
  ~PackedText() = default;

  // Good until it is changed, moved from or gone.
  operator std::string_view() const {  // NOLINT implicit on purpose
    if (!block_) return {};
    Size size;
    std::memcpy(&size, block_.get(), sizeof size);
    return {block_.get() + sizeof size, size};
  }
  std::size_t size() const { return std::string_view(*this).size(); }
  bool empty() const { return !block_; }

  friend bool operator==(const PackedText& a, std::string_view b) {
    return std::string_view(a) == b;
  }

 private:
  using Size = std::uint32_t;
  using Block = std::unique_ptr<char[]>;  // the size, then the characters

  static Block block_of(std::string_view text) {
    if (text.empty()) return nullptr;
    CHECK(text.size() <= UINT32_MAX);
    const auto size = static_cast<Size>(text.size());
    Block out(new char[sizeof size + size]);
    std::memcpy(out.get(), &size, sizeof size);
    std::memcpy(out.get() + sizeof size, text.data(), size);
    return out;
  }

  Block block_;
};
static_assert(sizeof(PackedText) == sizeof(void*));

}  // namespace tandem::base
