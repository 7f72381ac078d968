// Who may call whom: named lists of numbers, each of which allows or denies. A gateway has the
// names of its lists. Immutable: a change is another Screening (published.h). Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/routing/prefix_table.h"
#include "controlplane/routing/published.h"

namespace tandem::routing {

enum class Verdict : std::uint8_t { kAllow, kDeny };

// As an operator writes it: a prefix or a range.
struct ListEntry {
  std::string numbers;
  Verdict verdict = Verdict::kDeny;
};

// Two entries of one list that say opposite things of a number, and neither is longer: places in
// what was given, the earlier one first. Prefixes inside a range refine it. REQUIRES: prefixes_of()
// takes each of them.
std::vector<std::pair<std::size_t, std::size_t>> contradictions(std::span<const ListEntry> entries);

class NumberList {
 public:
  enum class Kind : std::uint8_t { kCaller, kCallee };  // whose number it looks at

  // REQUIRES: no contradictions.
  NumberList(std::string name, Kind kind, Verdict otherwise, std::span<const ListEntry> entries);

  // The longest prefix decides; without any, what is said of all others.
  Verdict verdict(std::string_view digits) const;
  // The prefix that decides, or "otherwise".
  std::string reason(std::string_view digits) const;

  const std::string& name() const { return name_; }
  Kind kind() const { return kind_; }
  Verdict otherwise() const { return otherwise_; }
  std::size_t prefixes() const { return prefixes_.size(); }

 private:
  std::string name_;
  Kind kind_;
  Verdict otherwise_;
  PrefixTable prefixes_;
  std::vector<Verdict> verdicts_;  // of each prefix
};

class Screening {
 public:
  using Lists = std::map<std::string, std::shared_ptr<const NumberList>, std::less<>>;

  Screening() = default;
  explicit Screening(Lists lists) : lists_(std::move(lists)) {}

  const NumberList* find(std::string_view name) const;  // nullptr: there is none
  const Lists& lists() const { return lists_; }

  // A call goes on when each of these lists allows it. A list that isn't there denies: nobody is
  // let through because somebody has mistyped or removed a list.
  struct Outcome {
    bool allowed = true;
    std::string_view list{};  // the first that denies, as it was asked for
    bool known = true;        // whether there is such a list
  };
  Outcome check(std::span<const std::string> names, std::string_view caller,
                std::string_view callee) const;

 private:
  Lists lists_;
};

using Screenings = Published<Screening>;

}  // namespace tandem::routing
