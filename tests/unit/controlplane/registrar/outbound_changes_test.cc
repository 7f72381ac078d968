// Registrations of ours that are removed, changed, or seen by calls.
#include "tests/unit/controlplane/registrar/outbound_fixture.h"

namespace tandem::registrar {
namespace {

using OutboundChanges = OutboundFixture;

TEST_F(OutboundChanges, RemovedIsTakenBack) {
  const auto first = registered(600);
  part.remove("bcorp");
  EXPECT_TRUE(part.show().empty());
  EXPECT_EQ(upstreams.find("bcorp"), nullptr);
  const auto last = one();
  EXPECT_EQ(field(last, "Expires"), "0");
  EXPECT_EQ(field(last, "Contact"), field(first, "Contact"));
  EXPECT_EQ(field(last, "Call-ID"), field(first, "Call-ID"));
  EXPECT_EQ(field(last, "CSeq"), "2 REGISTER");
  answer(last, "401 Unauthorized", nonce("n1"));
  const auto proven = one();
  EXPECT_EQ(field(proven, "Expires"), "0");
  EXPECT_NE(field(proven, "Authorization"), "");
  EXPECT_FALSE(part.quiet());
  answer(proven, "200 OK");
  EXPECT_TRUE(part.quiet());
  EXPECT_EQ(count(Counter::outbound_taken_back), 1u);
  run(Seconds{600});
  EXPECT_TRUE(sent().empty());
}

TEST_F(OutboundChanges, OneThatCanNotBeTakenBackEndsAllTheSame) {
  registered(600);
  part.remove("bcorp");
  one();
  run(Seconds{11});
  EXPECT_TRUE(part.quiet());
  EXPECT_EQ(count(Counter::outbound_left), 1u);
  registered(600);
  part.remove("bcorp");
  answer(one(), "403 Forbidden");
  EXPECT_TRUE(part.quiet());
  EXPECT_TRUE(sent().empty());
}

TEST_F(OutboundChanges, WhatWasNeverRegisteredIsNotTakenBack) {
  part.apply(order());
  answer(one(), "403 Forbidden");
  part.remove("bcorp");
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(part.quiet());
  run(Seconds{100});
  EXPECT_TRUE(sent().empty());
}

// Its answer comes first (RFC 3261 §10.2), and decides.
TEST_F(OutboundChanges, RemovedWhileItRegisters) {
  for (const auto* verdict : {"200 OK", "403 Forbidden", "401 Unauthorized"}) {
    part.apply(order());
    run(Millis{50});
    const auto request = one();
    part.remove("bcorp");
    EXPECT_TRUE(sent().empty());
    answer(request, verdict, nonce("n"));
    const auto last = sent();
    EXPECT_EQ(last.size(), std::string_view(verdict) == "200 OK" ? 1u : 0u) << verdict;
    for (const auto& goodbye : last) {
      EXPECT_EQ(field(goodbye, "Expires"), "0");
      answer(goodbye, "200 OK");
    }
    EXPECT_TRUE(part.quiet()) << verdict;
  }
}

class Private : public OutboundFixture {
 protected:
  Private() : OutboundFixture({{"SS_SIP_USER_AGENT_PRIVACY", "id"}}) {}
};

TEST_F(Private, UnlessARegistrationSaysOtherwise) {
  part.apply(order());
  EXPECT_EQ(field(one(), "Privacy"), "id");
  auto open = order("open");
  open.record.privacy = Privacy::kIgnore;
  part.apply(open);
  run(Seconds{1});
  EXPECT_EQ(field(one(), "Privacy"), "");
}

class NoUnregister : public OutboundFixture {
 protected:
  NoUnregister() : OutboundFixture({{"SS_SIP_USER_AGENT_SEND_UNREGISTER", "off"}}) {}
};

TEST_F(NoUnregister, NothingIsTakenBack) {
  registered(600);
  part.remove("bcorp");
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(part.quiet());
  auto its_own = order("own");
  its_own.record.send_unregister = true;
  part.apply(its_own);
  run(Millis{50});
  grant(one(), 600);
  part.apply(order("third"));
  run(Millis{50});
  grant(one(), 600);
  part.drain();
  run(Millis{50});
  EXPECT_EQ(field(one(), "Expires"), "0") << "that one alone";
}

TEST_F(OutboundChanges, AtTheEndAllAreTakenBackWithinASecond) {
  for (int i = 0; i < 200; ++i) {
    part.apply(order(fmt::format("r{}", i)));
    run(Millis{25});
    grant(one(), 3600);
  }
  part.apply(order("failed"));
  run(Millis{25});
  answer(one(), "403 Forbidden");
  part.drain();
  EXPECT_LT(sent().size(), 3u);
  run(Millis{500});
  const auto half = sent();
  EXPECT_NEAR(static_cast<double>(half.size()), 100, 5);
  run(Millis{510});
  const auto rest = sent();
  EXPECT_NEAR(static_cast<double>(half.size() + rest.size()), 200, 3);
  EXPECT_FALSE(part.quiet());
  run(Seconds{11});
  EXPECT_TRUE(part.quiet()) << "whoever doesn't answer is left";
}

// --- changes -----------------------------------------------------------------------------------

TEST_F(OutboundChanges, WhatIsUnchangedStaysAsItIs) {
  registered(600);
  auto same = order();
  same.record.retry_delay = Seconds{100};
  same.record.send_unregister = false;
  part.apply(order());
  part.apply(same);
  run(Seconds{479});
  EXPECT_TRUE(sent().empty()) << "no REGISTER for it, and its timer goes on";
  EXPECT_EQ(status().state, OutboundState::kRegistered);
  run(Seconds{42});
  EXPECT_EQ(field(one(), "CSeq"), "2 REGISTER");
}

TEST_F(OutboundChanges, AnotherPasswordIsProvenAtOnce) {
  part.apply(order());
  answer(one(), "401 Unauthorized", nonce("n1"));
  answer(one(), "401 Unauthorized", nonce("n2"));
  EXPECT_EQ(status().state, OutboundState::kFailed);
  auto right = order();
  right.record.password = "better";
  right.record.auth_user = "prover";
  part.apply(right);
  run(Millis{50});
  answer(one(), "401 Unauthorized", nonce("n3"));
  const auto proven = one();
  EXPECT_NE(field(proven, "Authorization").find("username=\"prover\""), std::string::npos);
  EXPECT_EQ(field(proven, "CSeq"), "4 REGISTER");
  grant(proven, 600);
}

TEST_F(OutboundChanges, AnotherExpiryDuringARequestComesBehindIt) {
  part.apply(order());
  const auto request = one();
  auto fixed = order();
  fixed.record.expiry = Seconds{200};
  fixed.record.privacy = Privacy::kId;
  part.apply(fixed);
  EXPECT_TRUE(sent().empty());
  grant(request, 600);
  const auto next = one();
  EXPECT_EQ(field(next, "Expires"), "200");
  EXPECT_EQ(field(next, "Privacy"), "id");
  fixed.record.privacy = Privacy::kNone;
  grant(next, 200);
  part.apply(fixed);
  EXPECT_EQ(field(one(), "Privacy"), "none");
}

TEST_F(OutboundChanges, AnotherServerComesWhenTheOldOneIsLeft) {
  const auto first = registered(600);
  const auto old_client = upstreams.find("bcorp")->credentials;
  auto moved = order();
  moved.record.server = "10.77.2.9";
  moved.places = {test::at("10.77.2.9:5060")};
  part.apply(moved);
  const auto last = one();
  EXPECT_TRUE(last.starts_with("REGISTER sip:sip.bcorp.example "));
  EXPECT_EQ(field(last, "Expires"), "0");
  EXPECT_FALSE(upstreams.find("bcorp")->registered);
  EXPECT_NE(upstreams.find("bcorp")->credentials, old_client);
  // Changed once more before it could begin.
  moved.record.user = "4931";
  part.apply(moved);
  EXPECT_TRUE(sent().empty());
  answer(last, "200 OK");
  const auto next = one();
  EXPECT_TRUE(next.starts_with("REGISTER sip:10.77.2.9 "));
  EXPECT_EQ(field(next, "Contact"), "<sip:4931@10.77.2.1:5060>");
  EXPECT_NE(field(next, "Call-ID"), field(first, "Call-ID"));
  EXPECT_EQ(field(next, "CSeq"), "1 REGISTER");
  EXPECT_EQ(part.show().size(), 1u);
}

// To the registrar it may be the same: its goodbye must not end what comes after it.
TEST_F(OutboundChanges, RemovedAndAddedAtOnceComesBehindItsGoodbye) {
  registered(600);
  part.remove("bcorp");
  const auto last = one();
  part.apply(order());
  EXPECT_FALSE(part.retry("nobody"));
  EXPECT_TRUE(part.retry("bcorp"));
  EXPECT_TRUE(sent().empty());
  answer(last, "401 Unauthorized", nonce("n1"));
  const auto proven = one();
  EXPECT_EQ(field(proven, "Expires"), "0");
  answer(proven, "200 OK");
  run(Millis{50});
  const auto next = one();
  EXPECT_EQ(field(next, "Expires"), "");
  EXPECT_EQ(field(next, "CSeq"), "1 REGISTER");
  grant(next, 600);
  // Once more, but nobody answers its goodbye, and it is changed and removed meanwhile.
  part.remove("bcorp");
  one();
  part.apply(order());
  auto moved = order();
  moved.record.user = "4931";
  part.apply(moved);
  part.remove("bcorp");
  part.apply(moved);
  EXPECT_TRUE(sent().empty());
  run(Seconds{11});
  EXPECT_EQ(field(one(), "Contact"), "<sip:4931@10.77.2.1:5060>");
  EXPECT_EQ(part.show().size(), 1u);
}

TEST_F(OutboundChanges, AnotherAddressOfItsNameIsUsed) {
  registered(600);
  auto moved = order();
  moved.places = {test::at("10.77.2.7:5060"), test::at("10.77.2.2:5060")};
  part.apply(moved);
  EXPECT_TRUE(sent().empty()) << "where it is registered is among them";
  EXPECT_EQ(upstreams.find("bcorp")->path.remote, test::at("10.77.2.2:5060"));
  moved.places.pop_back();
  part.apply(moved);
  one();
  EXPECT_EQ(out.sent.back().path.remote, test::at("10.77.2.7:5060"));
}

TEST_F(OutboundChanges, TheOperatorTriesNow) {
  part.apply(order());
  const auto request = one();
  EXPECT_TRUE(part.retry("bcorp"));
  EXPECT_TRUE(sent().empty()) << "one is on its way";
  answer(request, "403 Forbidden");
  EXPECT_TRUE(part.retry("bcorp"));
  run(Millis{50});
  grant(one(), 600);
  EXPECT_TRUE(part.retry("bcorp"));
  grant(one(), 600);
  EXPECT_FALSE(part.retry("nobody"));
}

// Each name is one shard's, the others only know of it.
TEST_F(OutboundChanges, OneShardHasIt) {
  std::size_t mine = 0;
  OutboundRegistrations quarter{
      {.env = env, .parameters = parameters, .upstreams = upstreams, .shards = 4}};
  for (int i = 0; i < 400; ++i) {
    const auto name = fmt::format("r{}", i);
    quarter.apply(order(name));
    EXPECT_NE(upstreams.find(name), nullptr);
    int owners = 0;
    for (std::uint32_t s = 0; s < 4; ++s) owners += falls_to(name, s, 4) ? 1 : 0;
    EXPECT_EQ(owners, 1);
    mine += falls_to(name, 0, 4) ? 1u : 0u;
  }
  EXPECT_EQ(quarter.show().size(), mine);
  EXPECT_GT(mine, 50u);
  EXPECT_LT(mine, 200u);
}

// --- as calls see them -------------------------------------------------------------------------

TEST_F(OutboundChanges, WhoseCallItIs) {
  part.apply(order());
  auto other = order("other");
  other.places = {test::at("10.77.2.9:5060")};
  other.record.proxy = "proxy.example:5070";
  part.apply(other);
  const auto name_of = [&](std::string_view user, std::string_view from) {
    const Upstream* found = upstreams.owner_of(user, test::at(from));
    return found == nullptr ? std::string() : found->name;
  };
  EXPECT_EQ(name_of("4930", "10.77.2.2:5060"), "bcorp");
  EXPECT_EQ(name_of("4930", "10.77.2.2:40000"), "bcorp") << "by a connection, say";
  EXPECT_EQ(name_of("4930", "10.77.2.9:5060"), "other");
  EXPECT_EQ(name_of("4931", "10.77.2.2:5060"), "");
  EXPECT_EQ(name_of("4930", "10.77.2.3:5060"), "");
  EXPECT_TRUE(upstreams.knows(test::at("10.77.2.9:1").address));
  EXPECT_EQ(upstreams.server_name(test::at("10.77.2.9:5060")), "proxy.example");
  EXPECT_EQ(upstreams.server_name(test::at("10.77.2.2:5060")), "sip.bcorp.example");
  EXPECT_EQ(upstreams.server_name(test::at("10.77.2.2:5061")), "");
  auto by_address = order("address");
  by_address.record.server = "10.77.2.8";
  by_address.places = {test::at("10.77.2.8:5060")};
  part.apply(by_address);
  EXPECT_EQ(upstreams.server_name(test::at("10.77.2.8:5060")), "") << "its address";
  auto renamed = order();
  renamed.record.user = "4931";
  part.apply(renamed);
  EXPECT_EQ(name_of("4930", "10.77.2.2:5060"), "");
  EXPECT_EQ(name_of("4931", "10.77.2.2:5060"), "bcorp");
  part.remove("bcorp");
  EXPECT_EQ(name_of("4931", "10.77.2.2:5060"), "");
  EXPECT_FALSE(upstreams.knows(test::at("10.77.2.2:1").address));
}

}  // namespace
}  // namespace tandem::registrar
