// Fuzzes what reads packets of strangers in drivers/crypto. In an input, the first byte is the
// suite; then come packets: a byte of what is done, a byte of length, the packet. Of the first,
// bit 0: RTCP; bit 1: it is protected by the holder of the key first; bit 2: and then changed, at
// the place that the other bits say. What holds for all of them:
// - no packet passes but one that the holder of the key protected, unchanged and once, and it comes
//   back as it was; a refused one of counter mode isn't changed. (Tags of 32 bits are the
//   exception: who watches our comparisons, as a fuzzer does, finds one for a packet of his own.)
// - a burst is as its packets one by one;
// - payload encryption done twice changes nothing, done once nothing but the payload, and it takes
//   exactly those packets that protecting takes for RTP.
#include <algorithm>
#include <string>
#include <vector>

#include "drivers/crypto/media_header.h"
#include "drivers/crypto/payload_cipher.h"
#include "drivers/crypto/srtp_batch.h"
#include "tests/fuzz/must.h"

namespace tandem::fuzz {
namespace {

using namespace crypto;

constexpr std::size_t kSuiteCount = kSrtpSuites.size() - 1;

struct Packet {
  std::string bytes;
  std::string plain;  // what it must come back as; protected packets only
  SrtpKind kind;
  bool genuine = false;
};

class Room {
 public:
  Room() : crypto_(IpsecMb::open().value()), batch_(crypto_), cipher_(crypto_) {
    for (const auto mode :
         {PayloadMode::kNone, PayloadMode::kXor, PayloadMode::kRc4, PayloadMode::kAes128}) {
      keys_.push_back(make_payload_key(crypto_, mode, "sixteen octets..").value());
    }
  }

  void one_input(std::string_view input) {
    SrtpMaster master;
    master.suite = kSrtpSuites[1 + static_cast<std::uint8_t>(input[0]) % kSuiteCount].suite;
    sender_.start(crypto_, master, SrtpDirection::kProtect);
    receiver_.start(crypto_, master, SrtpDirection::kUnprotect);
    alone_.start(crypto_, master, SrtpDirection::kUnprotect);
    const auto packets = read(input.substr(1));
    unprotect(packets);
  }

 private:
  std::vector<Packet> read(std::string_view input) {
    std::vector<Packet> out;
    while (input.size() >= 2) {
      const auto op = static_cast<std::uint8_t>(input[0]);
      const std::size_t size =
          std::min<std::size_t>(static_cast<std::uint8_t>(input[1]), input.size() - 2);
      Packet one;
      one.bytes = input.substr(2, size);
      one.kind = (op & 1) != 0 ? SrtpKind::kRtcp : SrtpKind::kRtp;
      payload(one.bytes);
      if ((op & 2) != 0) protect(one);
      if ((op & 4) != 0 && !one.bytes.empty()) {
        one.bytes[(op >> 3) % one.bytes.size()] ^= 0x20;
        one.genuine = false;
      }
      out.push_back(std::move(one));
      input.remove_prefix(2 + size);
    }
    return out;
  }

  void protect(Packet& one) {
    const std::string before = one.bytes;
    Exactly bytes(before + std::string(kSrtpGrowthMax, '\0'));
    SrtpJob job{{octets(bytes), before.size()}, kSrtpGrowthMax, &sender_, one.kind, {}};
    batch_.run({&job, 1});
    if (one.kind == SrtpKind::kRtp) {
      MUST((job.verdict == SrtpVerdict::kMalformed) == !read_rtp_header(view(before)));
    }
    const std::string_view after(bytes.data(), job.packet.size());
    if (job.verdict != SrtpVerdict::kOk) {
      MUST(after == before);
      return;
    }
    MUST(after.size() > before.size() && after.size() <= before.size() + kSrtpGrowthMax);
    one.plain = before;
    one.bytes = after;
    one.genuine = true;
  }

  void unprotect(const std::vector<Packet>& packets) {
    std::vector<Exactly> together;
    together.reserve(packets.size());
    std::vector<SrtpJob> jobs;
    for (const Packet& one : packets) {
      auto& bytes = together.emplace_back(one.bytes);
      jobs.push_back({{octets(bytes), bytes.size()}, 0, &receiver_, one.kind, {}});
    }
    batch_.run(jobs);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const Packet& one = packets[i];
      Exactly bytes(one.bytes);
      SrtpJob job{{octets(bytes), bytes.size()}, 0, &alone_, one.kind, {}};
      batch_.run({&job, 1});
      MUST(job.verdict == jobs[i].verdict && job.packet.size() == jobs[i].packet.size());
      const std::string_view after(together[i].data(), jobs[i].packet.size());
      if (job.verdict == SrtpVerdict::kOk) {
        MUST(tag_can_be_found(one) || genuine(packets, one, after));
        MUST(after == std::string_view(bytes.data(), job.packet.size()));
      } else if (!facts_of(receiver_.suite()).gcm) {
        MUST(after == one.bytes);
      }
    }
  }

  bool tag_can_be_found(const Packet& one) const {
    return one.kind == SrtpKind::kRtp && facts_of(receiver_.suite()).rtp_tag == 4;
  }

  // A copy in the input of what was protected is as good as that.
  static bool genuine(const std::vector<Packet>& packets, const Packet& one,
                      std::string_view after) {
    return std::any_of(packets.begin(), packets.end(), [&](const Packet& other) {
      return other.genuine && other.bytes == one.bytes && other.plain == after;
    });
  }

  void payload(const std::string& packet) {
    const auto header = read_rtp_header(view(packet));
    for (const PayloadKey& key : keys_) {
      Exactly bytes(packet);
      PayloadJob job{{octets(bytes), bytes.size()}, &key, false};
      cipher_.run({&job, 1});
      MUST(job.done == header.has_value());
      if (!job.done) {
        MUST(bytes.view() == packet);
        continue;
      }
      MUST(bytes.view().substr(0, header->size) ==
           std::string_view(packet).substr(0, header->size));
      cipher_.run({&job, 1});
      MUST(bytes.view() == packet);
    }
  }

  static std::uint8_t* octets(Exactly& bytes) {
    return reinterpret_cast<std::uint8_t*>(bytes.data());
  }
  static std::span<const std::uint8_t> view(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  }

  IpsecMb crypto_;
  SrtpBatch batch_;
  PayloadCipher cipher_;
  std::vector<PayloadKey> keys_;
  SrtpContext sender_;
  SrtpContext receiver_;
  SrtpContext alone_;
};

}  // namespace
}  // namespace tandem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static tandem::fuzz::Room room;
  if (size != 0) room.one_input(tandem::fuzz::text_of(data, size));
  return 0;
}
