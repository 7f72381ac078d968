#include "drivers/crypto/aes_ctr.h"

#include <intel-ipsec-mb.h>

#include "drivers/base/check.h"
#include "drivers/crypto/octets.h"

namespace tandem::crypto {

void expand_aes_key(IMB_MGR* manager, std::span<const std::uint8_t> key, std::uint8_t* schedule) {
  CHECK(key.size() == 16 || key.size() == 32);
  alignas(16) std::uint8_t backwards[kAesScheduleMax];  // counter mode has no use for it
  if (key.size() == 16) {
    IMB_AES_KEYEXP_128(manager, key.data(), schedule, backwards);
  } else {
    IMB_AES_KEYEXP_256(manager, key.data(), schedule, backwards);
  }
  wipe(backwards, sizeof backwards);
}

void aes_ctr(IMB_MGR* manager, const std::uint8_t* schedule, std::size_t key_size,
             const std::uint8_t* counter, std::span<std::uint8_t> data) {
  CHECK(key_size == 16 || key_size == 32);
  if (data.empty()) return;
  IMB_JOB job{};
  job.cipher_mode = IMB_CIPHER_CNTR;
  job.cipher_direction = IMB_DIR_ENCRYPT;
  job.hash_alg = IMB_AUTH_NULL;
  job.chain_order = IMB_ORDER_CIPHER_HASH;
  job.enc_keys = schedule;
  job.dec_keys = schedule;
  job.key_len_in_bytes = key_size;
  job.iv = counter;
  job.iv_len_in_bytes = kAesBlock;
  job.src = data.data();
  job.dst = data.data();
  job.msg_len_to_cipher_in_bytes = data.size();
  const auto size = key_size == 16 ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES;
  CHECK(IMB_SUBMIT_CIPHER_BURST(manager, &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, size) == 1);
}

}  // namespace tandem::crypto
