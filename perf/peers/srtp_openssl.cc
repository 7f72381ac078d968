// OpenSSL's side of `perf/compare srtp`: SRTP written down on EVP, packet by packet, with contexts
// kept for each session and nothing checked but the tag. What a library on OpenSSL is at its best.
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <memory>
#include <span>

#include "perf/srtp_driver.h"

namespace tandem::perf {
namespace {

using crypto::SrtpSuiteFacts;

EVP_MAC* hmac() {
  static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return fetched;
}

// One direction.
class Session {
 public:
  Session(const crypto::SrtpMaster& master, bool protect)
      : facts_(crypto::facts_of(master.suite)), protect_(protect) {
    std::array<std::uint8_t, 32> key{};
    derive(master, 0, {key.data(), facts_.key});
    derive(master, 2, {salt_.data(), facts_.salt});
    cipher_ = EVP_CIPHER_CTX_new();
    const EVP_CIPHER* kind =
        facts_.gcm ? (facts_.key == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm()) : counter_mode();
    EVP_CipherInit_ex(cipher_, kind, nullptr, key.data(), nullptr, protect);
    if (facts_.gcm) return;
    std::array<std::uint8_t, 20> authentication{};
    derive(master, 1, authentication);
    mac_ = EVP_MAC_CTX_new(hmac());
    char digest[] = "SHA1";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC_init(mac_, authentication.data(), authentication.size(), parameters);
  }
  ~Session() {
    EVP_CIPHER_CTX_free(cipher_);
    EVP_MAC_CTX_free(mac_);
  }

  bool run(Burst::Packet& packet) {
    std::uint8_t* at = packet.octets.data();
    const std::uint16_t sequence = crypto::load16(at + 2);
    if (sequence == 0 && last_ == 65535) ++rollover_;
    last_ = sequence;
    return facts_.gcm ? gcm(at, packet.size, sequence) : cm(at, packet.size);
  }

 private:
  const EVP_CIPHER* counter_mode() const {
    return facts_.key == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
  }

  void derive(const crypto::SrtpMaster& master, std::uint8_t label, std::span<std::uint8_t> out) {
    std::array<std::uint8_t, 16> counter{};
    std::copy_n(master.salt.begin(), facts_.salt, counter.begin());
    counter[7] ^= label;
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, counter_mode(), nullptr, master.key.data(), counter.data());
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    int size = 0;
    EVP_EncryptUpdate(context, out.data(), &size, out.data(), static_cast<int>(out.size()));
    EVP_CIPHER_CTX_free(context);
  }

  void tag(const std::uint8_t* at, std::size_t end, std::uint8_t* out) {
    std::array<std::uint8_t, 4> rollover;
    crypto::store32(rollover.data(), rollover_);
    std::size_t size = 0;
    EVP_MAC_init(mac_, nullptr, 0, nullptr);
    EVP_MAC_update(mac_, at, end);
    EVP_MAC_update(mac_, rollover.data(), rollover.size());
    EVP_MAC_final(mac_, out, &size, 20);
  }

  void cipher(std::uint8_t* at, std::size_t end) {
    std::array<std::uint8_t, 16> counter{};
    std::copy_n(salt_.begin(), 14, counter.begin());
    for (int i = 0; i < 4; ++i) counter[4 + i] ^= at[8 + i];
    std::array<std::uint8_t, 4> rollover;
    crypto::store32(rollover.data(), rollover_);
    for (int i = 0; i < 4; ++i) counter[8 + i] ^= rollover[i];
    for (int i = 0; i < 2; ++i) counter[12 + i] ^= at[2 + i];
    int size = 0;
    EVP_CipherInit_ex(cipher_, nullptr, nullptr, nullptr, counter.data(), -1);
    EVP_CipherUpdate(cipher_, at + kRtpHeader, &size, at + kRtpHeader,
                     static_cast<int>(end - kRtpHeader));
  }

  bool cm(std::uint8_t* at, std::size_t& size) {
    std::array<std::uint8_t, 20> ours;
    if (protect_) {
      cipher(at, size);
      tag(at, size, ours.data());
      std::copy_n(ours.begin(), facts_.rtp_tag, at + size);
      size += facts_.rtp_tag;
      return true;
    }
    size -= facts_.rtp_tag;
    tag(at, size, ours.data());
    if (!crypto::same_tag(ours.data(), at + size, facts_.rtp_tag)) return false;
    cipher(at, size);
    return true;
  }

  bool gcm(std::uint8_t* at, std::size_t& size, std::uint16_t sequence) {
    std::array<std::uint8_t, 12> iv;
    std::copy_n(salt_.begin(), iv.size(), iv.begin());
    for (int i = 0; i < 4; ++i) iv[2 + i] ^= at[8 + i];
    std::array<std::uint8_t, 4> rollover;
    crypto::store32(rollover.data(), rollover_);
    for (int i = 0; i < 4; ++i) iv[6 + i] ^= rollover[i];
    iv[10] ^= static_cast<std::uint8_t>(sequence >> 8);
    iv[11] ^= static_cast<std::uint8_t>(sequence);
    if (!protect_) size -= 16;
    int done = 0;
    EVP_CipherInit_ex(cipher_, nullptr, nullptr, nullptr, iv.data(), -1);
    EVP_CipherUpdate(cipher_, nullptr, &done, at, kRtpHeader);
    EVP_CipherUpdate(cipher_, at + kRtpHeader, &done, at + kRtpHeader,
                     static_cast<int>(size - kRtpHeader));
    if (!protect_) EVP_CIPHER_CTX_ctrl(cipher_, EVP_CTRL_AEAD_SET_TAG, 16, at + size);
    if (EVP_CipherFinal_ex(cipher_, at + size, &done) != 1) return false;
    if (!protect_) return true;
    EVP_CIPHER_CTX_ctrl(cipher_, EVP_CTRL_AEAD_GET_TAG, 16, at + size);
    size += 16;
    return true;
  }

  const SrtpSuiteFacts& facts_;
  bool protect_;
  EVP_CIPHER_CTX* cipher_ = nullptr;
  EVP_MAC_CTX* mac_ = nullptr;
  std::array<std::uint8_t, 14> salt_{};
  std::uint32_t rollover_ = 0;
  std::uint16_t last_ = 0;
};

class Openssl {
 public:
  Openssl(crypto::SrtpSuite, const Masters& masters) {
    for (const crypto::SrtpMaster& one : masters) {
      senders_.push_back(std::make_unique<Session>(one, true));
      receivers_.push_back(std::make_unique<Session>(one, false));
    }
  }

  void protect(Burst& burst) { run(burst, senders_); }
  void unprotect(Burst& burst) { run(burst, receivers_); }

 private:
  using Sessions = std::vector<std::unique_ptr<Session>>;

  static void run(Burst& burst, Sessions& sessions) {
    for (std::size_t i = 0; i < kBurst; ++i) must_pass(sessions[i]->run(burst.packets[i]));
  }

  Sessions senders_;
  Sessions receivers_;
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  return tandem::perf::run_driver<tandem::perf::Openssl>(argc, argv);
}
