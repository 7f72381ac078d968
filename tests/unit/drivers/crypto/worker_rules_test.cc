// What a worker's loop asks of the bursts: nothing on the heap, and not an octet touched outside of
// what was handed over, though IPsec-MB works in blocks and lanes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "drivers/crypto/payload_cipher.h"
#include "tests/unit/drivers/crypto/packets.h"

namespace {

std::size_t news = 0;

void* counted(std::size_t size) {
  ++news;
  void* out = std::malloc(size == 0 ? 1 : size);
  if (out == nullptr) std::abort();
  return out;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete[](void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete[](void* at, std::size_t) noexcept { std::free(at); }

namespace tandem::crypto {
namespace {

constexpr std::size_t kPackets = 17;  // a full set of lanes, and one left over
constexpr std::size_t kLongest = 400;

// A page between two that nobody may touch.
class Fenced {
 public:
  Fenced() {
    base_ = static_cast<std::uint8_t*>(
        mmap(nullptr, 3 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(static_cast<void*>(base_), MAP_FAILED);
    EXPECT_EQ(mprotect(base_ + page_, page_, PROT_READ | PROT_WRITE), 0);
  }
  ~Fenced() { munmap(base_, 3 * page_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;

  // Up against the fence before or behind it.
  std::span<std::uint8_t> room(std::size_t size, bool behind) {
    return {base_ + page_ + (behind ? page_ - size : 0), size};
  }

 private:
  std::size_t page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::uint8_t* base_;
};

class WorkerRules : public testing::TestWithParam<IpsecMb::Isa> {
 protected:
  // False: the machine has no such instructions.
  bool open() {
    auto opened = IpsecMb::open(GetParam());
    if (opened) crypto_.emplace(std::move(*opened));
    return crypto_.has_value();
  }

  std::optional<IpsecMb> crypto_;
  std::array<Fenced, kPackets> fenced_;
};

TEST_P(WorkerRules, SrtpTouchesNothingElse) {
  if (!open()) GTEST_SKIP() << "this CPU lacks the instructions";
  SrtpBatch batch(*crypto_);
  std::mt19937_64 random(5);
  for (const SrtpSuite suite : kSuites) {
    const SrtpMaster master = random_master(suite, random);
    SrtpContext sender;
    SrtpContext receiver;
    sender.start(*crypto_, master, SrtpDirection::kProtect);
    receiver.start(*crypto_, master, SrtpDirection::kUnprotect);
    std::uint16_t sequence = 0;
    for (std::size_t payload = 0; payload < kLongest; payload += payload < 80 ? 1 : 13) {
      const bool behind = payload % 3 != 0;
      const std::size_t tag = facts_of(suite).rtp_tag;
      std::array<SrtpJob, kPackets> jobs;
      for (std::size_t i = 0; i < kPackets; ++i) {
        const Octets plain = rtp({.sequence = ++sequence, .payload = payload});
        const auto room = fenced_[i].room(plain.size() + tag, behind);
        std::copy(plain.begin(), plain.end(), room.begin());
        jobs[i] = {room.first(plain.size()), tag, &sender, SrtpKind::kRtp, {}};
      }
      const std::size_t before = news;
      batch.run(jobs);
      for (SrtpJob& job : jobs) job = {job.packet, 0, &receiver, SrtpKind::kRtp, job.verdict};
      batch.run(jobs);
      ASSERT_EQ(news, before);
      for (const SrtpJob& job : jobs) ASSERT_EQ(job.verdict, SrtpVerdict::kOk);
    }
  }
}

TEST_P(WorkerRules, SrtcpTouchesNothingElse) {
  if (!open()) GTEST_SKIP() << "this CPU lacks the instructions";
  SrtpBatch batch(*crypto_);
  std::mt19937_64 random(6);
  for (const SrtpSuite suite : kSuites) {
    const SrtpMaster master = random_master(suite, random);
    SrtpContext sender;
    SrtpContext receiver;
    sender.start(*crypto_, master, SrtpDirection::kProtect);
    receiver.start(*crypto_, master, SrtpDirection::kUnprotect);
    const std::size_t growth = facts_of(suite).rtcp_tag + kSrtcpIndexSize;
    for (std::size_t size = 0; size < 100; ++size) {
      const Octets plain = rtcp(1, size);
      const auto room = fenced_[0].room(plain.size() + growth, size % 3 != 0);
      std::copy(plain.begin(), plain.end(), room.begin());
      SrtpJob job{room.first(plain.size()), growth, &sender, SrtpKind::kRtcp, {}};
      const std::size_t before = news;
      batch.run({&job, 1});
      job.context = &receiver;
      batch.run({&job, 1});
      ASSERT_EQ(news, before);
      ASSERT_EQ(job.verdict, SrtpVerdict::kOk);
      ASSERT_TRUE(std::equal(plain.begin(), plain.end(), job.packet.begin()));
    }
  }
}

TEST_P(WorkerRules, PayloadCiphersTouchNothingElse) {
  if (!open()) GTEST_SKIP() << "this CPU lacks the instructions";
  PayloadCipher cipher(*crypto_);
  for (const auto mode : {PayloadMode::kXor, PayloadMode::kRc4, PayloadMode::kAes128}) {
    const PayloadKey key = make_payload_key(*crypto_, mode, "sixteen octets..").value();
    for (std::size_t payload = 0; payload < kLongest; payload += payload < 80 ? 1 : 13) {
      std::array<PayloadJob, kPackets> jobs;
      for (std::size_t i = 0; i < kPackets; ++i) {
        const Octets plain = rtp({.sequence = static_cast<std::uint16_t>(i), .payload = payload});
        const auto room = fenced_[i].room(plain.size(), payload % 3 != 0);
        std::copy(plain.begin(), plain.end(), room.begin());
        jobs[i] = {room, &key, false};
      }
      const std::size_t before = news;
      cipher.run(jobs);
      ASSERT_EQ(news, before);
      for (const PayloadJob& job : jobs) ASSERT_TRUE(job.done);
    }
  }
}

TEST(WorkerRulesOwn, TheHeapIsWatched) {
  const std::size_t before = news;
  const Octets some(100);
  EXPECT_EQ(news, before + 1);
}

TEST_P(WorkerRules, KeysNeedNoHeap) {
  if (!open()) GTEST_SKIP() << "this CPU lacks the instructions";
  std::mt19937_64 random(7);
  SrtpContext context;
  for (const SrtpSuite suite : kSuites) {
    const SrtpMaster master = random_master(suite, random);
    const std::size_t before = news;
    context.start(*crypto_, master, SrtpDirection::kProtect);
    context.rekey(*crypto_, master);
    context.stop();
    EXPECT_EQ(news, before);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, WorkerRules, testing::ValuesIn(kIsas), isa_name);

}  // namespace
}  // namespace tandem::crypto
