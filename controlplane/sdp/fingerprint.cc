#include "controlplane/sdp/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "controlplane/sdp/lines.h"

namespace tandem::sdp {
namespace {

struct HashFacts {
  HashName hash;
  std::string_view name;
  std::size_t octets;
};
constexpr std::array kHashes{
    HashFacts{HashName::kSha256, "sha-256", 32},
    HashFacts{HashName::kSha384, "sha-384", 48},
    HashFacts{HashName::kSha512, "sha-512", 64},
};

std::optional<unsigned> hex_digit(char c) {
  if (base::is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = base::to_lower(c);
  if (lower < 'a' || lower > 'f') return std::nullopt;
  return static_cast<unsigned>(lower - 'a' + 10);
}

// "4A:AD:B9", so many octets.
std::optional<std::vector<std::uint8_t>> read_octets(std::string_view text, std::size_t count) {
  if (text.size() != 3 * count - 1) return std::nullopt;
  std::vector<std::uint8_t> out;
  out.reserve(count);
  for (std::size_t at = 0; at < text.size(); at += 3) {
    const auto high = hex_digit(text[at]);
    const auto low = hex_digit(text[at + 1]);
    if (!high || !low || (at + 2 < text.size() && text[at + 2] != ':')) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
  }
  return out;
}

}  // namespace

std::optional<Fingerprint> read_fingerprint(std::string_view value) {
  const auto name = next_word(value);
  for (const HashFacts& facts : kHashes) {
    if (!base::iequals(name, facts.name)) continue;
    auto octets = read_octets(base::trim(value), facts.octets);
    if (!octets) return std::nullopt;
    return Fingerprint{facts.hash, std::move(*octets)};
  }
  return std::nullopt;
}

std::string write_fingerprint(const Fingerprint& fingerprint) {
  std::string out(kHashes[static_cast<std::size_t>(fingerprint.hash)].name);
  char before = ' ';
  for (const std::uint8_t octet : fingerprint.octets) {
    out += fmt::format("{}{:02X}", std::exchange(before, ':'), octet);
  }
  return out;
}

std::vector<Fingerprint> strongest_fingerprints(std::span<const std::string_view> values) {
  std::vector<Fingerprint> out;
  for (const auto value : values) {
    auto fingerprint = read_fingerprint(value);
    if (!fingerprint) continue;
    if (!out.empty() && fingerprint->hash < out.front().hash) continue;
    if (!out.empty() && fingerprint->hash > out.front().hash) out.clear();
    out.push_back(std::move(*fingerprint));
  }
  return out;
}

}  // namespace tandem::sdp
