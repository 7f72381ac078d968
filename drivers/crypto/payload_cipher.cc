#include "drivers/crypto/payload_cipher.h"

#include <intel-ipsec-mb.h>

#include <algorithm>
#include <string>

#include "drivers/base/check.h"
#include "drivers/crypto/media_header.h"
#include "drivers/crypto/rc4.h"

namespace tandem::crypto {
namespace {

// The first octets of a keystream of RC4 lean towards some values whatever the key, the second most
// of all; and each packet has a first octet. After 256 the worst of it is over.
constexpr std::size_t kRc4Skip = 256;
constexpr std::size_t kRc4KeySize = 32;  // a packet's own
constexpr std::size_t kSha256Size = 32;

// Of AES-128 under the first half of the key's SHA-256: keys may have any length.
void make_rc4_schedule(const IpsecMb& crypto, std::span<const std::uint8_t> key, PayloadKey& out) {
  std::array<std::uint8_t, kSha256Size> digest;
  IMB_SHA256(crypto.manager(), key.data(), key.size(), digest.data());
  expand_aes_key(crypto.manager(), std::span(digest).first(kAes128KeySize), out.schedule.data());
  wipe(digest.data(), digest.size());
}

// `pattern` over `data`, again and again.
void xor_with(std::span<const std::uint8_t> pattern, std::span<std::uint8_t> data) {
  while (!data.empty()) {
    const std::size_t size = std::min(pattern.size(), data.size());
    std::uint8_t* to = data.data();
    const std::uint8_t* from = pattern.data();
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::uint8_t>(to[i] ^ from[i]);
    data = data.subspan(size);
  }
}

}  // namespace

base::Result<PayloadKey> make_payload_key(const IpsecMb& crypto, PayloadMode mode,
                                          std::string_view key) {
  const auto verdict = check_payload_key(mode, key);
  if (!verdict.accepted) return base::error(std::string(verdict.reason));
  PayloadKey out;
  out.mode = mode;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(key.data());
  switch (mode) {
    case PayloadMode::kNone:
      break;
    case PayloadMode::kXor:
      for (; out.pattern_size < PayloadKey::kPatternMin;
           out.pattern_size += static_cast<std::uint32_t>(key.size())) {
        std::copy_n(octets, key.size(), &out.pattern[out.pattern_size]);
      }
      break;
    case PayloadMode::kRc4:
      make_rc4_schedule(crypto, {octets, key.size()}, out);
      break;
    case PayloadMode::kAes128:
      expand_aes_key(crypto.manager(), {octets, key.size()}, out.schedule.data());
      break;
  }
  return out;
}

struct PayloadCipher::Work {
  explicit Work(const IpsecMb& crypto);

  void run(std::span<PayloadJob> burst);

 private:
  void add_aes(const PayloadKey& key, const RtpHeader& header, std::span<std::uint8_t> data);
  void add_rc4(const PayloadKey& key, const RtpHeader& header, std::span<std::uint8_t> payload);
  void finish();

  const IpsecMb& crypto_;
  std::array<IMB_JOB, kMax> jobs_{};
  struct alignas(16) Block {
    std::array<std::uint8_t, kAesBlock> octets;
  };
  std::array<Block, kMax> counters_{};
  std::uint32_t count_ = 0;
  std::array<std::array<std::uint8_t, kRc4KeySize>, kMax> rc4_keys_;
  std::array<Rc4Job, kMax> rc4_jobs_;
  std::size_t rc4_count_ = 0;
};

PayloadCipher::Work::Work(const IpsecMb& crypto) : crypto_(crypto) {
  for (std::size_t i = 0; i < kMax; ++i) {
    IMB_JOB& job = jobs_[i];
    job.cipher_mode = IMB_CIPHER_CNTR;
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.hash_alg = IMB_AUTH_NULL;
    job.chain_order = IMB_ORDER_CIPHER_HASH;
    job.key_len_in_bytes = kAes128KeySize;
    job.iv = counters_[i].octets.data();
    job.iv_len_in_bytes = kAesBlock;
  }
}

void PayloadCipher::Work::run(std::span<PayloadJob> burst) {
  count_ = 0;
  rc4_count_ = 0;
  for (PayloadJob& job : burst) {
    const PayloadKey& key = *job.key;
    const auto header = read_rtp_header(job.packet);
    job.done = header.has_value();
    if (!header) continue;
    const auto payload = job.packet.subspan(header->size);
    if (payload.empty()) continue;
    switch (key.mode) {
      case PayloadMode::kNone:
        break;
      case PayloadMode::kXor:
        xor_with({key.pattern.data(), key.pattern_size}, payload);
        break;
      case PayloadMode::kRc4:
        add_rc4(key, *header, payload);
        break;
      case PayloadMode::kAes128:
        add_aes(key, *header, payload);
        break;
    }
  }
  finish();
}

// All of AES at once, then RC4, whose keys it made.
void PayloadCipher::Work::finish() {
  if (count_ == 0) return;
  const auto done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(
      crypto_.manager(), jobs_.data(), count_, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
  CHECK(done == count_);
  if (rc4_count_ == 0) return;
  rc4({rc4_jobs_.data(), rc4_count_}, kRc4Skip);
  wipe(rc4_keys_.data(), rc4_count_ * sizeof rc4_keys_[0]);
}

// The counter of the first block: SSRC, timestamp, sequence number, and 6 octets of 0, the last 4
// of which count the blocks.
void PayloadCipher::Work::add_aes(const PayloadKey& key, const RtpHeader& header,
                                  std::span<std::uint8_t> data) {
  Block& counter = counters_[count_];
  store32(&counter.octets[0], header.ssrc);
  store32(&counter.octets[4], header.timestamp);
  store32(&counter.octets[8], std::uint32_t{header.sequence} << 16);
  store32(&counter.octets[12], 0);
  IMB_JOB& job = jobs_[count_++];
  job.enc_keys = key.schedule.data();
  job.dec_keys = job.enc_keys;
  job.src = data.data();
  job.dst = data.data();
  job.msg_len_to_cipher_in_bytes = data.size();
}

// RC4 under a key of the packet's own: 32 octets of the keystream that AES-128 has for it. Keys
// that resemble one another would be RC4's undoing; nothing of that is left in these.
void PayloadCipher::Work::add_rc4(const PayloadKey& key, const RtpHeader& header,
                                  std::span<std::uint8_t> payload) {
  auto& own = rc4_keys_[rc4_count_];
  own.fill(0);
  add_aes(key, header, own);
  rc4_jobs_[rc4_count_++] = {own, payload};
}

PayloadCipher::PayloadCipher(const IpsecMb& crypto) : work_(std::make_unique<Work>(crypto)) {}
PayloadCipher::~PayloadCipher() = default;
PayloadCipher::PayloadCipher(PayloadCipher&&) noexcept = default;
PayloadCipher& PayloadCipher::operator=(PayloadCipher&&) noexcept = default;

void PayloadCipher::run(std::span<PayloadJob> jobs) {
  for (; jobs.size() > kMax; jobs = jobs.subspan(kMax)) work_->run(jobs.first(kMax));
  if (!jobs.empty()) work_->run(jobs);
}

}  // namespace tandem::crypto
