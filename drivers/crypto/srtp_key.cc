#include "drivers/crypto/srtp_key.h"

#include <intel-ipsec-mb.h>

#include <algorithm>

#include "drivers/base/check.h"

namespace tandem::crypto {
namespace {

constexpr std::size_t kSha1Block = 64;

// Where the label stands in a salt of 14 octets: before an index of 48 bits (RFC 3711 §4.3.1).
constexpr std::size_t kLabelAt = 7;

// The state of SHA-1 after the key, padded and changed by `pad` (RFC 2104 §2).
void hash_key(IMB_MGR* manager, const SrtpSessionKeys& session, std::uint8_t pad,
              std::array<std::uint8_t, kSha1Size>& out) {
  std::array<std::uint8_t, kSha1Block> block;
  block.fill(pad);
  for (std::size_t i = 0; i < kSha1Size; ++i) {
    block[i] = static_cast<std::uint8_t>(pad ^ session.authentication[i]);
  }
  IMB_SHA1_ONE_BLOCK(manager, block.data(), out.data());
  wipe(block.data(), block.size());
}

void prepare_cm(IMB_MGR* manager, const SrtpSuiteFacts& facts, const SrtpSessionKeys& session,
                SrtpCmKey& out) {
  expand_aes_key(manager, {session.cipher.data(), facts.key}, out.schedule.data());
  hash_key(manager, session, 0x36, out.inner);
  hash_key(manager, session, 0x5c, out.outer);
  out.salt = session.salt;
}

}  // namespace

void srtp_prf(const IpsecMb& crypto, const SrtpMaster& master, std::uint8_t label,
              std::span<std::uint8_t> out) {
  const SrtpSuiteFacts& facts = facts_of(master.suite);
  CHECK(facts.key != 0);
  alignas(16) std::array<std::uint8_t, kAesScheduleMax> schedule;
  expand_aes_key(crypto.manager(), {master.key.data(), facts.key}, schedule.data());
  // A salt of 96 bits is one of 112 with zeros behind it (RFC 7714 §11).
  alignas(16) std::array<std::uint8_t, kAesBlock> counter{};
  std::copy_n(master.salt.begin(), facts.salt, counter.begin());
  counter[kLabelAt] = static_cast<std::uint8_t>(counter[kLabelAt] ^ label);
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  aes_ctr(crypto.manager(), schedule.data(), facts.key, counter.data(), out);
  wipe(schedule.data(), schedule.size());
}

void derive_srtp_keys(const IpsecMb& crypto, const SrtpMaster& master, SrtpSessionKeys& rtp,
                      SrtpSessionKeys& rtcp) {
  const SrtpSuiteFacts& facts = facts_of(master.suite);
  const auto derive = [&](SrtpSessionKeys& out, std::uint8_t first) {
    const auto label = [first](SrtpLabel one) {
      return static_cast<std::uint8_t>(first + static_cast<std::uint8_t>(one));
    };
    srtp_prf(crypto, master, label(SrtpLabel::kCipher), {out.cipher.data(), facts.key});
    srtp_prf(crypto, master, label(SrtpLabel::kSalt), {out.salt.data(), facts.salt});
    if (!facts.gcm) srtp_prf(crypto, master, label(SrtpLabel::kAuthentication), out.authentication);
  };
  derive(rtp, 0);
  derive(rtcp, kRtcpLabels);
}

void prepare_srtp_key(const IpsecMb& crypto, SrtpSuite suite, const SrtpSessionKeys& rtp,
                      const SrtpSessionKeys& rtcp, SrtpKey& out) {
  const SrtpSuiteFacts& facts = facts_of(suite);
  CHECK(facts.key != 0);
  IMB_MGR* manager = crypto.manager();
  wipe(&out, sizeof out);
  if (!facts.gcm) {
    prepare_cm(manager, facts, rtp, out.cm.rtp);
    prepare_cm(manager, facts, rtcp, out.cm.rtcp);
    return;
  }
  auto* data = reinterpret_cast<gcm_key_data*>(out.gcm.rtp.data.data());
  if (facts.key == 16) {
    IMB_AES128_GCM_PRE(manager, rtp.cipher.data(), data);
  } else {
    IMB_AES256_GCM_PRE(manager, rtp.cipher.data(), data);
  }
  std::copy_n(rtp.salt.begin(), kGcmSaltSize, out.gcm.rtp.salt.begin());
  out.gcm.rtcp.cipher = rtcp.cipher;
  std::copy_n(rtcp.salt.begin(), kGcmSaltSize, out.gcm.rtcp.salt.begin());
}

void make_srtp_key(const IpsecMb& crypto, const SrtpMaster& master, SrtpKey& out) {
  SrtpSessionKeys rtp;
  SrtpSessionKeys rtcp;
  derive_srtp_keys(crypto, master, rtp, rtcp);
  prepare_srtp_key(crypto, master.suite, rtp, rtcp, out);
}

}  // namespace tandem::crypto
