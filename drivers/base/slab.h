// A pool of objects with a hard limit and handles that outlive their object safely: a stale handle
// finds nothing. Addresses are stable. Owner: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "drivers/base/check.h"

namespace tandem::base {

// {0} is no object; index in the low half, generation in the high half.
struct Handle {
  std::uint64_t raw = 0;
  explicit operator bool() const { return raw != 0; }
  friend bool operator==(Handle, Handle) = default;
};

template <typename T>
class Slab {
 public:
  explicit Slab(std::uint32_t limit) : limit_(limit) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { clear(); }

  // The handle that the next make() gives, for objects that know their own from the start. Means
  // nothing when there is no room.
  Handle next() const {
    const auto index = free_.empty() ? static_cast<std::uint32_t>(cells_.size()) : free_.back();
    const std::uint32_t former = free_.empty() ? 0 : cells_[index]->generation;
    return handle_of(former + 1 == 0 ? 1 : former + 1, index);
  }

  // nullptr when the limit is reached: refuse the new, keep the old.
  template <typename... Args>
  std::pair<Handle, T*> make(Args&&... args) {
    std::uint32_t index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      if (cells_.size() == limit_) return {{}, nullptr};
      index = static_cast<std::uint32_t>(cells_.size());
      cells_.push_back(std::make_unique<Cell>());
    }
    Cell& cell = *cells_[index];
    if (++cell.generation == 0) cell.generation = 1;  // {0} is no object
    T* object = new (cell.storage) T(std::forward<Args>(args)...);
    cell.live = true;
    ++live_;
    return {handle_of(cell.generation, index), object};
  }

  T* find(Handle handle) {
    const auto index = static_cast<std::uint32_t>(handle.raw);
    if (!handle || index >= cells_.size()) return nullptr;
    Cell& cell = *cells_[index];
    if (!cell.live || cell.generation != static_cast<std::uint32_t>(handle.raw >> 32))
      return nullptr;
    return cell.object();
  }

  // REQUIRES: the handle is live.
  void drop(Handle handle) {
    T* object = find(handle);
    CHECK(object != nullptr);
    const auto index = static_cast<std::uint32_t>(handle.raw);
    cells_[index]->live = false;
    --live_;
    object->~T();
    free_.push_back(index);
  }

  template <typename Visit>
  void each(Visit&& visit) {
    for (std::uint32_t i = 0; i < cells_.size(); ++i) {
      Cell& cell = *cells_[i];
      if (cell.live) visit(handle_of(cell.generation, i), *cell.object());
    }
  }

  void clear() {
    for (auto& cell : cells_) {
      if (cell->live) cell->object()->~T();
      cell->live = false;
    }
    live_ = 0;
    free_.clear();
    for (std::uint32_t i = 0; i < cells_.size(); ++i) free_.push_back(i);
  }

  std::uint32_t live() const { return live_; }
  std::uint32_t limit() const { return limit_; }

 private:
  struct Cell {
    std::uint32_t generation = 0;
    bool live = false;
    alignas(T) unsigned char storage[sizeof(T)];
    T* object() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  static Handle handle_of(std::uint32_t generation, std::uint32_t index) {
    return {(static_cast<std::uint64_t>(generation) << 32) | index};
  }

  std::uint32_t limit_;
  std::uint32_t live_ = 0;
  std::vector<std::unique_ptr<Cell>> cells_;
  std::vector<std::uint32_t> free_;
};

}  // namespace tandem::base
