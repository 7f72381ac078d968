#include "controlplane/sip/digest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "controlplane/sip/digest_params.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr std::size_t kCountDigits = 8;  // of nc (RFC 7616 §3.4)

std::optional<std::uint64_t> parse_hex_number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  if (fault != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return out;
}

void append_hex(std::string& out, std::uint64_t number, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[number >> shift & 15];
  }
}

std::uint64_t millis(Nanos time) { return static_cast<std::uint64_t>(time / base::Millis{1}); }

}  // namespace

std::optional<DigestCredentials> parse_credentials(std::string_view value) {
  const auto params = digest_params(value);
  if (!params) return std::nullopt;
  std::string_view rest = *params;
  DigestCredentials out;
  std::string_view username;
  std::string_view algorithm;
  std::string_view qop;
  const std::pair<std::string_view, std::string_view*> fields[] = {
      {"username", &username}, {"realm", &out.realm}, {"nonce", &out.nonce},
      {"uri", &out.uri},       {"qop", &qop},         {"response", &out.response},
      {"cnonce", &out.cnonce}, {"nc", &out.count},    {"algorithm", &algorithm},
  };
  while (!rest.empty()) {
    const auto pair = next_digest_param(rest);
    if (!pair) return std::nullopt;
    for (const auto& [name, field] : fields) {
      if (!base::iequals(name, pair->name)) continue;
      if (field->data() != nullptr) return std::nullopt;  // twice
      *field = pair->value;
    }
  }
  if (username.empty() || out.nonce.empty() || out.uri.empty() || out.response.empty()) {
    return std::nullopt;
  }
  if (algorithm.data() != nullptr) {
    const auto known = algorithm_named(algorithm);
    if (!known) return std::nullopt;
    out.algorithm = *known;
  }
  out.qop = qop.data() != nullptr;
  if (out.qop && (!base::iequals(qop, "auth") || out.cnonce.empty() ||
                  out.count.size() != kCountDigits || !parse_hex_number(out.count))) {
    return std::nullopt;
  }
  out.username = unescape_quoted(username);
  return out;
}

// --- nonces ------------------------------------------------------------------------------------

// On the wire: time in milliseconds, serial number, each in 16 hexadecimal digits, 8 of the mark,
// and 32 of the HMAC of those.
struct DigestGate::Nonce {
  static constexpr std::size_t kWord = 16;
  static constexpr std::size_t kMark = 8;
  static constexpr std::size_t kHead = 2 * kWord + kMark;
  static constexpr std::size_t kMac = 32;

  std::uint64_t issued_ms = 0;
  std::uint64_t serial = 0;  // the shard in its highest octet; never 0
  std::uint32_t mark = 0;    // mark_of() the serial and whom it was given to

  std::string text(const Hmac& hmac) const {
    std::string out;
    out.reserve(kHead + kMac);
    append_hex(out, issued_ms, kWord);
    append_hex(out, serial, kWord);
    append_hex(out, mark, kMark);
    return out.append(std::string_view(Hex(hmac.of({out}))).substr(0, kMac));
  }
  // No value: not made with this secret.
  static std::optional<Nonce> parse(std::string_view text, const Hmac& hmac) {
    if (text.size() != kHead + kMac) return std::nullopt;
    const Hex mac(hmac.of({text.substr(0, kHead)}));
    if (!same_secret(std::string_view(mac).substr(0, kMac), text.substr(kHead))) {
      return std::nullopt;
    }
    const auto issued = parse_hex_number(text.substr(0, kWord));
    const auto serial = parse_hex_number(text.substr(kWord, kWord));
    const auto mark = parse_hex_number(text.substr(2 * kWord, kMark));
    if (!issued || !serial || !mark) return std::nullopt;
    return Nonce{*issued, *serial, static_cast<std::uint32_t>(*mark)};
  }
};

DigestGate::DigestGate(const Setup& setup)
    : setup_(setup), hmac_(setup.secret), window_(setup.nonces) {
  const Digest words = hmac_.of({"mark"});
  std::memcpy(&mark_key_, words.octets().data(), sizeof mark_key_);
}

// Bound to the nonce too: it tells nobody which addresses are the same.
std::uint32_t DigestGate::mark_of(std::uint64_t serial, const base::IpAddress& address) const {
  base::KeyedHash hash(mark_key_);
  hash << serial
       << std::string_view(reinterpret_cast<const char*>(address.bytes.data()),
                           address.bytes.size());
  return static_cast<std::uint32_t>(hash.digest().low);
}

std::vector<std::string> DigestGate::challenge(std::string_view realm, bool stale,
                                               const base::IpAddress& to, Nanos now) {
  const std::uint64_t random = setup_.random.next() >> 8;
  const std::uint64_t serial = std::uint64_t{setup_.shard} << 56 | (random == 0 ? 1 : random);
  const Nonce nonce{millis(now), serial, mark_of(serial, to)};
  const std::string text = nonce.text(hmac_);
  std::vector<std::string> out;
  for (const auto algorithm : setup_.offered) {
    std::string& value = out.emplace_back();
    value.append("Digest realm=\"").append(realm).append("\", nonce=\"").append(text);
    value.append("\", algorithm=").append(algorithm_name(algorithm)).append(", qop=\"auth\"");
    if (stale) value.append(", stale=true");
  }
  return out;
}

bool DigestGate::usable(const DigestCredentials& credentials, const Nonce& nonce, Nanos now) {
  if (nonce.serial >> 56 != setup_.shard) return false;
  const std::uint64_t now_ms = millis(now);
  const std::uint64_t age_ms = now_ms > nonce.issued_ms ? now_ms - nonce.issued_ms : 0;
  if (age_ms > millis(setup_.life)) return false;
  // Without nc, once (RFC 7616 §3.4: servers may do so).
  const std::uint64_t count = credentials.qop ? *parse_hex_number(credentials.count) : 1;
  // From 1, so that a free place is older than all.
  return window_.take(nonce.serial, nonce.issued_ms + 1, static_cast<std::uint32_t>(count),
                      age_ms <= millis(setup_.answer_within));
}

DigestCheck DigestGate::check(const DigestCredentials& credentials, std::string_view method,
                              std::span<const std::uint8_t> ha1, const base::IpAddress& from,
                              Nanos now) {
  const auto nonce = Nonce::parse(credentials.nonce, hmac_);
  NonceOrigin origin = NonceOrigin::kOthers;
  if (nonce) {
    const bool here = nonce->mark == mark_of(nonce->serial, from);
    origin = here ? NonceOrigin::kHere : NonceOrigin::kElsewhere;
  }
  const DigestAlgorithm algorithm = credentials.algorithm;
  const Hex secret(ha1);
  const Hex ha2(digest_of(algorithm, {method, ":", credentials.uri}));
  const Digest wanted =
      credentials.qop
          ? digest_of(algorithm, {secret, ":", credentials.nonce, ":", credentials.count, ":",
                                  credentials.cnonce, ":auth:", ha2})
          : digest_of(algorithm, {secret, ":", credentials.nonce, ":", ha2});
  std::array<std::uint8_t, Digest::kMost> got{};
  const auto octets = std::span(got).first(wanted.octets().size());
  const bool readable = parse_hex(credentials.response, octets);
  const auto view = [](std::span<const std::uint8_t> bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const auto& offered = setup_.offered;
  const bool ours = std::find(offered.begin(), offered.end(), algorithm) != offered.end();
  if (!same_secret(view(octets), view(wanted.octets())) || !readable || !ours) {
    return {DigestVerdict::kBad, origin};
  }
  // One that was given to somebody else isn't used up by this: that would tell him that the
  // password is right.
  const bool good = origin == NonceOrigin::kHere && usable(credentials, *nonce, now);
  return {good ? DigestVerdict::kGood : DigestVerdict::kStale, origin};
}

}  // namespace tandem::sip
