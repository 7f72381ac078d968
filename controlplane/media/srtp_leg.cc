#include "controlplane/media/srtp_leg.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace tandem::media {
namespace {

using crypto::SrtpSuite;

// What answerers take first, most of them: what everybody speaks leads.
constexpr std::array kOffer{
    SrtpSuite::kAesCm128HmacSha1_80, SrtpSuite::kAeadAes128Gcm,
    SrtpSuite::kAeadAes256Gcm,       SrtpSuite::kAesCm256HmacSha1_80,
    SrtpSuite::kAesCm128HmacSha1_32, SrtpSuite::kAesCm256HmacSha1_32,
};

wire::SrtpKeying fresh_key(SrtpSuite suite, base::Random& random) {
  std::array<std::uint64_t, 6> words;
  for (auto& word : words) word = random.next();
  std::array<std::uint8_t, sizeof words> octets;
  std::memcpy(octets.data(), words.data(), sizeof words);
  wire::SrtpKeying out;
  const auto& facts = crypto::facts_of(suite);
  std::copy_n(octets.begin(), facts.key, out.key.begin());
  std::copy_n(octets.begin() + facts.key, facts.salt, out.salt.begin());
  return out;
}

wire::SrtpKeying keying_of(const sdp::Crypto& line) {
  wire::SrtpKeying out;
  const auto& facts = crypto::facts_of(line.suite);
  std::copy_n(line.key_and_salt.begin(), facts.key, out.key.begin());
  std::copy_n(line.key_and_salt.begin() + facts.key, facts.salt, out.salt.begin());
  return out;
}

std::string line_of(std::uint32_t tag, SrtpSuite suite, const wire::SrtpKeying& keying) {
  const auto& facts = crypto::facts_of(suite);
  sdp::Crypto out{.tag = tag, .suite = suite, .key_and_salt = {}};
  out.key_and_salt.assign(keying.key.begin(), keying.key.begin() + facts.key);
  out.key_and_salt.insert(out.key_and_salt.end(), keying.salt.begin(),
                          keying.salt.begin() + facts.salt);
  return sdp::write_crypto(out);
}

}  // namespace

// What was said last stands for what is open: a second offer before the first one's end is the
// next one's beginning, as when another gateway is asked.
void SrtpLeg::remember() {
  if (open_) return;
  offered_before_ = offered_;
  said_before_ = said_;
  open_ = true;
}

// The first that we speak: the order is the offerer's (RFC 4568 §5.1.2).
std::optional<SrtpLeg::Terms> SrtpLeg::chosen(const sdp::Media& media, base::Random& random) const {
  if (policy_ == SrtpPolicy::kOff) return std::nullopt;
  for (const auto value : media.crypto) {
    std::string why;
    const auto line = sdp::read_crypto(value, why);
    if (!line) continue;
    Terms out{.suite = line->suite, .tag = line->tag, .in = keying_of(*line), .out = {}};
    // Ours stays while it can: who holds the call changes no key (§7.1.4).
    const bool same = agreed_ && agreed_->suite == out.suite;
    out.out = same ? agreed_->out : fresh_key(out.suite, random);
    return out;
  }
  return std::nullopt;
}

bool SrtpLeg::take_offer(const sdp::Media& media, base::Random& random) {
  remember();
  auto terms = chosen(media, random);
  if (!terms && (policy_ == SrtpPolicy::kRequired || media.secure())) return false;
  pending_ = terms ? *terms : Terms{};
  said_ = {.savp = media.secure(), .crypto = {}};
  offered_.clear();
  if (!terms) return true;
  said_.crypto.push_back(line_of(terms->tag, terms->suite, terms->out));
  // A refresh of ours will offer what we have answered.
  offered_.push_back({terms->tag, terms->suite, terms->out});
  return true;
}

void SrtpLeg::make_offer(base::Random& random) {
  remember();
  pending_.reset();
  offered_.clear();
  said_ = {.savp = policy_ == SrtpPolicy::kRequired, .crypto = {}};
  if (policy_ == SrtpPolicy::kOff) return;
  if (agreed_) {
    // Nothing about it changes.
    if (agreed_->suite == SrtpSuite::kNone) return;
    offered_.push_back({agreed_->tag, agreed_->suite, agreed_->out});
    said_.savp = said_before_.savp;
  } else {
    for (const SrtpSuite suite : kOffer) {
      const auto tag = static_cast<std::uint32_t>(offered_.size() + 1);
      offered_.push_back({tag, suite, fresh_key(suite, random)});
    }
  }
  for (const Offered& one : offered_) said_.crypto.push_back(line_of(one.tag, one.suite, one.key));
}

bool SrtpLeg::take_answer(const sdp::Media& media) {
  for (const auto value : media.crypto) {
    std::string why;
    const auto line = sdp::read_crypto(value, why);
    if (!line) continue;
    for (const Offered& one : offered_) {
      if (one.tag != line->tag || one.suite != line->suite) continue;
      agreed_ = Terms{.suite = one.suite, .tag = one.tag, .in = keying_of(*line), .out = one.key};
      open_ = false;
      return true;
    }
  }
  if (policy_ == SrtpPolicy::kRequired || media.secure()) return false;
  // Who had no use for a=crypto in an offer of RTP/AVP answers without it.
  agreed_ = Terms{};
  open_ = false;
  return true;
}

void SrtpLeg::agree() {
  if (pending_) agreed_ = *std::exchange(pending_, std::nullopt);
  open_ = false;
}

void SrtpLeg::withdraw() {
  if (!open_) return;
  pending_.reset();
  offered_ = std::move(offered_before_);
  said_ = std::move(said_before_);
  open_ = false;
}

}  // namespace tandem::media
