#include "controlplane/routing/screening.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "drivers/base/check.h"

namespace tandem::routing {
namespace {

constexpr std::size_t kNone = SIZE_MAX;

struct Range {
  PrefixKey first;
  PrefixKey last;
  std::size_t entry;
};

bool is_range(const ListEntry& entry) { return entry.numbers.find('-') != std::string::npos; }

// A prefix and the entry that it comes from.
std::vector<std::pair<PrefixKey, std::size_t>> prefixes_of_all(std::span<const ListEntry> entries) {
  std::vector<std::pair<PrefixKey, std::size_t>> out;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto keys = prefixes_of(entries[i].numbers);
    CHECK(keys.ok());
    for (const PrefixKey& key : *keys) out.emplace_back(key, i);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> contradictions(
    std::span<const ListEntry> entries) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  const auto note = [&](std::size_t a, std::size_t b) { out.push_back(std::minmax(a, b)); };
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!is_range(entries[i])) continue;
    const auto [first, last] = ends_of(entries[i].numbers);
    ranges.push_back({first, last, i});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::tie(a.first, a.entry) < std::tie(b.first, b.entry);
  });
  std::array<const Range*, 2> widest{};  // that allows, that denies: it reaches the farthest
  for (const Range& range : ranges) {
    const auto verdict = static_cast<std::size_t>(entries[range.entry].verdict);
    const Range* const other = widest[1 - verdict];
    if (other != nullptr && range.first <= other->last) note(other->entry, range.entry);
    if (widest[verdict] == nullptr || widest[verdict]->last < range.last) widest[verdict] = &range;
  }
  const auto prefixes = prefixes_of_all(entries);
  for (std::size_t i = 1; i < prefixes.size(); ++i) {
    const auto& [key, entry] = prefixes[i];
    const auto& [before, earlier] = prefixes[i - 1];
    if (key != before || entries[entry].verdict == entries[earlier].verdict) continue;
    if (!is_range(entries[entry]) || !is_range(entries[earlier])) note(earlier, entry);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

NumberList::NumberList(std::string name, Kind kind, Verdict otherwise,
                       std::span<const ListEntry> entries)
    : name_(std::move(name)), kind_(kind), otherwise_(otherwise) {
  std::vector<PrefixKey> keys;
  for (const auto& [key, entry] : prefixes_of_all(entries)) {
    if (!keys.empty() && keys.back() == key) continue;
    keys.push_back(key);
    verdicts_.push_back(entries[entry].verdict);
  }
  prefixes_ = PrefixTable(std::move(keys));
}

Verdict NumberList::verdict(std::string_view digits) const {
  const std::uint32_t place = prefixes_.find(PrefixKey::of_number(digits));
  return place == PrefixTable::kNone ? otherwise_ : verdicts_[place];
}

std::string NumberList::reason(std::string_view digits) const {
  const std::uint32_t place = prefixes_.find(PrefixKey::of_number(digits));
  return place == PrefixTable::kNone ? "otherwise" : prefixes_.key(place).text();
}

const NumberList* Screening::find(std::string_view name) const {
  const auto found = lists_.find(name);
  return found == lists_.end() ? nullptr : found->second.get();
}

Screening::Outcome Screening::check(std::span<const std::string> names, std::string_view caller,
                                    std::string_view callee) const {
  for (const std::string& name : names) {
    const NumberList* const list = find(name);
    if (list == nullptr) return {.allowed = false, .list = name, .known = false};
    const bool looks_at_caller = list->kind() == NumberList::Kind::kCaller;
    if (list->verdict(looks_at_caller ? caller : callee) == Verdict::kDeny) {
      return {.allowed = false, .list = name};
    }
  }
  return {};
}

}  // namespace tandem::routing
