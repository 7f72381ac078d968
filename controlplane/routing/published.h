// A value that many threads read at full speed while another one exchanges it for the next: readers
// hold a copy of the pointer and look only at a number, so nobody's lookup locks, counts or waits.
// What has been exchanged is freed by sweep(), never by a reader.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tandem::routing {

template <typename T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> first = std::make_shared<const T>())
      : current_(std::move(first)) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Any thread.
  void publish(std::shared_ptr<const T> next) {
    const std::lock_guard hold(door_);
    former_.push_back(std::exchange(current_, std::move(next)));
    version_.fetch_add(1, std::memory_order_release);
  }
  std::shared_ptr<const T> now() const {
    const std::lock_guard hold(door_);
    return current_;
  }
  // Frees those that no reader has any more. Not a shard's to call: it may take milliseconds.
  void sweep() {
    std::vector<std::shared_ptr<const T>> freed;  // when the door is open again
    const std::lock_guard hold(door_);
    for (auto& one : former_) {
      if (one.use_count() == 1) freed.push_back(std::move(one));
    }
    std::erase(former_, nullptr);
  }

  // Owner: one thread. The publisher outlives it.
  class Reader {
   public:
    explicit Reader(const Published& from) : from_(from) {}

    // Good until the next get().
    const T& get() {
      const std::uint64_t version = from_.version_.load(std::memory_order_acquire);
      if (version != version_) {
        mine_ = from_.now();  // perhaps an even later one: then it's fetched twice
        version_ = version;
      }
      return *mine_;
    }

   private:
    const Published& from_;
    std::shared_ptr<const T> mine_;
    std::uint64_t version_ = 0;
  };

 private:
  mutable std::mutex door_;  // held for moments
  std::shared_ptr<const T> current_;
  std::vector<std::shared_ptr<const T>> former_;
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace tandem::routing
