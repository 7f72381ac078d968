// Records by key that any thread reads at full speed while one thread changes them: no lock, no
// counter, nothing written by a reader. Buckets are never changed, only exchanged for others; who
// exchanged them gets the former ones back and frees them when no reader can still look at them.
//
// Writer: one thread at a time. Readers: any; what find() gives is good until the reader has told
// the writer that it is past it (for a shard: the next errand of its inbox).
#pragma once

#include <tbb/parallel_for.h>
#include <tbb/parallel_sort.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "drivers/base/check.h"
#include "drivers/base/keyed_hash.h"

namespace tandem::registrar {

// A Record is a plain struct with a `key`, a KeyedHash::Digest of what it stands for.
template <typename Record>
class ReadMostlyTable {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  using Key = base::KeyedHash::Digest;
  using Bucket = std::vector<Record>;
  using Retired = std::vector<std::unique_ptr<const Bucket>>;
  struct Change {
    Record record;  // for a removal, only its key counts
    bool removes = false;
  };

  // About `records` will be in it; more make it slower, not wrong. A bucket holds 8 then.
  explicit ReadMostlyTable(std::uint32_t records)
      : mask_(std::bit_ceil(std::max(records, 16u) / 8) - 1), buckets_(mask_ + 1) {}
  ReadMostlyTable(const ReadMostlyTable&) = delete;
  ReadMostlyTable& operator=(const ReadMostlyTable&) = delete;
  ~ReadMostlyTable() {
    for (auto& bucket : buckets_) delete bucket.load(std::memory_order_relaxed);
  }

  // nullptr: there is none.
  const Record* find(const Key& key) const {
    const Bucket* bucket = buckets_[key.high & mask_].load(std::memory_order_acquire);
    if (bucket == nullptr) return nullptr;
    for (const Record& record : *bucket) {
      if (record.key == key) return &record;
    }
    return nullptr;
  }

  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  // Puts records in (instead of those with their keys) and takes others out, in this order for each
  // key. Readers see each bucket's changes all at once. Many changes are made on all cores.
  Retired apply(std::span<const Change> changes) {
    CHECK(changes.size() <= UINT32_MAX);
    const std::vector<std::uint64_t> order = by_bucket(changes);
    std::vector<std::uint32_t> groups;  // where each bucket's changes begin
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      if (i == 0 || order[i] >> 32 != order[i - 1] >> 32) groups.push_back(i);
    }
    Retired retired(groups.size());
    const auto exchange = [&](std::size_t group) {
      const std::size_t end = group + 1 < groups.size() ? groups[group + 1] : order.size();
      retired[group] = exchange_bucket(changes, std::span(order).first(end).subspan(groups[group]));
    };
    if (groups.size() < kWorthSharing) {
      for (std::size_t group = 0; group < groups.size(); ++group) exchange(group);
    } else {
      tbb::parallel_for(std::size_t{0}, groups.size(), exchange);
    }
    std::erase(retired, nullptr);
    return retired;
  }

 private:
  static constexpr std::size_t kWorthSharing = 4096;

  // Bucket in the upper half, place among the changes in the lower one; sorted.
  std::vector<std::uint64_t> by_bucket(std::span<const Change> changes) const {
    std::vector<std::uint64_t> order(changes.size());
    for (std::uint64_t i = 0; i < changes.size(); ++i) {
      order[i] = (changes[i].record.key.high & mask_) << 32 | i;
    }
    if (order.size() < kWorthSharing)
      std::sort(order.begin(), order.end());
    else
      tbb::parallel_sort(order.begin(), order.end());
    return order;
  }

  std::unique_ptr<const Bucket> exchange_bucket(std::span<const Change> changes,
                                                std::span<const std::uint64_t> order) {
    auto& place = buckets_[order.front() >> 32];
    std::unique_ptr<const Bucket> before(place.load(std::memory_order_relaxed));
    Bucket after;
    const std::size_t count = before ? before->size() : 0;
    if (before) after = *before;
    after.reserve(count + order.size());
    for (const std::uint64_t word : order) {
      const Change& change = changes[static_cast<std::uint32_t>(word)];
      const auto same = [&](const Record& record) { return record.key == change.record.key; };
      const auto found = std::find_if(after.begin(), after.end(), same);
      if (change.removes) {
        if (found != after.end()) after.erase(found);
      } else if (found != after.end()) {
        *found = change.record;
      } else {
        after.push_back(change.record);
      }
    }
    after.shrink_to_fit();
    size_.fetch_add(after.size() - count, std::memory_order_relaxed);
    place.store(after.empty() ? nullptr : new Bucket(std::move(after)), std::memory_order_release);
    return before;
  }

  std::uint64_t mask_;
  std::vector<std::atomic<const Bucket*>> buckets_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace tandem::registrar
