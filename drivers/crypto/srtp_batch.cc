#include "drivers/crypto/srtp_batch.h"

#include <intel-ipsec-mb.h>

#include <algorithm>
#include <array>

#include "drivers/base/check.h"
#include "drivers/crypto/media_header.h"
#include "drivers/crypto/octets.h"

namespace tandem::crypto {
namespace {

// IPsec-MB writes 12 or 20 octets of an HMAC, whatever shorter length it is asked for.
constexpr std::size_t kHashedTag = 12;
constexpr std::size_t kTagMax = 16;
constexpr std::size_t kRolloverSize = 4;
constexpr std::uint32_t kEncrypted = std::uint32_t{1} << 31;  // the E flag

static_assert(sizeof(gcm_key_data) <= sizeof(SrtpGcmKey));
static_assert(alignof(SrtpGcmKey) >= alignof(gcm_key_data));

// What is known of a job on its way.
struct Step {
  std::uint64_t index;  // RTP: 48 bits, RTCP: 31
  std::uint32_t ssrc;
  std::uint32_t clear;     // octets in front of what is enciphered
  std::uint32_t body;      // octets enciphered
  std::uint16_t sequence;  // RTP
  std::uint8_t tag;        // its size
  SrtpVerdict seen;        // what the first look said, under `index`
};

// Jobs by their number in the burst.
struct List {
  std::array<std::uint8_t, SrtpBatch::kMax> jobs;
  std::size_t count = 0;

  void add(std::size_t job) { jobs[count++] = static_cast<std::uint8_t>(job); }
  std::span<std::uint8_t> all() { return {jobs.data(), count}; }
};

struct alignas(16) Block {
  std::array<std::uint8_t, kAesBlock> octets;
};

const SrtpCmKey& cm_key(const SrtpJob& job) {
  const SrtpKey::Cm& cm = job.context->key().cm;
  return job.kind == SrtpKind::kRtp ? cm.rtp : cm.rtcp;
}

// The counter of the first block: salt, SSRC and index, and 16 bits of 0 (RFC 3711 §4.1.1).
void set_cm_counter(const SrtpCmKey& key, const Step& step, Block& out) {
  std::copy(key.salt.begin(), key.salt.end(), out.octets.begin());
  out.octets[14] = out.octets[15] = 0;
  std::uint8_t* at = out.octets.data();
  store32(at + 4, load32(at + 4) ^ step.ssrc);
  store32(at + 8, load32(at + 8) ^ static_cast<std::uint32_t>(step.index >> 16));
  store32(at + 12, load32(at + 12) ^ static_cast<std::uint32_t>(step.index << 16));
}

// RFC 7714 §8.1 and §9.1: 12 octets. RTP's index is rollover counter and sequence number together.
void set_gcm_iv(const std::array<std::uint8_t, kGcmSaltSize>& salt, const Step& step, Block& out) {
  std::copy(salt.begin(), salt.end(), out.octets.begin());
  std::uint8_t* at = out.octets.data();
  store32(at + 2, load32(at + 2) ^ step.ssrc);
  const std::uint64_t index = step.index;
  at[6] = static_cast<std::uint8_t>(at[6] ^ index >> 40);
  at[7] = static_cast<std::uint8_t>(at[7] ^ index >> 32);
  store32(at + 8, load32(at + 8) ^ static_cast<std::uint32_t>(index));
}

}  // namespace

struct SrtpBatch::Work {
  explicit Work(const IpsecMb& crypto);

  void run(std::span<SrtpJob> burst);

 private:
  SrtpVerdict look(SrtpJob& job, Step& step);
  SrtpVerdict look_to_protect(SrtpJob& job, Step& step);
  SrtpVerdict look_to_unprotect(const SrtpJob& job, Step& step);
  void sort_out(std::size_t i);
  void begin_hash(std::size_t i);
  void settle(std::size_t i);
  void settle_cm(std::size_t i);
  void cipher(List& list, std::size_t key_size);
  void hash(List& list);
  void submit_hashes(IMB_MGR* manager, std::span<const std::uint8_t> jobs);
  void finish_protected(std::size_t i);
  void gcm(std::size_t i);
  bool gcm_call(std::size_t i, const gcm_key_data* key, std::span<const std::uint8_t> readable);
  void gcm_rtcp(std::size_t i);
  std::uint8_t* tag_at(std::size_t i);

  const IpsecMb& crypto_;
  std::span<SrtpJob> burst_;
  std::array<Step, kMax> steps_;
  std::array<Block, kMax> ivs_;
  std::array<Block, kMax> tags_;     // ours
  std::array<Block, kMax> claimed_;  // the packet's
  List protect_128_, protect_256_, hash_, settle_, decipher_128_, decipher_256_, gcm_;
  std::array<IMB_JOB, kMax> cipher_jobs_{};
  std::array<IMB_JOB, kMax> hash_jobs_{};
  gcm_context_data gcm_scratch_{};
  gcm_key_data rtcp_key_{};  // expanded for one packet
};

SrtpBatch::Work::Work(const IpsecMb& crypto) : crypto_(crypto) {
  for (IMB_JOB& job : cipher_jobs_) {
    job.cipher_mode = IMB_CIPHER_CNTR;
    job.cipher_direction = IMB_DIR_ENCRYPT;  // the same as deciphering
    job.hash_alg = IMB_AUTH_NULL;
    job.chain_order = IMB_ORDER_CIPHER_HASH;
    job.iv_len_in_bytes = kAesBlock;
  }
  for (IMB_JOB& job : hash_jobs_) {
    job.cipher_mode = IMB_CIPHER_NULL;
    job.hash_alg = IMB_AUTH_HMAC_SHA_1;
    job.chain_order = IMB_ORDER_HASH_CIPHER;
    job.auth_tag_output_len_in_bytes = kHashedTag;
  }
}

void SrtpBatch::Work::run(std::span<SrtpJob> burst) {
  burst_ = burst;
  for (List* list :
       {&protect_128_, &protect_256_, &hash_, &settle_, &decipher_128_, &decipher_256_, &gcm_}) {
    list->count = 0;
  }
  for (std::size_t i = 0; i < burst.size(); ++i) sort_out(i);
  cipher(protect_128_, 16);
  cipher(protect_256_, 32);
  hash(hash_);
  for (const std::size_t i : protect_128_.all()) finish_protected(i);
  for (const std::size_t i : protect_256_.all()) finish_protected(i);
  for (const std::size_t i : settle_.all()) settle_cm(i);
  cipher(decipher_128_, 16);
  cipher(decipher_256_, 32);
  for (const std::size_t i : gcm_.all()) gcm(i);
}

// Into the lists of what is to be done with it, or out with a verdict.
void SrtpBatch::Work::sort_out(std::size_t i) {
  SrtpJob& job = burst_[i];
  Step& step = steps_[i];
  job.verdict = look(job, step);
  if (job.verdict != SrtpVerdict::kOk) return;
  const SrtpSuiteFacts& facts = facts_of(job.context->suite());
  if (facts.gcm) {
    const SrtpKey::Gcm& key = job.context->key().gcm;
    set_gcm_iv(job.kind == SrtpKind::kRtp ? key.rtp.salt : key.rtcp.salt, step, ivs_[i]);
    return gcm_.add(i);
  }
  if (job.context->direction() == SrtpDirection::kProtect) {
    set_cm_counter(cm_key(job), step, ivs_[i]);
    (facts.key == 16 ? protect_128_ : protect_256_).add(i);
    hash_.add(i);
  } else {
    std::copy_n(tag_at(i), step.tag, claimed_[i].octets.begin());
    settle_.add(i);
    if (step.seen == SrtpVerdict::kOk) hash_.add(i);
  }
  begin_hash(i);
}

// What is hashed is followed by the rollover counter, which stands where the tag is to be, or by E
// flag and index, which are sent (RFC 3711 §4.2).
void SrtpBatch::Work::begin_hash(std::size_t i) {
  const SrtpJob& job = burst_[i];
  const Step& step = steps_[i];
  std::uint8_t* end = job.packet.data() + step.clear + step.body;
  if (job.kind == SrtpKind::kRtp) {
    store32(end, static_cast<std::uint32_t>(step.index >> 16));
  } else if (job.context->direction() == SrtpDirection::kProtect) {
    store32(end, kEncrypted | static_cast<std::uint32_t>(step.index));
  }
}

SrtpVerdict SrtpBatch::Work::look(SrtpJob& job, Step& step) {
  if (job.context->suite() == SrtpSuite::kNone) return SrtpVerdict::kNoKey;
  const SrtpSuiteFacts& facts = facts_of(job.context->suite());
  step.tag = job.kind == SrtpKind::kRtp ? facts.rtp_tag : facts.rtcp_tag;
  return job.context->direction() == SrtpDirection::kProtect ? look_to_protect(job, step)
                                                             : look_to_unprotect(job, step);
}

// A sender's index is our own doing: it is used up here and now.
SrtpVerdict SrtpBatch::Work::look_to_protect(SrtpJob& job, Step& step) {
  SrtpContext& context = *job.context;
  const bool rtp = job.kind == SrtpKind::kRtp;
  if (rtp) {
    const auto header = read_rtp_header(job.packet);
    if (!header) return SrtpVerdict::kMalformed;
    step.clear = header->size;
    step.ssrc = header->ssrc;
    step.sequence = header->sequence;
  } else {
    const auto ssrc = read_rtcp_ssrc(job.packet);
    if (!ssrc) return SrtpVerdict::kMalformed;
    step.clear = kRtcpClearHeader;
    step.ssrc = *ssrc;
  }
  step.body = static_cast<std::uint32_t>(job.packet.size()) - step.clear;
  const std::size_t growth = step.tag + (rtp ? 0 : kSrtcpIndexSize);
  if (job.tailroom < growth || job.packet.size() + growth > kPacketMax) return SrtpVerdict::kNoRoom;
  if (!context.has_room_for(step.ssrc)) return SrtpVerdict::kTooManySsrcs;
  if (rtp) {
    const auto guess = context.guess_rtp(step.ssrc, step.sequence);
    if (guess.verdict != SrtpVerdict::kOk) return guess.verdict;
    step.index = guess.index;
    context.note_rtp(step.ssrc, step.index);
  } else {
    const std::uint32_t next = context.next_rtcp(step.ssrc);
    if (next >= kSrtcpLifetime) return SrtpVerdict::kKeyEnded;
    step.index = next;
    context.note_rtcp(step.ssrc, next);
  }
  return SrtpVerdict::kOk;
}

// Whether it has passed is asked again once those before it in the burst are authenticated.
SrtpVerdict SrtpBatch::Work::look_to_unprotect(const SrtpJob& job, Step& step) {
  const SrtpContext& context = *job.context;
  const bool gcm = facts_of(context.suite()).gcm;
  const std::size_t size = job.packet.size();
  if (job.kind == SrtpKind::kRtp) {
    if (size < kRtpFixedHeader + step.tag || size > kPacketMax) return SrtpVerdict::kMalformed;
    const auto header = read_rtp_header(job.packet.first(size - step.tag));
    if (!header) return SrtpVerdict::kMalformed;
    step.clear = header->size;
    step.ssrc = header->ssrc;
    step.sequence = header->sequence;
    step.body = static_cast<std::uint32_t>(size - step.tag) - step.clear;
    const auto guess = context.guess_rtp(step.ssrc, step.sequence);
    step.index = guess.index;
    step.seen = guess.verdict;
    return SrtpVerdict::kOk;
  }
  const std::size_t behind = step.tag + kSrtcpIndexSize;
  if (size < kRtcpClearHeader + behind) return SrtpVerdict::kMalformed;
  const auto ssrc = read_rtcp_ssrc(job.packet);
  if (!ssrc) return SrtpVerdict::kMalformed;
  step.clear = kRtcpClearHeader;
  step.ssrc = *ssrc;
  step.body = static_cast<std::uint32_t>(size - behind) - step.clear;
  // GCM has its tag before the word, as a part of the ciphertext (RFC 7714 §9.2).
  const std::uint32_t word = load32(&job.packet[size - (gcm ? kSrtcpIndexSize : behind)]);
  if ((word & kEncrypted) == 0) return SrtpVerdict::kUnencrypted;
  step.index = word & ~kEncrypted;
  step.seen = context.check_rtcp(step.ssrc, static_cast<std::uint32_t>(step.index));
  return SrtpVerdict::kOk;
}

// Of a counter mode suite: where the tag is or is to be.
std::uint8_t* SrtpBatch::Work::tag_at(std::size_t i) {
  const Step& step = steps_[i];
  const std::size_t word = burst_[i].kind == SrtpKind::kRtp ? 0 : kSrtcpIndexSize;
  return burst_[i].packet.data() + step.clear + step.body + word;
}

void SrtpBatch::Work::cipher(List& list, std::size_t key_size) {
  std::uint32_t count = 0;
  for (const std::size_t i : list.all()) {
    const SrtpJob& job = burst_[i];
    const Step& step = steps_[i];
    if (step.body == 0) continue;
    IMB_JOB& one = cipher_jobs_[count++];
    one.enc_keys = cm_key(job).schedule.data();
    one.dec_keys = one.enc_keys;
    one.key_len_in_bytes = key_size;
    one.iv = ivs_[i].octets.data();
    // In place: the destination takes no offset.
    one.src = job.packet.data() + step.clear;
    one.dst = job.packet.data() + step.clear;
    one.msg_len_to_cipher_in_bytes = step.body;
  }
  if (count == 0) return;
  const auto size = key_size == 16 ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES;
  const auto done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(crypto_.manager(), cipher_jobs_.data(), count,
                                                    IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, size);
  CHECK(done == count);
}

// All lanes work as long as the longest of their packets takes: like goes with like.
void SrtpBatch::Work::hash(List& list) {
  const auto longer = [this](std::size_t a, std::size_t b) {
    return steps_[a].clear + steps_[a].body > steps_[b].clear + steps_[b].body;
  };
  auto jobs = list.all();
  if (!std::is_sorted(jobs.begin(), jobs.end(), longer)) {
    std::sort(jobs.begin(), jobs.end(), longer);
  }
  std::size_t wide = jobs.size();
  if (const std::size_t rest = wide % crypto_.lanes(); rest < crypto_.few()) wide -= rest;
  submit_hashes(crypto_.manager(), jobs.first(wide));
  submit_hashes(crypto_.few_manager(), jobs.subspan(wide));
}

void SrtpBatch::Work::submit_hashes(IMB_MGR* manager, std::span<const std::uint8_t> jobs) {
  if (jobs.empty()) return;
  std::uint32_t count = 0;
  for (const std::size_t i : jobs) {
    const SrtpJob& job = burst_[i];
    const Step& step = steps_[i];
    const SrtpCmKey& key = cm_key(job);
    IMB_JOB& one = hash_jobs_[count++];
    one.src = job.packet.data();
    one.msg_len_to_hash_in_bytes = step.clear + step.body + kRolloverSize;
    one.u.HMAC._hashed_auth_key_xor_ipad = key.inner.data();
    one.u.HMAC._hashed_auth_key_xor_opad = key.outer.data();
    one.auth_tag_output = tags_[i].octets.data();
  }
  static_assert(kRolloverSize == kSrtcpIndexSize);
  const auto done =
      IMB_SUBMIT_HASH_BURST_NOCHECK(manager, hash_jobs_.data(), count, IMB_AUTH_HMAC_SHA_1);
  CHECK(done == count);
}

void SrtpBatch::Work::finish_protected(std::size_t i) {
  SrtpJob& job = burst_[i];
  std::uint8_t* tag = tag_at(i);
  std::copy_n(tags_[i].octets.begin(), steps_[i].tag, tag);
  job.packet = {job.packet.data(),
                static_cast<std::size_t>(tag - job.packet.data()) + steps_[i].tag};
}

// Verdict and note of a packet to unprotect, once those before it have theirs. REQUIRES: its tag
// has been computed if the first look said kOk.
void SrtpBatch::Work::settle(std::size_t i) {
  SrtpJob& job = burst_[i];
  Step& step = steps_[i];
  SrtpContext& context = *job.context;
  if (job.kind == SrtpKind::kRtcp) {
    job.verdict = context.check_rtcp(step.ssrc, static_cast<std::uint32_t>(step.index));
    return;
  }
  const auto guess = context.guess_rtp(step.ssrc, step.sequence);
  job.verdict = guess.verdict;
  if (guess.verdict != SrtpVerdict::kOk) return;
  if (guess.index == step.index && step.seen == SrtpVerdict::kOk) return;
  // Those before it have moved the rollover counter: once more, with that.
  step.index = guess.index;
  step.seen = SrtpVerdict::kOk;
  if (facts_of(context.suite()).gcm) {
    set_gcm_iv(context.key().gcm.rtp.salt, step, ivs_[i]);
  } else {
    begin_hash(i);
    const auto self = static_cast<std::uint8_t>(i);
    submit_hashes(crypto_.few_manager(), {&self, 1});
  }
}

void SrtpBatch::Work::settle_cm(std::size_t i) {
  SrtpJob& job = burst_[i];
  Step& step = steps_[i];
  settle(i);
  if (job.verdict == SrtpVerdict::kOk &&
      !same_tag(tags_[i].octets.data(), claimed_[i].octets.data(), step.tag)) {
    job.verdict = SrtpVerdict::kBadTag;
  }
  if (job.verdict != SrtpVerdict::kOk) {
    std::copy_n(claimed_[i].octets.begin(), step.tag, tag_at(i));
    return;
  }
  if (job.kind == SrtpKind::kRtp) {
    job.context->note_rtp(step.ssrc, step.index);
  } else {
    job.context->note_rtcp(step.ssrc, static_cast<std::uint32_t>(step.index));
  }
  set_cm_counter(cm_key(job), step, ivs_[i]);
  (facts_of(job.context->suite()).key == 16 ? decipher_128_ : decipher_256_).add(i);
  job.packet = job.packet.first(step.clear + step.body);
}

void SrtpBatch::Work::gcm(std::size_t i) {
  SrtpJob& job = burst_[i];
  const Step& step = steps_[i];
  const bool protect = job.context->direction() == SrtpDirection::kProtect;
  if (!protect) {
    settle(i);
    if (job.verdict != SrtpVerdict::kOk) return;
  }
  if (job.kind == SrtpKind::kRtcp) return gcm_rtcp(i);
  const auto* key = reinterpret_cast<const gcm_key_data*>(job.context->key().gcm.rtp.data.data());
  const std::size_t end = step.clear + step.body;
  if (!gcm_call(i, key, job.packet.first(step.clear))) return;
  if (!protect) job.context->note_rtp(step.ssrc, step.index);
  job.packet = {job.packet.data(), protect ? end + step.tag : end};
}

// The header and the word behind the packet are authenticated together (RFC 7714 §9.2).
void SrtpBatch::Work::gcm_rtcp(std::size_t i) {
  SrtpJob& job = burst_[i];
  const Step& step = steps_[i];
  const bool protect = job.context->direction() == SrtpDirection::kProtect;
  const auto index = static_cast<std::uint32_t>(step.index);
  std::array<std::uint8_t, kRtcpClearHeader + kSrtcpIndexSize> readable;
  std::copy_n(job.packet.begin(), kRtcpClearHeader, readable.begin());
  store32(&readable[kRtcpClearHeader], kEncrypted | index);
  const auto& raw = job.context->key().gcm.rtcp.cipher;
  if (facts_of(job.context->suite()).key == 16) {
    IMB_AES128_GCM_PRE(crypto_.manager(), raw.data(), &rtcp_key_);
  } else {
    IMB_AES256_GCM_PRE(crypto_.manager(), raw.data(), &rtcp_key_);
  }
  const bool good = gcm_call(i, &rtcp_key_, readable);
  wipe(&rtcp_key_, sizeof rtcp_key_);
  if (!good) return;
  const std::size_t end = step.clear + step.body;
  if (protect) {
    store32(job.packet.data() + end + step.tag, kEncrypted | index);
    job.packet = {job.packet.data(), end + step.tag + kSrtcpIndexSize};
  } else {
    job.context->note_rtcp(step.ssrc, index);
    job.packet = job.packet.first(end);
  }
}

// False, with the verdict: a bad tag.
bool SrtpBatch::Work::gcm_call(std::size_t i, const gcm_key_data* key,
                               std::span<const std::uint8_t> readable) {
  SrtpJob& job = burst_[i];
  const Step& step = steps_[i];
  IMB_MGR* manager = crypto_.manager();
  const bool small = facts_of(job.context->suite()).key == 16;
  std::uint8_t* body = job.packet.data() + step.clear;
  const std::uint8_t* iv = ivs_[i].octets.data();
  std::uint8_t* tag = body + step.body;
  if (job.context->direction() == SrtpDirection::kProtect) {
    const auto protect = small ? manager->gcm128_enc : manager->gcm256_enc;
    protect(key, &gcm_scratch_, body, body, step.body, iv, readable.data(), readable.size(), tag,
            kTagMax);
    return true;
  }
  const auto unprotect = small ? manager->gcm128_dec : manager->gcm256_dec;
  std::uint8_t* ours = tags_[i].octets.data();
  unprotect(key, &gcm_scratch_, body, body, step.body, iv, readable.data(), readable.size(), ours,
            kTagMax);
  if (same_tag(ours, tag, kTagMax)) return true;
  job.verdict = SrtpVerdict::kBadTag;
  return false;
}

SrtpBatch::SrtpBatch(const IpsecMb& crypto) : work_(std::make_unique<Work>(crypto)) {}
SrtpBatch::~SrtpBatch() = default;
SrtpBatch::SrtpBatch(SrtpBatch&&) noexcept = default;
SrtpBatch& SrtpBatch::operator=(SrtpBatch&&) noexcept = default;

void SrtpBatch::run(std::span<SrtpJob> jobs) {
  for (; jobs.size() > kMax; jobs = jobs.subspan(kMax)) work_->run(jobs.first(kMax));
  if (!jobs.empty()) work_->run(jobs);
}

}  // namespace tandem::crypto
