#include "controlplane/media/srtp_leg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::media {
namespace {

using crypto::SrtpSuite;
using sdp::Security;

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

// RFC 8842 §4: 20 characters at least, 120 bits of them by chance.
std::string fresh_tls_id(base::Random& random) {
  return fmt::format("{:016x}{:016x}", random.next(), random.next());
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
  return "crypto:" + sdp::write_crypto(out);
}

std::vector<std::string> dtls_lines(const DtlsIdentity& identity, std::string_view setup,
                                    const std::string& tls_id) {
  std::vector<std::string> out{"fingerprint:" + sdp::write_fingerprint(identity.fingerprint()),
                               fmt::format("setup:{}", setup)};
  if (!tls_id.empty()) out.push_back("tls-id:" + tls_id);
  return out;
}

Security::Protocol protocol_of(const sdp::Media& media) {
  if (media.over_dtls()) return Security::Protocol::kDtlsSavp;
  return media.secure() ? Security::Protocol::kSavp : Security::Protocol::kAvp;
}

std::string_view setup_of(DtlsRole role) {
  return role == DtlsRole::kClient ? "active" : "passive";
}

// Our role by what the party says of its own (RFC 4145 §4.1). `unsaid`: what it means to say
// nothing. No value: there is none.
std::optional<DtlsRole> role_for(std::string_view setup, std::string_view unsaid) {
  if (setup.empty()) setup = unsaid;
  if (base::iequals(setup, "active")) return DtlsRole::kServer;
  if (base::iequals(setup, "passive")) return DtlsRole::kClient;
  return std::nullopt;
}

bool is_held(const sdp::Media& media) { return base::iequals(media.setup, "holdconn"); }

SrtpLeg::Dtls dtls_of(const sdp::Media& media) {
  SrtpLeg::Dtls out;
  out.fingerprints = sdp::strongest_fingerprints(media.fingerprints);
  out.tls_id = media.tls_id;
  out.remote = media.rtp;
  return out;
}

}  // namespace

// What was said last stands for what is open: a second offer before the first one's end is the
// next one's beginning, as when another gateway is asked.
void SrtpLeg::remember() {
  if (open_) return;
  before_ = now_;
  open_ = true;
}

// --- the party offers --------------------------------------------------------------------------

// By what m= means; where it means neither, by what we would offer ourselves.
std::optional<SrtpLeg::Terms> SrtpLeg::chosen(const sdp::Media& media, base::Random& random,
                                              bool hidden) {
  if (rule_.policy == SrtpPolicy::kOff) return std::nullopt;
  const bool dtls_first =
      media.over_dtls() || (rule_.offers == KeyAgreement::kDtls && !media.secure());
  if (dtls_first) {
    auto terms = chosen_dtls(media, random, hidden);
    if (terms || media.over_dtls()) return terms;
  }
  if (auto terms = chosen_sdes(media, random)) return terms;
  return chosen_dtls(media, random, hidden);
}

// The first that we speak: the order is the offerer's (RFC 4568 §5.1.2).
std::optional<SrtpLeg::Terms> SrtpLeg::chosen_sdes(const sdp::Media& media,
                                                   base::Random& random) const {
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

// The association that there is, where the party means it.
bool SrtpLeg::goes_on(const Dtls& asked) const {
  if (!agreed_ || !agreed_->dtls) return false;
  const Dtls& standing = *agreed_->dtls;
  if (asked.fingerprints != standing.fingerprints || asked.tls_id != standing.tls_id) return false;
  const bool held = asked.remote.address == base::IpAddress::ip4(0, 0, 0, 0);
  return !asked.tls_id.empty() || held || asked.remote == standing.remote;
}

// RFC 5763 §5: the answerer begins, so that the handshake doesn't wait for its answer's arrival;
// unless it is for the offerer to open a way through its NAT. An association that goes on keeps its
// roles (RFC 8842 §5.3).
std::optional<SrtpLeg::Terms> SrtpLeg::chosen_dtls(const sdp::Media& media, base::Random& random,
                                                   bool hidden) {
  Dtls asked = dtls_of(media);
  if (identity_ == nullptr || asked.fingerprints.empty()) return std::nullopt;
  const bool either = base::iequals(media.setup, "actpass");
  const auto role = role_for(media.setup, "active");
  const bool same = goes_on(asked);
  if (same && (either || is_held(media) || role == agreed_->dtls->role)) return agreed_;
  if (!role && !either) return std::nullopt;
  asked.role = role ? *role : hidden ? DtlsRole::kServer : DtlsRole::kClient;
  asked.association = ++associations_;
  if (!asked.tls_id.empty()) asked.own_tls_id = fresh_tls_id(random);
  return Terms{.dtls = std::move(asked)};
}

bool SrtpLeg::take_offer(const sdp::Media& media, base::Random& random, bool hidden) {
  remember();
  auto terms = chosen(media, random, hidden);
  if (!terms && (rule_.policy == SrtpPolicy::kRequired || media.secure())) return false;
  pending_ = terms ? std::move(*terms) : Terms{};
  now_ = {.said = {.protocol = protocol_of(media), .feedback = media.feedback(), .attributes = {}},
          .sdes = {},
          .tls_id = {}};
  if (!terms) return true;
  say(*pending_, is_held(media) ? media.setup : std::string_view());
  // A refresh of ours will offer what we have answered.
  now_.dtls = pending_->dtls.has_value();
  if (now_.dtls) {
    now_.tls_id = pending_->dtls->own_tls_id;
  } else {
    now_.sdes.push_back({pending_->tag, pending_->suite, pending_->out});
  }
  return true;
}

// `setup`: empty for what our role is called.
void SrtpLeg::say(const Terms& terms, std::string_view setup) {
  if (terms.dtls) {
    now_.said.attributes = dtls_lines(
        *identity_, setup.empty() ? setup_of(terms.dtls->role) : setup, terms.dtls->own_tls_id);
  } else if (terms.suite != SrtpSuite::kNone) {
    now_.said.attributes = {line_of(terms.tag, terms.suite, terms.out)};
  }
}

// --- we offer ----------------------------------------------------------------------------------

void SrtpLeg::make_offer(base::Random& random, const sdp::Media* for_whom, bool anew) {
  remember();
  pending_.reset();
  now_ = {.said = {}, .sdes = {}, .tls_id = {}};
  const bool wanted = rule_.offers == KeyAgreement::kDtls && identity_ != nullptr;
  const bool dtls = agreed_ ? agreed_->dtls.has_value() : wanted;
  take_profile(for_whom, dtls);
  const bool clear = agreed_ && agreed_->suite == SrtpSuite::kNone && !agreed_->dtls;
  if (rule_.policy == SrtpPolicy::kOff || clear) return;
  if (dtls) {
    offer_dtls(random, anew);
  } else {
    offer_sdes(random);
  }
}

// What has been agreed on stays. Feedback is offered where no more than keys lie between the
// parties: a phone's default (SAVPF) isn't what a gateway in the clear knows (AVPF).
void SrtpLeg::take_profile(const sdp::Media* for_whom, bool dtls) {
  using enum Security::Protocol;
  if (agreed_) {
    now_.said.protocol = before_.said.protocol;
    now_.said.feedback = before_.said.feedback;
    return;
  }
  if (rule_.policy == SrtpPolicy::kRequired) now_.said.protocol = dtls ? kDtlsSavp : kSavp;
  now_.said.feedback =
      for_whom != nullptr && for_whom->feedback() && protocol_of(*for_whom) == now_.said.protocol;
}

void SrtpLeg::offer_sdes(base::Random& random) {
  if (agreed_) {
    // Nothing about it changes.
    now_.sdes.push_back({agreed_->tag, agreed_->suite, agreed_->out});
  } else {
    for (const SrtpSuite suite : kOffer) {
      const auto tag = static_cast<std::uint32_t>(now_.sdes.size() + 1);
      now_.sdes.push_back({tag, suite, fresh_key(suite, random)});
    }
  }
  for (const Offered& one : now_.sdes) {
    now_.said.attributes.push_back(line_of(one.tag, one.suite, one.key));
  }
}

void SrtpLeg::offer_dtls(base::Random& random, bool anew) {
  now_.dtls = true;
  now_.tls_id = agreed_ && !anew ? agreed_->dtls->own_tls_id : fresh_tls_id(random);
  now_.said.attributes = dtls_lines(*identity_, "actpass", now_.tls_id);
}

std::optional<SrtpLeg::Terms> SrtpLeg::answered_sdes(const sdp::Media& media) const {
  for (const auto value : media.crypto) {
    std::string why;
    const auto line = sdp::read_crypto(value, why);
    if (!line) continue;
    for (const Offered& one : now_.sdes) {
      if (one.tag != line->tag || one.suite != line->suite) continue;
      return Terms{.suite = one.suite, .tag = one.tag, .in = keying_of(*line), .out = one.key};
    }
  }
  return std::nullopt;
}

std::optional<SrtpLeg::Terms> SrtpLeg::answered_dtls(const sdp::Media& media) {
  Dtls answered = dtls_of(media);
  if (!now_.dtls || answered.fingerprints.empty()) return std::nullopt;
  const bool same = goes_on(answered) && now_.tls_id == agreed_->dtls->own_tls_id;
  if (same && is_held(media)) return agreed_;
  const auto role = role_for(media.setup, "passive");
  if (!role) return std::nullopt;
  if (same && *role == agreed_->dtls->role) return agreed_;
  answered.role = *role;
  answered.own_tls_id = now_.tls_id;
  answered.association = ++associations_;
  return Terms{.dtls = std::move(answered)};
}

bool SrtpLeg::take_answer(const sdp::Media& media) {
  auto terms = answered_dtls(media);
  if (!terms) terms = answered_sdes(media);
  if (!terms && (rule_.policy == SrtpPolicy::kRequired || media.secure())) return false;
  // Who had no use for what was offered beside RTP/AVP answers without it.
  agreed_ = terms ? std::move(*terms) : Terms{};
  say(*agreed_, {});
  open_ = false;
  return true;
}

// --- how it ends -------------------------------------------------------------------------------

void SrtpLeg::agree() {
  if (pending_) agreed_ = std::exchange(pending_, std::nullopt);
  open_ = false;
}

void SrtpLeg::withdraw() {
  if (!open_) return;
  pending_.reset();
  now_ = std::move(before_);
  open_ = false;
}

}  // namespace tandem::media
