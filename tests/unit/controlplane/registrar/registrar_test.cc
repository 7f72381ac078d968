// REGISTERs through the user agent, from the datagram to the answer.
#include "controlplane/registrar/registrar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "controlplane/registrar/nat.h"
#include "controlplane/sip/user_agent.h"
#include "tests/unit/controlplane/credentials.h"
#include "tests/unit/controlplane/nobody.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::registrar {
namespace {

using base::Seconds;
using sip::DigestAlgorithm;
using test::at;
using test::challenge_param;
using test::field;
using test::Nobody;
using test::RawParty;
using test::VirtualNet;
using wire::Counter;

using test::kRealms;

struct Ask {
  std::string contact = "Contact: <sip:alice@10.77.1.2>\r\n";
  std::string user = "alice";  // of the credentials
  std::string password = "s3cret";
  std::string aor = "alice@sip.example.net";
  std::string realm = "sip.example.net";
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::string call_id = "c1";
};

class RegistrarTest : public ::testing::Test {
 protected:
  explicit RegistrarTest(const std::vector<std::pair<std::string, std::string>>& set = {}) {
    for (const auto& [name, value] : set) CHECK(parameters.set(name, value).ok());
    door = std::make_unique<Doorkeeper>(Doorkeeper::Setup{.env = env,
                                                          .parameters = parameters,
                                                          .realms = kRealms,
                                                          .accounts = accounts,
                                                          .secrets = secrets,
                                                          .nonces = 1000,
                                                          .lockout = &lockout});
    registrar = std::make_unique<Registrar>(
        Registrar::Setup{.env = env,
                         .parameters = parameters,
                         .door = *door,
                         .accounts = accounts,
                         .bindings = bindings,
                         .secrets = secrets,
                         .kicked = [this](const auto& account, const auto& contact) {
                           kicked.push_back(account + " " + std::string(contact.uri()));
                         }});
    agent.take_registers(*registrar);
    net.attach(at("10.77.1.1").address, agent);
    net.on_idle([this] {
      agent.tidy();
      registrar->tend();
    });
    phone.towards("10.77.1.1");
    put("alice", "s3cret");
    put("bob", "b0b");
  }

  void put(const std::string& user, const std::string& password, bool enabled = true,
           const std::string& realm = "sip.example.net") {
    const auto record = test::account_of(accounts, {user, password, realm}, enabled);
    (void)accounts.apply({.accounts = {{record}}, .numbers = {}});
  }

  // The answer to a REGISTER with these lines.
  std::string send(const Ask& ask, const std::string& lines = {}) {
    const std::string number = std::to_string(++cseq);
    return hand_in(
        "REGISTER sip:sip.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.1.2:5060"
        ";branch=z9hG4bK" +
        number + "\r\nMax-Forwards: 70\r\nFrom: <sip:" + ask.aor +
        ">;tag=t\r\nTo: <sip:" + ask.aor + ">\r\nCall-ID: " + ask.call_id + "\r\nCSeq: " + number +
        " REGISTER\r\n" + lines + ask.contact + "Content-Length: 0\r\n\r\n");
  }
  std::string hand_in(const std::string& request) {
    last_request = request;
    std::string bytes = request;
    const std::size_t before = phone.got.size();
    agent.on_datagram({at("10.77.1.1"), at("10.77.1.2")}, {bytes.data(), bytes.size()});
    net.settle();
    return phone.got.size() == before ? "" : phone.got.back();
  }
  // The header that answers a challenge.
  static std::string proof(const Ask& ask, const std::string& nonce, int nc = 1,
                           const std::string& header = "Authorization") {
    return test::credentials({ask.user, ask.password, ask.realm, ask.algorithm}, "REGISTER", nonce,
                             nc, header);
  }
  // As a phone does it: asked for its password, it tells it. Returns the answer to that.
  std::string enroll(const Ask& ask = {}, const std::string& lines = {}) {
    const std::string challenge = send(ask, lines);
    EXPECT_TRUE(challenge.starts_with("SIP/2.0 401 ")) << challenge;
    return send(ask, lines + proof(ask, challenge_param(challenge, "nonce")));
  }
  std::vector<std::string> listed() {
    std::vector<std::string> out;
    bindings.each(net.wheel().now(), [&](std::string_view name, const sip::Binding& binding) {
      out.push_back(std::string(name) + " " + std::string(binding.uri()));
      return true;
    });
    return out;
  }
  static bool is(const std::string& response, int status) {
    return response.starts_with("SIP/2.0 " + std::to_string(status) + " ");
  }

  VirtualNet net;
  VirtualNet::Port way_out{net};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{
      .wheel = net.wheel(), .transport = way_out, .counters = counters, .random = random};
  config::Parameters parameters;
  const Secrets secrets = Secrets::make(random);
  AccountTable accounts{secrets.hash, 16};
  BindingTable bindings;
  Lockout lockout{{.rules = parameters,
                   .secret = secrets.hash,
                   .spared = [](const auto&) { return false; },
                   .records = 256}};
  Nobody nobody;
  sip::UserAgent agent{env, nobody};
  std::vector<std::string> kicked;
  std::unique_ptr<Doorkeeper> door;
  std::unique_ptr<Registrar> registrar;
  RawParty phone{net, "10.77.1.2:5060"};
  int cseq = 0;
  std::string last_request;
};

TEST_F(RegistrarTest, AStormTurnsNewcomersAway) {
  const std::string asked = send({});
  EXPECT_TRUE(is(asked, 401));
  env.backlog = Registrar::kBusy;
  std::set<int> pauses;
  for (int i = 0; i < 2000; ++i) {
    const std::string answer = send({});
    EXPECT_TRUE(is(answer, 503)) << answer;
    pauses.insert(std::stoi(field(answer, "Retry-After")));
  }
  EXPECT_EQ(*pauses.begin(), 10);
  EXPECT_EQ(*pauses.rbegin(), 120);
  EXPECT_EQ(pauses.size(), 111u) << "all of the span";
  EXPECT_TRUE(is(send({}, proof({}, challenge_param(asked, "nonce"))), 200)) << "is half way in";
  EXPECT_TRUE(is(send({}), 401)) << "somebody is registered from there: goes first";
  EXPECT_TRUE(is(send({.aor = "nobody@sip.example.net"}), 401))
      << "which tells nothing of accounts";
  env.backlog = Registrar::kVeryBusy;
  EXPECT_TRUE(is(send({}), 503));
  env.backlog = Registrar::kBusy - 1;
  EXPECT_TRUE(is(send({}), 401));
  EXPECT_EQ(counters.get(Counter::register_turned_away), 2001u);
}

TEST_F(RegistrarTest, AsksThenBinds) {
  const std::string challenge = send({});
  EXPECT_TRUE(is(challenge, 401)) << challenge;
  const auto sha = challenge.find("algorithm=SHA-256");
  const auto md5 = challenge.find("algorithm=MD5");
  EXPECT_LT(sha, md5);  // RFC 8760: the better one first, each in a header of its own
  EXPECT_NE(md5, std::string::npos);
  EXPECT_NE(challenge.find("\r\nWWW-Authenticate: ", sha), std::string::npos);
  for (const auto algorithm : {DigestAlgorithm::kMd5, DigestAlgorithm::kSha256}) {
    const std::string answer = enroll({.algorithm = algorithm});
    EXPECT_TRUE(is(answer, 200)) << answer;
    EXPECT_EQ(field(answer, "Contact"), "<sip:alice@10.77.1.2>;expires=3600");
  }
  EXPECT_EQ(listed(), (std::vector<std::string>{"alice@sip.example.net sip:alice@10.77.1.2"}));
  EXPECT_EQ(counters.get(Counter::register_accepted), 2u);
  EXPECT_EQ(counters.get(Counter::register_challenged), 3u);
}

// Whoever tries names learns nothing: the answers are the same but for what is random.
TEST_F(RegistrarTest, AnUnknownAccountIsAWrongPassword) {
  const auto mask = [](const std::string& text) {
    std::string out = std::regex_replace(text, std::regex("nonce=\"[0-9a-f]*\""), "nonce");
    out = std::regex_replace(out, std::regex("tag=[0-9a-f]{32}"), "tag");
    return std::regex_replace(out, std::regex("(branch=[^;]*)|(CSeq: \\d+)"), "");
  };
  const Ask wrong{.password = "guess"};
  const Ask unknown{.user = "nobody", .password = "guess"};
  const std::string challenge = send(wrong);
  const std::string first = enroll(wrong);
  const std::string second = enroll(unknown);
  EXPECT_EQ(mask(first), mask(second));
  EXPECT_EQ(mask(first), mask(challenge));
  EXPECT_EQ(counters.get(Counter::register_wrong), 2u);
  EXPECT_TRUE(listed().empty());
}

TEST_F(RegistrarTest, StrangersTakeNoMemory) {
  for (int i = 0; i < 50; ++i) send({});
  enroll({.password = "guess"});
  EXPECT_EQ(agent.live_transactions(), 0u);
  enroll();
  EXPECT_EQ(agent.live_transactions(), 1u);
}

TEST_F(RegistrarTest, ARepeatedRequestGetsTheSameAnswer) {
  enroll();
  const std::string request = last_request;
  const std::string answer = phone.got.back();
  EXPECT_EQ(hand_in(request), answer);
  // The same proof in another request is one too many.
  const auto auth = "Authorization: " + field(request, "Authorization") + "\r\n";
  const std::string replayed = send({.call_id = "c2"}, auth);
  EXPECT_TRUE(is(replayed, 401));
  EXPECT_NE(replayed.find("stale=true"), std::string::npos);
}

TEST_F(RegistrarTest, TheNextCountNeedsNoChallenge) {
  const std::string nonce = challenge_param(send({}), "nonce");
  EXPECT_TRUE(is(send({}, proof({}, nonce, 1)), 200));
  EXPECT_TRUE(is(send({}, proof({}, nonce, 2)), 200));
  net.run(Seconds{301});
  const std::string old = send({}, proof({}, nonce, 3));
  EXPECT_TRUE(is(old, 401));
  EXPECT_NE(old.find("stale=true"), std::string::npos);
}

TEST_F(RegistrarTest, NobodyRegistersForAnother) {
  EXPECT_TRUE(is(enroll({.user = "bob", .password = "b0b"}), 403));
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(counters.get(Counter::register_forbidden), 1u);
}

TEST_F(RegistrarTest, ADisabledAccountIsRefusedToWhoeverKnowsItsPassword) {
  put("alice", "s3cret", false);
  EXPECT_TRUE(is(enroll(), 403));
  EXPECT_TRUE(is(enroll({.password = "guess"}), 401));
}

TEST_F(RegistrarTest, TheRealmIsTheDomainsOrTheFirst) {
  put("alice", "0ther", true, "other.example");
  const Ask other{.password = "0ther", .aor = "alice@OTHER.example", .realm = "other.example"};
  EXPECT_EQ(challenge_param(send(other), "realm"), "other.example");
  EXPECT_TRUE(is(enroll(other), 200));
  const Ask by_address{.aor = "alice@10.77.1.1"};
  EXPECT_EQ(challenge_param(send(by_address), "realm"), "sip.example.net");
  EXPECT_TRUE(is(enroll(by_address), 200));
  EXPECT_EQ(listed().size(), 2u);
}

TEST_F(RegistrarTest, QueryAndRemoval) {
  enroll();
  const std::string told = enroll({.contact = ""});
  EXPECT_TRUE(field(told, "Contact").starts_with("<sip:alice@10.77.1.2>;expires=")) << told;
  const std::string gone = enroll({.contact = "Contact: *\r\nExpires: 0\r\n"});
  EXPECT_TRUE(is(gone, 200));
  EXPECT_EQ(field(gone, "Contact"), "");
  EXPECT_EQ(bindings.size(), 0u);
}

TEST_F(RegistrarTest, TooShort) {
  const std::string answer = enroll({.contact = "Contact: <sip:a@10.77.1.2>;expires=60\r\n"});
  EXPECT_TRUE(is(answer, 423));
  EXPECT_EQ(field(answer, "Min-Expires"), "300");
  EXPECT_EQ(bindings.size(), 0u);
}

TEST_F(RegistrarTest, BehindNatItIsAskedBackSooner) {
  const std::string answer = enroll({.contact = "Contact: <sip:alice@192.168.1.7>\r\n"});
  EXPECT_EQ(field(answer, "Contact"), "<sip:alice@192.168.1.7>;expires=300");
  bindings.each(net.wheel().now(), [](std::string_view, const sip::Binding& binding) {
    EXPECT_TRUE(binding.behind_nat);
    EXPECT_EQ(binding.way.remote, at("10.77.1.2:5060"));
    return true;
  });
  // A name says nothing; and a proxy looks after its own.
  const std::string named = enroll({.contact = "Contact: <sip:alice@phone.invalid>\r\n"});
  EXPECT_NE(named.find("phone.invalid>;expires=3600"), std::string::npos);
  const std::string path = enroll({.contact = "Contact: <sip:alice@192.168.1.7>\r\n"},
                                  "Path: <sip:10.77.1.2;lr>\r\nSupported: path\r\n");
  EXPECT_NE(path.find("192.168.1.7>;expires=3600"), std::string::npos) << path;
  EXPECT_EQ(field(path, "Path"), "<sip:10.77.1.2;lr>");
}

// RFC 3261 §10.3 step 5; nobody could have a password for it.
TEST_F(RegistrarTest, OnlySipUrisAreRegistered) {
  std::string request =
      "REGISTER sip:sip.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.1.2:5060;branch=z9hG4bKx\r\n"
      "Max-Forwards: 70\r\nFrom: <http://www.example.com>;tag=t\r\nTo: isbn:2983792873\r\n"
      "Call-ID: isbn\r\nCSeq: 1 REGISTER\r\nContact: <name:John_Smith>\r\n"
      "Content-Length: 0\r\n\r\n";
  EXPECT_TRUE(is(hand_in(request), 400)) << phone.got.back();
  EXPECT_TRUE(listed().empty());
}

TEST_F(RegistrarTest, AnotherDeviceTakesThePlace) {
  enroll();
  enroll({.contact = "Contact: <sip:alice@10.77.1.2;refreshed>\r\n"});  // the same Call-ID
  EXPECT_TRUE(kicked.empty());
  enroll({.contact = "Contact: <sip:alice@10.77.1.3>\r\n", .call_id = "c2"});
  EXPECT_EQ(kicked,
            (std::vector<std::string>{"alice@sip.example.net sip:alice@10.77.1.2;refreshed"}));
  EXPECT_EQ(listed(), (std::vector<std::string>{"alice@sip.example.net sip:alice@10.77.1.3"}));
  EXPECT_EQ(counters.get(Counter::bindings_kicked), 1u);
}

TEST_F(RegistrarTest, WhatIsRequired) {
  EXPECT_TRUE(is(enroll({}, "Require: path\r\n"), 200));
  const std::string answer = enroll({}, "Require: gruu\r\n");
  EXPECT_TRUE(is(answer, 420));
  EXPECT_EQ(field(answer, "Unsupported"), "gruu");
}

TEST_F(RegistrarTest, ARemovedAccountIsForgotten) {
  enroll();
  const std::string nonce = challenge_param(send({}), "nonce");
  (void)accounts.apply(
      {.accounts = {{{.key = accounts.key_of("alice", kRealms[0]), .ha1 = {}}, true}},
       .numbers = {}});
  bindings.forget(accounts.key_of("alice", kRealms[0]));
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(bindings.size(), 0u);
  EXPECT_TRUE(is(send({}, proof({}, nonce)), 401));
}

TEST_F(RegistrarTest, WhatHasRunOutIsClearedAway) {
  enroll({.contact = "Contact: <sip:alice@10.77.1.2>;expires=300\r\n"});
  enroll({.contact = "Contact: <sip:bob@10.77.1.2>;expires=500\r\n",
          .user = "bob",
          .password = "b0b",
          .aor = "bob@sip.example.net"});
  EXPECT_EQ(bindings.size(), 2u);
  net.run(Seconds{301});
  EXPECT_EQ(listed().size(), 1u);
  net.run(Registrar::kSweep);
  EXPECT_EQ(bindings.size(), 1u);
  EXPECT_EQ(counters.get(Counter::bindings_expired), 1u);
}

TEST_F(RegistrarTest, OthersStillNeedAGateway) {
  phone.send("OPTIONS", "<sip:alice@x>;tag=1", "<sip:x>", "o1", 1);
  net.settle();
  EXPECT_TRUE(is(phone.got.back(), 403));
}

TEST_F(RegistrarTest, BrokenContacts) {
  EXPECT_TRUE(is(enroll({.contact = "Contact: *\r\n"}), 400));
  EXPECT_TRUE(is(enroll({.contact = "Contact: <tel:+49>\r\n"}), 400));
}

class ProxyChallenge : public RegistrarTest {
 protected:
  ProxyChallenge() : RegistrarTest({{"SS_SIP_AUTHENTICATION_CODE", "407"}}) {}
};

TEST_F(ProxyChallenge, AsksAsAProxyDoes) {
  const std::string challenge = send({});
  EXPECT_TRUE(is(challenge, 407));
  EXPECT_NE(field(challenge, "Proxy-Authenticate"), "");
  const std::string nonce = challenge_param(challenge, "nonce");
  EXPECT_TRUE(is(send({}, proof({}, nonce)), 407));
  EXPECT_TRUE(is(send({}, proof({}, nonce, 1, "Proxy-Authorization")), 200));
}

class Md5Alone : public RegistrarTest {
 protected:
  Md5Alone() : RegistrarTest({{"TD_SIP_DIGEST", "md5"}}) {}
};

// For phones that give up at an algorithm that they don't know.
TEST_F(Md5Alone, OffersAndTakesNothingElse) {
  const std::string challenge = send({});
  EXPECT_NE(challenge.find("algorithm=MD5"), std::string::npos);
  EXPECT_EQ(challenge.find("SHA-256"), std::string::npos);
  EXPECT_TRUE(is(enroll({.algorithm = DigestAlgorithm::kSha256}), 401));
  EXPECT_TRUE(is(enroll({.algorithm = DigestAlgorithm::kMd5}), 200));
}

class NoReplacing : public RegistrarTest {
 protected:
  NoReplacing() : RegistrarTest({{"SS_ENDPOINT_REGISTER_REPLACE", "off"}}) {}
};

TEST_F(NoReplacing, TheFirstStays) {
  EXPECT_TRUE(is(enroll(), 200));
  const Ask second{.contact = "Contact: <sip:alice@10.77.1.2:7777>\r\n", .call_id = "c2"};
  EXPECT_TRUE(is(enroll(second), 403));
  EXPECT_EQ(listed(), (std::vector<std::string>{"alice@sip.example.net sip:alice@10.77.1.2"}));
}

TEST_F(RegistrarTest, TheSecondReplaces) {
  enroll();
  enroll({.contact = "Contact: <sip:alice@10.77.1.2:7777>\r\n", .call_id = "c2"});
  EXPECT_EQ(listed(), (std::vector<std::string>{"alice@sip.example.net sip:alice@10.77.1.2:7777"}));
  EXPECT_EQ(counters.get(Counter::bindings_kicked), 1u);
}

}  // namespace
}  // namespace tandem::registrar
