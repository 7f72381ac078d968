#include "controlplane/routing/number_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

bool is_letter(char c) { return base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z'; }

// What stands for itself in patterns and replacements.
bool is_symbol(char c) {
  return base::is_digit(c) || is_letter(c) || c == '*' || c == '#' || c == '+';
}

}  // namespace

bool NumberText::set(std::string_view begin, std::string_view end) {
  if (begin.size() + end.size() > kMost) return false;
  // `end` may be a part of what is here already.
  std::memmove(text_.data() + begin.size(), end.data(), end.size());
  std::memcpy(text_.data(), begin.data(), begin.size());
  size_ = begin.size() + end.size();
  return true;
}

// Reads one rule from its beginning to its end.
class NumberRules::Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  base::Result<Rule> read() {
    if (auto good = length(); !good) return std::move(good).take_error();
    if (auto good = pattern(); !good) return std::move(good).take_error();
    if (auto good = replacement(); !good) return std::move(good).take_error();
    return std::move(rule_);
  }

 private:
  base::Error fault(std::string_view reason) const {
    return base::error(fmt::format("place {}: {}", at_ + 1, reason));
  }
  bool ended() const { return at_ == text_.size(); }
  char here() const { return ended() ? '\0' : text_[at_]; }
  bool skip(char c) {
    if (ended() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // "{8}" or "{8-15}"
  base::Result<void> length() {
    if (here() != '{') return {};
    const auto close = text_.find('}');
    if (close == std::string_view::npos) return fault("the \"{\" is not closed");
    std::string_view rest = text_.substr(1, close - 1);
    const bool one = rest.find('-') == std::string_view::npos;
    const auto least = base::parse_uint(base::split_first(rest, '-'), NumberText::kMost);
    const auto most = one ? least : base::parse_uint(rest, NumberText::kMost);
    if (!least || !most || *most < *least) {
      return fault(fmt::format("a length is {{N}} or {{N-M}}, of at most {}", NumberText::kMost));
    }
    rule_.least = *least;
    rule_.most = *most;
    at_ = close + 1;
    return {};
  }

  base::Result<void> pattern() {
    bool parted = false;
    while (here() != ':') {
      if (ended()) return fault("a rule is PATTERN:REPLACEMENT, and there is no \":\"");
      if (skip('|')) {
        if (parted) return fault("there is a second \"|\"");
        parted = true;
        rule_.replaced = rule_.pattern.size();
        continue;
      }
      if (skip('$')) {
        rule_.whole = true;
        if (here() != ':') return fault("\"$\" is the end of a pattern");
        continue;
      }
      auto symbols = place();
      if (!symbols) return std::move(symbols).take_error();
      rule_.pattern.push_back(*symbols);
      if (rule_.pattern.size() > kPatternMost) {
        return fault(fmt::format("a pattern has at most {} symbols", kPatternMost));
      }
    }
    ++at_;
    if (!parted) rule_.replaced = rule_.pattern.size();
    return {};
  }

  base::Result<Symbols> place() {
    Symbols out;
    if (skip('?')) {
      for (char c = '0'; c <= '9'; ++c) out.add(c);
      return out;
    }
    if (here() == '[') return set();
    if (!is_symbol(here())) {
      return fault(fmt::format("\"{}\" means nothing in a pattern", here()));
    }
    out.add(text_[at_++]);
    return out;
  }

  // "[135]", "[2-9]", "[^0]": the last one is any digit but these.
  base::Result<Symbols> set() {
    const auto close = text_.find(']', at_);
    if (close == std::string_view::npos) return fault("the \"[\" is not closed");
    ++at_;
    const bool others = skip('^');
    if (at_ == close) return fault("nothing stands between \"[\" and \"]\"");
    Symbols named;
    while (at_ < close) {
      const char first = here();
      if (!is_symbol(first)) {
        return fault(fmt::format("\"{}\" means nothing between \"[\" and \"]\"", first));
      }
      char last = first;
      if (text_[at_ + 1] == '-') {
        last = text_[at_ + 2];
        const bool alike = (base::is_digit(first) && base::is_digit(last)) ||
                           (is_letter(first) && is_letter(last));
        if (!alike || last < first) return fault("a range goes upwards between digits or letters");
        at_ += 2;
      }
      ++at_;
      for (char c = first; c <= last; ++c) named.add(c);
    }
    at_ = close + 1;
    if (!others) return named;
    Symbols out;
    for (char c = '0'; c <= '9'; ++c) {
      if (!named.has(c)) out.add(c);
    }
    return out;
  }

  base::Result<void> replacement() {
    if (skip('!')) {
      rule_.refuses = true;
      if (!ended()) return fault("\"!\" stands alone: it refuses the number");
      return {};
    }
    for (; !ended(); ++at_) {
      if (!is_symbol(here())) {
        return fault(fmt::format("\"{}\" means nothing in a replacement", here()));
      }
    }
    rule_.replacement = text_.substr(text_.find(':') + 1);
    if (rule_.replacement.size() > kPatternMost) {
      return fault(fmt::format("a replacement has at most {} symbols", kPatternMost));
    }
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Rule rule_;
};

base::Result<NumberRules> NumberRules::parse(std::string_view text) {
  NumberRules out;
  if (base::trim(text).empty()) return out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view written = base::trim(text.substr(begin, end - begin));
    begin = end + 1;
    const std::size_t place = out.rules_.size() + 1;
    if (written.empty()) return base::error(fmt::format("rule {} is empty", place));
    if (place > kRulesMost) {
      return base::error(fmt::format("a dial plan has at most {} rules", kRulesMost));
    }
    auto rule = Reader(written).read();
    if (!rule) {
      return base::error(fmt::format("rule {} \"{}\": {}", place, written, rule.error_text()));
    }
    out.rules_.push_back(std::move(rule).value());
  }
  return out;
}

bool NumberRules::Rule::fits(std::string_view number) const {
  if (number.size() < pattern.size() || number.size() < least || number.size() > most) return false;
  if (whole && number.size() != pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!pattern[i].has(number[i])) return false;
  }
  return true;
}

NumberRules::Outcome NumberRules::apply(std::string_view number, NumberText& out) const {
  for (const Rule& rule : rules_) {
    if (!rule.fits(number)) continue;
    if (rule.refuses) return Outcome::kRefused;
    const bool set = out.set(rule.replacement, number.substr(rule.replaced));
    return set ? Outcome::kChanged : Outcome::kTooLong;
  }
  return Outcome::kKept;
}

std::optional<std::string> NumberRules::rewritten(std::string_view number) const {
  NumberText out;
  switch (apply(number, out)) {
    case Outcome::kKept:
      return std::string(number);
    case Outcome::kChanged:
      return std::string(out.view());
    default:
      return std::nullopt;
  }
}

}  // namespace tandem::routing
