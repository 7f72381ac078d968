// Memory for rings in tests: of exactly the size asked for, so that an address checker sees the
// first byte outside, or shared with processes that fork() makes.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "drivers/base/check.h"

namespace tandem::test {

class HeapMemory {
 public:
  explicit HeapMemory(std::size_t bytes)
      : at_(static_cast<std::byte*>(std::aligned_alloc(64, bytes))) {
    std::memset(at_.get(), 0, bytes);
  }
  std::byte* get() const { return at_.get(); }

 private:
  struct Free {
    void operator()(std::byte* at) const { std::free(at); }
  };
  std::unique_ptr<std::byte, Free> at_;
};

class ForkedMemory {
 public:
  explicit ForkedMemory(std::size_t bytes)
      : bytes_(bytes),
        at_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    CHECK(at_ != MAP_FAILED);
  }
  ForkedMemory(const ForkedMemory&) = delete;
  ForkedMemory& operator=(const ForkedMemory&) = delete;
  ~ForkedMemory() { munmap(at_, bytes_); }
  std::byte* get() const { return static_cast<std::byte*>(at_); }

 private:
  std::size_t bytes_;
  void* at_;
};

}  // namespace tandem::test
