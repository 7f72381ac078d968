// REGISTERs of those who have the password wrong, through the user agents of two shards that share
// a lockout, from the datagram to the answer.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "controlplane/registrar/registrar.h"
#include "controlplane/sip/user_agent.h"
#include "tests/unit/controlplane/credentials.h"
#include "tests/unit/controlplane/nobody.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::registrar {
namespace {

// What all hashes were fed, in octets (the linker leads calls of EVP_DigestUpdate here).
std::size_t hashed = 0;

}  // namespace
}  // namespace tandem::registrar

// NOLINTNEXTLINE names that the linker gives
extern "C" int __real_EVP_DigestUpdate(EVP_MD_CTX* context, const void* data, std::size_t size);
// NOLINTNEXTLINE
extern "C" int __wrap_EVP_DigestUpdate(EVP_MD_CTX* context, const void* data, std::size_t size) {
  tandem::registrar::hashed += size;
  return __real_EVP_DigestUpdate(context, data, size);
}

namespace tandem::registrar {
namespace {

using base::Seconds;
using test::at;
using test::challenge_param;
using test::Login;
using test::Nobody;
using test::RawParty;
using test::VirtualNet;
using wire::Counter;

using test::kRealm;
using test::kRealms;

class SuspensionTest : public ::testing::Test {
 protected:
  struct Shard {
    Shard(SuspensionTest& test, std::uint32_t number)
        : env{.wheel = test.net.wheel(),
              .transport = test.way_out,
              .counters = counters,
              .random = test.random,
              .shard = number},
          door({.env = env,
                .parameters = test.parameters,
                .realms = kRealms,
                .accounts = test.accounts,
                .secrets = test.secrets,
                .nonces = 1000,
                .lockout = test.lockout.get()}),
          registrar({.env = env,
                     .parameters = test.parameters,
                     .door = door,
                     .accounts = test.accounts,
                     .bindings = test.bindings,
                     .secrets = test.secrets}) {
      agent.take_registers(registrar);
    }
    wire::CounterBlock counters;
    sip::Environment env;
    Nobody nobody;
    sip::UserAgent agent{env, nobody};
    Doorkeeper door;
    Registrar registrar;
  };

  explicit SuspensionTest(const std::vector<std::pair<std::string, std::string>>& set = {}) {
    for (const auto& [name, value] : set) CHECK(parameters.set(name, value).ok());
    lockout = std::make_unique<Lockout>(
        Lockout::Setup{.rules = parameters,
                       .secret = secrets.hash,
                       .spared = [](const base::IpAddress&) { return false; },
                       .records = 256});
    for (std::uint32_t number = 0; number < 2; ++number) {
      shards.push_back(std::make_unique<Shard>(*this, number));
    }
    net.on_idle([this] {
      for (auto& shard : shards) shard->agent.tidy();
    });
    const Login alice{"alice", "s3cret", kRealm};
    (void)accounts.apply({.accounts = {{test::account_of(accounts, alice)}}, .numbers = {}});
    const Login carol{"carol", "c4rol", kRealm};
    (void)accounts.apply({.accounts = {{test::account_of(accounts, carol, false)}}, .numbers = {}});
  }

  // The answer to a REGISTER for `user`; empty: none.
  std::string send(RawParty& from, const base::Endpoint& source, const std::string& user,
                   const std::string& lines = {}, std::size_t shard = 0) {
    const std::string number = std::to_string(++cseq);
    std::string bytes = "REGISTER sip:" + kRealm + " SIP/2.0\r\nVia: SIP/2.0/UDP " + source.text() +
                        ";branch=z9hG4bK" + number + "\r\nMax-Forwards: 70\r\nFrom: <sip:" + user +
                        "@" + kRealm + ">;tag=t\r\nTo: <sip:" + user + "@" + kRealm +
                        ">\r\nCall-ID: c-" + user + "\r\nCSeq: " + number +
                        " REGISTER\r\nContact: <sip:" + user + "@" + source.text() + ">\r\n" +
                        lines + "Content-Length: 0\r\n\r\n";
    last_request = bytes;
    const std::size_t before = from.got.size();
    shards[shard]->agent.on_datagram({at("10.77.1.1"), source}, {bytes.data(), bytes.size()});
    net.settle();
    return from.got.size() == before ? "" : from.got.back();
  }
  static std::string proof(const std::string& user, const std::string& password,
                           const std::string& nonce, int nc = 1) {
    return test::credentials({user, password, kRealm}, "REGISTER", nonce, nc);
  }
  // A phone's attempt, challenge and all; the status of its end.
  int attempt(RawParty& from, const base::Endpoint& source, const std::string& user,
              const std::string& password, std::size_t shard = 0) {
    const std::string first = send(from, source, user, {}, shard);
    if (status(first) != 401) return status(first);
    return status(
        send(from, source, user, proof(user, password, challenge_param(first, "nonce")), shard));
  }
  int attempt(const std::string& user, const std::string& password, std::size_t shard = 0) {
    return attempt(attacker, kAttacker, user, password, shard);
  }
  // 0: no answer.
  static int status(const std::string& response) {
    return response.empty() ? 0 : std::stoi(response.substr(8, 3));
  }
  bool suspended(const base::Endpoint& source) {
    return lockout->suspended(source.address, net.wheel().now());
  }
  std::uint64_t count(Counter counter) const {
    return shards[0]->counters.get(counter) + shards[1]->counters.get(counter);
  }

  const base::Endpoint kAttacker = at("10.77.1.3");
  const base::Endpoint kPhone = at("10.77.1.2");
  VirtualNet net;
  VirtualNet::Port way_out{net};
  base::SeededRandom random{1};
  config::Parameters parameters;
  const Secrets secrets = Secrets::make(random);
  AccountTable accounts{secrets.hash, 16};
  BindingTable bindings;
  std::unique_ptr<Lockout> lockout;
  std::vector<std::unique_ptr<Shard>> shards;
  RawParty attacker{net, "10.77.1.3:5060"};
  RawParty phone{net, "10.77.1.2:5060"};
  int cseq = 0;
  std::string last_request;
};

// By whichever shard they come: each Call-ID has its own.
TEST_F(SuspensionTest, SixWrongPasswordsSuspendTheSource) {
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(attempt("user" + std::to_string(i), "guess", i % 2), 401);
  }
  EXPECT_FALSE(suspended(kAttacker));
  EXPECT_EQ(attempt("user5", "guess", 1), 401);
  EXPECT_TRUE(suspended(kAttacker));
  EXPECT_EQ(count(Counter::sources_suspended), 1u);
  EXPECT_EQ(count(Counter::register_wrong), 6u);
  EXPECT_FALSE(suspended(kPhone));
}

TEST_F(SuspensionTest, TheRightPasswordResetsTheCount) {
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(attempt("alice", i % 5 == 4 ? "s3cret" : "guess"), i % 5 == 4 ? 200 : 401);
  }
  EXPECT_FALSE(suspended(kAttacker));
  EXPECT_TRUE(lockout->proven(kAttacker.address));
}

// A nonce of one's own says nothing of what was guessed with it from elsewhere: its count isn't
// used up there, whether the guess was right or not.
TEST_F(SuspensionTest, GuessesFromElsewhereLeaveNoTrace) {
  const std::string nonce = challenge_param(send(attacker, kAttacker, "alice"), "nonce");
  EXPECT_EQ(status(send(attacker, kAttacker, "alice", proof("alice", "s3cret", nonce))), 200);
  const std::string right = send(phone, kPhone, "alice", proof("alice", "s3cret", nonce, 9));
  EXPECT_TRUE(right.find("stale=true") != std::string::npos) << right;
  EXPECT_EQ(status(send(attacker, kAttacker, "alice", proof("alice", "s3cret", nonce, 2))), 200);
}

class PairTest : public SuspensionTest {
 protected:
  PairTest() : SuspensionTest({{"SS_AUTHENTICATION_MAX_RETRY", "999"}}) {}
};

// The phone elsewhere registers all the while; at the attacker's address not even the right
// password helps, and an account that isn't there looks the same.
TEST_F(PairTest, AnAccountIsSuspendedForOneSource) {
  for (const std::string user : {"alice", "nosuc"}) {
    for (int i = 0; i < 6; ++i) EXPECT_EQ(attempt(user, "guess"), 401);
  }
  EXPECT_FALSE(suspended(kAttacker));
  EXPECT_EQ(count(Counter::pairs_suspended), 2u);
  const std::string known = send(attacker, kAttacker, "alice");
  const std::string unknown = send(attacker, kAttacker, "nosuc", {}, 1);
  EXPECT_TRUE(known.starts_with("SIP/2.0 403 Too Many Failures\r\n")) << known;
  EXPECT_TRUE(unknown.starts_with("SIP/2.0 403 Too Many Failures\r\n")) << unknown;
  EXPECT_EQ(known.size(), unknown.size());
  // With a challenge that was given for another account, too.
  const std::string nonce = challenge_param(send(attacker, kAttacker, "dave"), "nonce");
  EXPECT_EQ(status(send(attacker, kAttacker, "alice", proof("alice", "s3cret", nonce))), 403);
  EXPECT_EQ(status(send(attacker, kAttacker, "dave", proof("alice", "s3cret", nonce))), 403);
  EXPECT_EQ(count(Counter::account_suspended), 4u);
  EXPECT_EQ(attempt(phone, kPhone, "alice", "s3cret"), 200);
  net.run(Seconds{180});
  EXPECT_EQ(attempt("alice", "s3cret"), 200);
}

// Whoever forges a phone's address doesn't see its challenges: he has none of its nonces, and with
// those of others, or of none, he fails for nobody.
TEST_F(SuspensionTest, ForgedSourcesFailForNobody) {
  ASSERT_EQ(attempt(phone, kPhone, "alice", "s3cret"), 200);
  const std::string own = challenge_param(send(attacker, kAttacker, "alice"), "nonce");
  for (int i = 1; i <= 50; ++i) {
    const std::string guess = "guess" + std::to_string(i);
    for (const std::string& nonce : {own, std::string("made-up")}) {
      EXPECT_EQ(status(send(phone, kPhone, "alice", proof("alice", guess, nonce, i))), 401);
    }
    send(phone, kPhone, "alice");
  }
  net.run(Seconds{30});
  for (int i = 0; i < 30; ++i) lockout->tend({net.wheel().now(), shards[0]->counters});
  EXPECT_FALSE(suspended(kPhone));
  EXPECT_EQ(attempt(phone, kPhone, "alice", "s3cret"), 200);
  EXPECT_EQ(count(Counter::pairs_suspended), 0u);
  EXPECT_EQ(count(Counter::sources_suspended), 0u);
}

// Behind a NAT of several addresses a phone may answer from another one than it asked from: it is
// asked once more. Right or wrong, there is no difference: with nonces of others, or made up,
// nobody guesses without failing.
TEST_F(SuspensionTest, WhoAnswersFromAnotherAddressIsAskedOnceMore) {
  const std::string nonce = challenge_param(send(attacker, kAttacker, "alice"), "nonce");
  std::string answer;
  for (const std::string& others : {nonce, std::string("made-up")}) {
    for (const auto* password : {"guess", "s3cret"}) {
      answer = send(phone, kPhone, "alice", proof("alice", password, others));
      EXPECT_EQ(status(answer), 401);
      EXPECT_NE(answer.find("stale=true"), std::string::npos);
    }
  }
  EXPECT_EQ(count(Counter::register_wrong), 0u);
  const std::string here = challenge_param(answer, "nonce");
  EXPECT_EQ(status(send(phone, kPhone, "alice", proof("alice", "s3cret", here))), 200);
}

// svwar's way: it asks for names and never answers.
TEST_F(SuspensionTest, WhoNeverAnswersIsSuspended) {
  for (int i = 100; i < 150; ++i) {
    EXPECT_EQ(status(send(attacker, kAttacker, std::to_string(i))), 401);
  }
  EXPECT_FALSE(suspended(kAttacker));
  net.run(Seconds{20});
  send(attacker, kAttacker, "200");
  EXPECT_TRUE(suspended(kAttacker));
}

// Nor does whoever makes up nonces.
TEST_F(SuspensionTest, MadeUpNoncesAnswerNothing) {
  for (int i = 0; i < 10; ++i) {
    send(attacker, kAttacker, "alice", proof("alice", "guess" + std::to_string(i), "made-up"));
  }
  EXPECT_FALSE(suspended(kAttacker));
  net.run(Seconds{20});
  send(attacker, kAttacker, "alice");
  EXPECT_TRUE(suspended(kAttacker));
}

// After a restart of ours phones come with nonces of before: told that those are stale, they answer
// the new ones.
TEST_F(SuspensionTest, PhonesWithOldNoncesAreWelcome) {
  for (int i = 0; i < 100; ++i) {
    const std::string stale = send(phone, kPhone, "alice", proof("alice", "s3cret", "of-before"));
    ASSERT_NE(stale.find("stale=true"), std::string::npos);
    ASSERT_EQ(status(send(phone, kPhone, "alice",
                          proof("alice", "s3cret", challenge_param(stale, "nonce")))),
              200);
    net.run(Seconds{1});
  }
  EXPECT_FALSE(suspended(kPhone));
}

TEST_F(SuspensionTest, ARepeatedDatagramIsOneFailure) {
  const std::string first = send(attacker, kAttacker, "alice");
  send(attacker, kAttacker, "alice", proof("alice", "guess", challenge_param(first, "nonce")));
  const std::string request = last_request;
  for (int i = 0; i < 20; ++i) {
    std::string bytes = request;
    shards[0]->agent.on_datagram({at("10.77.1.1"), kAttacker}, {bytes.data(), bytes.size()});
    net.settle();
  }
  EXPECT_EQ(attacker.count("SIP/2.0 401"), 22);
  EXPECT_FALSE(suspended(kAttacker));
}

// A clock in the attacker's hand shows the same for both: as much is hashed, whichever algorithm.
TEST_F(PairTest, AnUnknownAccountCostsAsMuchAsAWrongPassword) {
  for (const auto algorithm : {sip::DigestAlgorithm::kMd5, sip::DigestAlgorithm::kSha256}) {
    std::vector<std::size_t> costs;
    for (const std::string user : {"alice", "carol", "nosuc"}) {  // there, disabled, not there
      const std::size_t before_asking = hashed;
      const std::string nonce = challenge_param(send(attacker, kAttacker, user), "nonce");
      costs.push_back(hashed - before_asking);
      const std::string guess =
          test::credentials({user, "guess", kRealm, algorithm}, "REGISTER", nonce);
      const std::size_t before_judging = hashed;
      EXPECT_EQ(status(send(attacker, kAttacker, user, guess)), 401);
      costs.push_back(hashed - before_judging);
    }
    EXPECT_GT(costs[0], 0u);
    EXPECT_GT(costs[1], costs[0]);  // the answer is judged, and then it is asked again
    EXPECT_EQ(costs[2], costs[0]);
    EXPECT_EQ(costs[4], costs[0]);
    EXPECT_EQ(costs[3], costs[1]);
    EXPECT_EQ(costs[5], costs[1]);
  }
}

// --- SS_REPLY_UNAUTHORIZED = off ---------------------------------------------------------------

class SilentTest : public SuspensionTest {
 protected:
  SilentTest()
      : SuspensionTest({{"SS_REPLY_UNAUTHORIZED", "off"}, {"SS_AUTHENTICATION_MAX_RETRY", "999"}}) {
  }
};

TEST_F(SilentTest, OnlyWhoHasThePasswordIsAnsweredTwice) {
  EXPECT_EQ(attempt("alice", "s3cret"), 200);
  EXPECT_EQ(attempt("alice", "guess"), 0);
  EXPECT_EQ(attempt("nosuch", "guess"), 0);
  EXPECT_EQ(attempt("carol", "c4rol"), 0);  // right, but she is disabled
  EXPECT_EQ(count(Counter::drop_sip_unanswered), 3u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempt("alice", "guess"), 0);
  EXPECT_EQ(count(Counter::pairs_suspended), 1u);
  EXPECT_EQ(attempt("alice", "s3cret"), 0);  // suspended
  EXPECT_EQ(count(Counter::account_suspended), 1u);
  EXPECT_EQ(attempt(phone, kPhone, "alice", "s3cret"), 200);
  // One that comes too late has the right password all the same.
  const std::string nonce = challenge_param(send(phone, kPhone, "alice"), "nonce");
  net.run(Seconds{11});
  EXPECT_EQ(status(send(phone, kPhone, "alice", proof("alice", "s3cret", nonce))), 401);
}

}  // namespace
}  // namespace tandem::registrar
