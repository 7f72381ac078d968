// register_bench: what registrations cost one shard, in one thread and in process: a REGISTER with
// digest, from the datagram at the user agent's door to the 200 handed over, and the challenge
// before it; and the memory of a million of them, accounts included.
//
// Each phone registers as real ones do: challenged, then with its proof, over UDP, from an address
// of its own behind NAT. What the phone does (hashing, writing) isn't timed; times are the
// thread's.
//
// Prints one line a measure, "NAME VALUE UNIT". Usage: register_bench [quick|PHONES]
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "controlplane/registrar/registrar.h"
#include "controlplane/sip/user_agent.h"
#include "perf/asked_count.h"
#include "perf/resident.h"

namespace tandem::perf {
namespace {

using sip::DigestAlgorithm;

constexpr std::string_view kRealm = "sip.example.net";

class Nobody final : public sip::CallHandler {
 public:
  bool knows(const sip::Path&) override { return false; }
  void on_invite(sip::SessionId, sip::InviteSession&, const sip::Message&,
                 const sip::Path&) override {}
};

class Bench final : sip::Transport {
 public:
  explicit Bench(std::uint32_t phones) : phones_(phones) {
    agent_.take_registers(registrar_);
    registrar::AccountTable::Changes changes;
    for (std::uint32_t i = 0; i < phones; ++i) {
      const std::string user = fmt::format("u{}", i);
      registrar::AccountRecord record{.key = accounts_.key_of(user, kRealm), .ha1 = {}};
      const auto ha1 = sip::ha1_of(DigestAlgorithm::kMd5, user, kRealm, "secret");
      std::copy_n(ha1.octets().begin(), 16, record.ha1.md5.begin());
      changes.accounts.push_back({record});
      changes.numbers.push_back({{accounts_.key_of_number(fmt::format("49{}", i)), record.key}});
    }
    (void)accounts_.apply(changes);
  }

  // All phones register once; `round` is their CSeq's.
  void round(int round) {
    for (std::uint32_t i = 0; i < phones_; ++i) {
      std::string request = text(i, 2 * round, {});
      challenged_ns_ += hand_in(i, request);
      request = text(i, 2 * round + 1, proof(i));
      registered_ns_ += hand_in(i, request);
      if (!answer_.starts_with("SIP/2.0 200")) {
        std::fprintf(stderr, "%s\n", answer_.c_str());
        std::exit(1);
      }
      // As 4,000 a second come: what a former 32 s left behind is part of the price, and a million
      // are all there before the first one's 300 s behind NAT are over.
      now_ += base::Nanos{250'000};
      const double start = now_ns();
      wheel_.advance(now_);
      agent_.tidy();
      registrar_.tend();
      registered_ns_ += now_ns() - start;
    }
  }
  void print(int rounds) const {
    const double count = static_cast<double>(phones_) * rounds;
    std::printf("register_challenge %.0f ns\n", challenged_ns_ / count);
    std::printf("register_with_proof %.0f ns\n", registered_ns_ / count);
    std::printf("registrations %.0f per_second_and_core\n",
                1e9 * count / (challenged_ns_ + registered_ns_));
  }
  std::size_t bindings() const { return bindings_.size(); }
  // Transactions end.
  void rest() {
    wheel_.advance(now_ += base::Seconds{40});
    agent_.tidy();
  }

 private:
  // The thread's own time, in ns: others may get our core meanwhile.
  static double now_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  }
  static base::Endpoint address(std::uint32_t phone) {
    base::Endpoint out;
    const auto octet = [phone](int shift) { return static_cast<std::uint8_t>(phone >> shift); };
    out.address = base::IpAddress::ip4(100, octet(16), octet(8), octet(0));
    out.port = 5060;
    return out;
  }
  double hand_in(std::uint32_t phone, std::string& request) {
    const sip::Path path{local_, address(phone)};
    const double start = now_ns();
    agent_.on_datagram(path, {request.data(), request.size()});
    return now_ns() - start;
  }
  std::string text(std::uint32_t i, int cseq, const std::string& authorization) const {
    return fmt::format(
        "REGISTER sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK{1}x{2};rport"
        "\r\nMax-Forwards: 70\r\nFrom: \"{1}\" <sip:u{1}@{0}>;tag=f{1}\r\nTo: <sip:u{1}@{0}>\r\n"
        "Call-ID: 7f{1}a0c6-4d1e@192.168.1.20\r\nCSeq: {2} REGISTER\r\n"
        "Contact: <sip:u{1}@192.168.1.20:5060;transport=udp>;expires=3600\r\n{3}"
        "User-Agent: Phone 1.0\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n",
        kRealm, i, cseq, authorization);
  }
  std::string proof(std::uint32_t i) const {
    const auto begin = answer_.find("nonce=\"") + 7;
    const std::string nonce = answer_.substr(begin, answer_.find('"', begin) - begin);
    const std::string user = fmt::format("u{}", i);
    const sip::Hex ha1(sip::ha1_of(DigestAlgorithm::kMd5, user, kRealm, "secret"));
    const sip::Hex ha2(sip::digest_of(DigestAlgorithm::kMd5, {"REGISTER:sip:", kRealm}));
    const sip::Hex response(
        sip::digest_of(DigestAlgorithm::kMd5, {ha1, ":", nonce, ":00000001:c0ffee:auth:", ha2}));
    return fmt::format(
        "Authorization: Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"sip:{}\", "
        "response=\"{}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c0ffee\"\r\n",
        user, kRealm, nonce, kRealm, std::string_view(response));
  }
  bool send(const sip::Path&, std::string_view message) override {
    answer_ = message;
    return true;
  }

  std::uint32_t phones_;
  base::Endpoint local_ = *base::Endpoint::parse("192.0.2.1:5060", 0);
  base::Nanos now_ = base::Seconds{1000};
  loop::TimerWheel wheel_{base::Millis{8}, 8192, now_};
  wire::CounterBlock counters_;
  base::SeededRandom random_{1};
  sip::Environment env_{
      .wheel = wheel_, .transport = *this, .counters = counters_, .random = random_};
  config::Parameters parameters_;
  const std::vector<std::string> realms_{std::string(kRealm)};
  const registrar::Secrets secrets_ = registrar::Secrets::make(random_);
  registrar::AccountTable accounts_{secrets_.hash, phones_};
  registrar::BindingTable bindings_;
  Nobody nobody_;
  sip::UserAgent agent_{env_, nobody_};
  registrar::Lockout lockout_{{.rules = parameters_,
                               .secret = secrets_.hash,
                               .spared = [](const base::IpAddress&) { return false; }}};
  registrar::Doorkeeper door_{{.env = env_,
                               .parameters = parameters_,
                               .realms = realms_,
                               .accounts = accounts_,
                               .secrets = secrets_,
                               .lockout = &lockout_}};
  registrar::Registrar registrar_{{.env = env_,
                                   .parameters = parameters_,
                                   .door = door_,
                                   .accounts = accounts_,
                                   .bindings = bindings_,
                                   .secrets = secrets_}};
  std::string answer_;
  double challenged_ns_ = 0;
  double registered_ns_ = 0;
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using namespace tandem::perf;
  const int phones = asked_count(argc, argv);
  if (phones == 0) {
    std::fprintf(stderr, "usage: register_bench [quick|PHONES]\n");
    return 2;
  }
  const double before = resident();
  Bench bench(static_cast<std::uint32_t>(phones));
  const double provisioned = resident();
  bench.round(1);
  const double busy = resident();
  const double alive = static_cast<double>(bench.bindings());
  bench.rest();
  bench.print(1);
  std::printf("registered %.0f contacts\n", alive);
  // The busy one holds the transactions of the last 32 s too.
  std::printf("register_memory_busy %.0f octets/registration\n", (busy - before) / alive);
  const double rest = resident();
  std::printf("register_memory %.0f octets/registration\n", (rest - before) / alive);
  std::printf("register_memory_account %.0f octets/account\n", (provisioned - before) / phones);
  std::printf("register_memory_binding %.0f octets/registration\n", (rest - provisioned) / alive);
  return 0;
}
