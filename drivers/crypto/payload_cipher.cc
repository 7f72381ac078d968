#include "drivers/crypto/payload_cipher.h"

#include <intel-ipsec-mb.h>

#include <algorithm>
#include <string>
#include <utility>

#include "drivers/base/check.h"
#include "drivers/crypto/media_header.h"

namespace tandem::crypto {
namespace {

// The first octets of a keystream of RC4 lean towards some values whatever the key, the second most
// of all; and each packet has a first octet. After 256 the worst of it is over.
constexpr std::size_t kRc4Skip = 256;

constexpr std::size_t kRc4State = 256;

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

void rc4(std::span<const std::uint8_t> key, std::size_t skip, std::span<std::uint8_t> data) {
  std::array<std::uint8_t, kRc4State> state;
  for (std::size_t i = 0; i < kRc4State; ++i) state[i] = static_cast<std::uint8_t>(i);
  std::uint8_t j = 0;
  for (std::size_t i = 0, at = 0; i < kRc4State; ++i) {
    j = static_cast<std::uint8_t>(j + state[i] + key[at]);
    std::swap(state[i], state[j]);
    if (++at == key.size()) at = 0;
  }
  std::uint8_t i = 0;
  j = 0;
  const auto next = [&] {
    i = static_cast<std::uint8_t>(i + 1);
    const std::uint8_t a = state[i];
    j = static_cast<std::uint8_t>(j + a);
    const std::uint8_t b = state[j];
    state[i] = b;
    state[j] = a;
    return state[static_cast<std::uint8_t>(a + b)];
  };
  for (; skip > 0; --skip) next();
  for (std::uint8_t& octet : data) octet = static_cast<std::uint8_t>(octet ^ next());
  wipe(state.data(), state.size());
}

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
      IMB_SHA256(crypto.manager(), octets, key.size(), out.digest.data());
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
  void add_aes(const PayloadKey& key, const RtpHeader& header, std::span<std::uint8_t> payload);
  void apply_rc4(const PayloadKey& key, const RtpHeader& header, std::span<std::uint8_t> payload);

  const IpsecMb& crypto_;
  std::array<IMB_JOB, kMax> jobs_{};
  struct alignas(16) Block {
    std::array<std::uint8_t, kAesBlock> octets;
  };
  std::array<Block, kMax> counters_{};
  std::uint32_t count_ = 0;
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
        apply_rc4(key, *header, payload);
        break;
      case PayloadMode::kAes128:
        add_aes(key, *header, payload);
        break;
    }
  }
  if (count_ == 0) return;
  const auto done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(
      crypto_.manager(), jobs_.data(), count_, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
  CHECK(done == count_);
}

// The counter of the first block: SSRC, timestamp, sequence number, and 6 octets of 0, the last 4
// of which count the blocks.
void PayloadCipher::Work::add_aes(const PayloadKey& key, const RtpHeader& header,
                                  std::span<std::uint8_t> payload) {
  Block& counter = counters_[count_];
  store32(&counter.octets[0], header.ssrc);
  store32(&counter.octets[4], header.timestamp);
  store32(&counter.octets[8], std::uint32_t{header.sequence} << 16);
  store32(&counter.octets[12], 0);
  IMB_JOB& job = jobs_[count_++];
  job.enc_keys = key.schedule.data();
  job.dec_keys = job.enc_keys;
  job.src = payload.data();
  job.dst = payload.data();
  job.msg_len_to_cipher_in_bytes = payload.size();
}

// RC4 under SHA-256 of: the key's digest, SSRC, timestamp, sequence number. Keys that are next to
// one another would be RC4's undoing; the hash leaves nothing of that.
void PayloadCipher::Work::apply_rc4(const PayloadKey& key, const RtpHeader& header,
                                    std::span<std::uint8_t> payload) {
  constexpr std::size_t kSize = PayloadKey::kDigestSize + 10;
  std::array<std::uint8_t, PayloadKey::kDigestSize + 12> bound;
  std::copy(key.digest.begin(), key.digest.end(), bound.begin());
  store32(&bound[32], header.ssrc);
  store32(&bound[36], header.timestamp);
  store32(&bound[40], std::uint32_t{header.sequence} << 16);
  std::array<std::uint8_t, PayloadKey::kDigestSize> own;
  IMB_SHA256(crypto_.manager(), bound.data(), kSize, own.data());
  rc4(own, kRc4Skip, payload);
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
