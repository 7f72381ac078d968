// What an operation that can fail returns: a value, or an Error with a sentence for a person.
// No exceptions cross a room's border. Not for the hot path: there a failure is a counter.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "drivers/base/check.h"

namespace tandem::base {

struct Error {
  std::string text;
};

inline Error error(std::string text) { return Error{std::move(text)}; }

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}          // NOLINT implicit on purpose
  Result(Error e) : state_(std::in_place_index<1>, std::move(e)) {}  // NOLINT implicit on purpose

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & { return CHECK(ok()), std::get<0>(state_); }
  const T& value() const& { return CHECK(ok()), std::get<0>(state_); }
  T&& value() && { return CHECK(ok()), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const std::string& error_text() const { return CHECK(!ok()), std::get<1>(state_).text; }
  Error take_error() && { return CHECK(!ok()), std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error e) : error_(std::move(e)) {}  // NOLINT implicit on purpose

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const std::string& error_text() const { return CHECK(error_.has_value()), error_->text; }
  Error take_error() && { return CHECK(error_.has_value()), std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace tandem::base
