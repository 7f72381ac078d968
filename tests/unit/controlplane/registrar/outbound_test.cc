// Registrations of ours: what leaves when, with which Call-ID, CSeq and proof, for every answer
// that a registrar may give.
#include "tests/unit/controlplane/registrar/outbound_fixture.h"

namespace tandem::registrar {
namespace {

using OutboundTest = OutboundFixture;

TEST_F(OutboundTest, RegistersAsRfc3261Has) {
  part.apply(order());
  const auto request = one();
  EXPECT_TRUE(request.starts_with("REGISTER sip:sip.bcorp.example SIP/2.0\r\n"));
  EXPECT_EQ(field(request, "To"), "<sip:4930@sip.bcorp.example>");
  EXPECT_TRUE(field(request, "From").starts_with("<sip:4930@sip.bcorp.example>;tag="));
  EXPECT_EQ(field(request, "Contact"), "<sip:4930@10.77.2.1:5060>");
  EXPECT_EQ(field(request, "CSeq"), "1 REGISTER");
  EXPECT_TRUE(field(request, "Call-ID").starts_with("s0-"));
  EXPECT_EQ(field(request, "Expires"), "") << "auto asks for nothing";
  EXPECT_EQ(field(request, "Privacy"), "");
  EXPECT_EQ(field(request, "Authorization"), "");
  EXPECT_EQ(out.sent[0].path.remote, test::at("10.77.2.2:5060"));
  EXPECT_EQ(status().state, OutboundState::kTrying);
  grant(request, 600);
  EXPECT_EQ(status().state, OutboundState::kRegistered);
  EXPECT_EQ(status().left, Seconds{600});
  EXPECT_EQ(told, (std::vector<std::string>{"bcorp on 10.77.2.2:5060"}));
  EXPECT_TRUE(upstreams.find("bcorp")->registered);
}

// Auto: late, but so that one that fails can be tried once more: 10 s + 60 s + 10 s before.
TEST_F(OutboundTest, AutoIsRefreshedBeforeItLapses) {
  const auto first = registered(600);
  run(Seconds{519});
  EXPECT_TRUE(sent().empty());
  run(Seconds{2});
  const auto second = one();
  EXPECT_EQ(field(second, "Call-ID"), field(first, "Call-ID"));
  EXPECT_EQ(field(second, "From"), field(first, "From"));
  EXPECT_EQ(field(second, "CSeq"), "2 REGISTER");
  EXPECT_EQ(status().state, OutboundState::kRegistered) << "while it is refreshed, too";
  grant(second, 60);
  run(Seconds{29});
  EXPECT_TRUE(sent().empty());
  run(Seconds{2});
  grant(one(), 1);
  run(Seconds{4});
  EXPECT_TRUE(sent().empty()) << "nobody makes us send all the time";
  run(Seconds{2});
  one();
}

TEST_F(OutboundTest, WhatIsGrantedByOtherWords) {
  struct Case {
    const char* headers;
    int granted;
  };
  const Case cases[] = {
      {"Expires: 100\r\n", 100},
      {"Contact: <sip:4930@10.77.2.1:5060>\r\nExpires: 100\r\n", 100},
      {"Contact: <sip:a@b>;expires=9, <sip:4930@10.77.2.1:5060>;expires=70\r\nExpires: 100\r\n",
       70},
      {"Contact: <sip:4930@198.51.100.1:9>;expires=80, <sip:a@b>;expires=90\r\n", 80},
      {"", 3600},
      {"Expires: soon\r\n", 3600},
      {"Expires: 4294967295\r\n", 315'360'000},
  };
  int number = 0;
  for (const auto& [headers, granted] : cases) {
    const auto name = fmt::format("r{}", ++number);
    part.apply(order(name));
    run(Millis{50});
    answer(one(), "200 OK", headers);
    EXPECT_EQ(status(name).left, Seconds{granted}) << headers;
    part.remove(name);
    grant(one(), 0);
  }
  part.apply(order());
  run(Millis{50});
  grant(one(), 0);
  EXPECT_EQ(status().reason, "nothing was granted");
}

class FixedExpiry : public OutboundFixture {
 protected:
  FixedExpiry() : OutboundFixture({{"SS_SIP_USER_AGENT_EXPIRE", "300"}}) {}
};

TEST_F(FixedExpiry, AsksForItAndRefreshesAtHalf) {
  part.apply(order());
  const auto request = one();
  EXPECT_EQ(field(request, "Expires"), "300");
  grant(request, 300);
  run(Seconds{149});
  EXPECT_TRUE(sent().empty());
  run(Seconds{2});
  grant(one(), 100);
  run(Seconds{49});
  EXPECT_TRUE(sent().empty());
  run(Seconds{2});
  one();
}

TEST_F(FixedExpiry, ARegistrationsOwnWordCounts) {
  auto its_own = order();
  its_own.record.expiry = Seconds{20};
  part.apply(its_own);
  EXPECT_EQ(field(one(), "Expires"), "20");
  its_own = order("other");
  its_own.record.expiry = Seconds{0};
  part.apply(its_own);
  run(Millis{50});
  EXPECT_EQ(field(one(), "Expires"), "") << "auto";
}

TEST_F(FixedExpiry, TooBriefIsAskedForAgainAtOnce) {
  part.apply(order());
  const auto first = one();
  answer(first, "423 Interval Too Brief", "Min-Expires: 1800\r\n");
  const auto second = one();
  EXPECT_EQ(field(second, "Expires"), "1800");
  EXPECT_EQ(field(second, "Call-ID"), field(first, "Call-ID"));
  EXPECT_EQ(field(second, "CSeq"), "2 REGISTER");
  grant(second, 1800);
  run(Seconds{901});
  EXPECT_EQ(field(one(), "Expires"), "1800") << "it is remembered";
}

TEST_F(FixedExpiry, TooBriefWithoutSense) {
  for (const auto* headers : {"", "Min-Expires: 300\r\n", "Min-Expires: x\r\n"}) {
    part.apply(order(headers));
    run(Millis{50});
    answer(one(), "423 Interval Too Brief", headers);
    EXPECT_EQ(status(headers).state, OutboundState::kFailed) << headers;
    EXPECT_EQ(status(headers).status, 423);
  }
  part.apply(order());
  run(Millis{50});
  for (int least = 400; least < 404; ++least) {
    answer(one(), "423 Interval Too Brief", fmt::format("Min-Expires: {}\r\n", least));
  }
  EXPECT_EQ(status().state, OutboundState::kFailed) << "always more";
}

TEST_F(OutboundTest, ProvesItselfAndKeepsTheNonce) {
  part.apply(order());
  answer(one(), "401 Unauthorized", nonce("n1"));
  const auto proven = one();
  EXPECT_EQ(field(proven, "CSeq"), "2 REGISTER");
  EXPECT_NE(field(proven, "Authorization")
                .find("username=\"4930\", realm=\"b\", nonce=\"n1\", "
                      "uri=\"sip:sip.bcorp.example\""),
            std::string::npos);
  grant(proven, 60);
  run(Seconds{31});
  const auto refresh = one();
  EXPECT_NE(field(refresh, "Authorization").find("nc=00000002"), std::string::npos)
      << "the nonce is used again at once";
  answer(refresh, "401 Unauthorized", nonce("n2", ", stale=true"));
  const auto anew = one();
  EXPECT_NE(field(anew, "Authorization").find("nonce=\"n2\""), std::string::npos);
  EXPECT_NE(field(anew, "Authorization").find("nc=00000001"), std::string::npos);
  grant(anew, 60);
  EXPECT_EQ(status().state, OutboundState::kRegistered);
  EXPECT_EQ(count(Counter::outbound_failed), 0u);
  EXPECT_EQ(count(Counter::outbound_challenged), 2u);
}

TEST_F(OutboundTest, AWrongPasswordWaits) {
  part.apply(order());
  answer(one(), "407 Proxy Authentication Required",
         "Proxy-Authenticate: Digest realm=\"b\", nonce=\"1\"\r\n");
  answer(one(), "407 Proxy Authentication Required",
         "Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\"\r\n");
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(status().state, OutboundState::kFailed);
  EXPECT_EQ(status().status, 407);
  EXPECT_EQ(status().reason, "user or password are wrong");
  run(Seconds{59});
  EXPECT_TRUE(sent().empty());
  run(Seconds{2});
  EXPECT_EQ(field(one(), "Proxy-Authorization"), "");
}

TEST_F(OutboundTest, StaleNoncesWithoutEnd) {
  part.apply(order());
  for (int i = 0; i < 7; ++i) answer(one(), "401 Unauthorized", nonce("n", ", stale=true"));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(status().reason, "challenged too often");
  part.apply(order("basic"));
  run(Millis{50});
  answer(one(), "401 Unauthorized", "WWW-Authenticate: Basic realm=\"b\"\r\n");
  EXPECT_EQ(status("basic").reason, "no challenge that we can answer");
}

// The same delay each time.
TEST_F(OutboundTest, ARefusalIsTriedAgainAfterTheDelay) {
  part.apply(order());
  std::string request = one();
  const auto call_id = field(request, "Call-ID");
  for (int i = 0; i < 4; ++i) {
    answer(request, "403 Forbidden");
    EXPECT_EQ(status().state, OutboundState::kFailed);
    EXPECT_EQ(status().reason, "Forbidden");
    run(Seconds{59});
    EXPECT_TRUE(sent().empty());
    run(Seconds{2});
    request = one();
    EXPECT_EQ(field(request, "Call-ID"), call_id);
  }
  grant(request, 600);
  EXPECT_EQ(status().state, OutboundState::kRegistered);
  EXPECT_EQ(status().reason, "");
  EXPECT_EQ(told.back(), "bcorp on 10.77.2.2:5060");
  EXPECT_EQ(told.front(), "bcorp off 10.77.2.2:5060");
}

TEST_F(OutboundTest, ARegistrationsOwnDelay) {
  auto its_own = order();
  its_own.record.retry_delay = Seconds{30};
  part.apply(its_own);
  answer(one(), "500 Server Error");
  run(Seconds{29});
  EXPECT_TRUE(sent().empty());
  run(Seconds{2});
  one();
}

TEST_F(OutboundTest, ALongerRetryAfterIsHonoured) {
  struct Case {
    const char* said;
    int seconds;
  };
  for (const auto& [said, seconds] :
       {Case{"5", 60}, Case{"120 (maintenance);duration=9", 120}, Case{"999999999999", 3600}}) {
    part.apply(order(said));
    run(Millis{50});
    answer(one(), "503 Service Unavailable", fmt::format("Retry-After: {}\r\n", said));
    run(Seconds{seconds - 1});
    EXPECT_TRUE(sent().empty()) << said;
    run(Seconds{2});
    answer(one(), "403 No");
    part.remove(said);
  }
}

TEST_F(OutboundTest, SilenceHasTenSeconds) {
  part.apply(order());
  const auto request = one();
  run(Seconds{9});
  EXPECT_EQ(status().state, OutboundState::kTrying);
  EXPECT_GT(out.sent.size(), 3u) << "retransmitted";
  run(Seconds{2});
  EXPECT_EQ(status().state, OutboundState::kFailed);
  EXPECT_EQ(status().reason, "no answer");
  EXPECT_EQ(status().status, 0);
  const auto so_far = out.sent.size();
  run(Seconds{5});
  answer(request, "200 OK");  // too late
  EXPECT_EQ(status().state, OutboundState::kFailed);
  run(Seconds{53});
  EXPECT_EQ(out.sent.size(), so_far) << "nothing is repeated that nobody waits for";
  run(Seconds{2});
  EXPECT_EQ(field(one(), "CSeq"), "2 REGISTER");
}

TEST_F(OutboundTest, NoConnection) {
  auto by_tcp = order();
  by_tcp.way.protocol = sip::Protocol::kTcp;
  out.refuses_streams = true;
  part.apply(by_tcp);
  run(Millis{50});
  EXPECT_EQ(status().reason, "no connection");
  EXPECT_EQ(status().contact, "<sip:4930@10.77.2.1:5060;transport=tcp>");
  out.refuses_streams = false;
  run(Seconds{61});
  grant(one(), 600);
  EXPECT_EQ(status().state, OutboundState::kRegistered);
}

TEST_F(OutboundTest, TheNextPlaceIsTriedAtOnce) {
  auto two = order();
  two.places.push_back(test::at("10.77.2.3:5062"));
  part.apply(two);
  one();
  run(Seconds{11});
  const auto second = one();
  EXPECT_EQ(out.sent.back().path.remote, two.places[1]);
  grant(second, 60);
  EXPECT_EQ(told.back(), "bcorp on 10.77.2.3:5062");
  EXPECT_EQ(upstreams.find("bcorp")->path.remote, two.places[1]);
  run(Seconds{31});
  answer(one(), "503 Service Unavailable");
  EXPECT_EQ(out.sent.back().path.remote, two.places[0]);
  answer(one(), "503 Service Unavailable");
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(status().state, OutboundState::kFailed);
}

TEST_F(OutboundTest, ANameThatLeadsNowhereYet) {
  auto nowhere = order();
  nowhere.places.clear();
  part.apply(nowhere);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(status().reason, "sip.bcorp.example isn't found yet");
  part.apply(order());
  grant(one(), 600);
  EXPECT_EQ(status().state, OutboundState::kRegistered);
  auto faulty = order("faulty");
  faulty.fault = "there is no port \"x\"";
  part.apply(faulty);
  EXPECT_EQ(status("faulty").reason, faulty.fault);
}

// A thousand with one registrar come evenly, and stay apart when they are refreshed.
TEST_F(OutboundTest, ManyAreSpread) {
  for (int i = 0; i < 1000; ++i) part.apply(order(fmt::format("r{:03}", i)));
  part.apply([] {
    auto elsewhere = order("elsewhere");
    elsewhere.places = {test::at("10.77.2.9:5060")};
    return elsewhere;
  }());
  EXPECT_EQ(sent().size(), 2u) << "the first, and that of another registrar";
  for (int i = 0; i < 20; ++i) {
    run(Seconds{1});
    const auto requests = sent();
    EXPECT_NEAR(static_cast<double>(requests.size()), 50, 2) << i;
    for (const auto& request : requests) grant(request, 120);
  }
  run(Seconds{39});
  std::size_t most = 0;
  for (int i = 0; i < 22; ++i) {
    run(Seconds{1});
    const auto requests = sent();
    most = std::max(most, requests.size());
    for (const auto& request : requests) grant(request, 120);
  }
  EXPECT_LE(most, 55u);
}

}  // namespace
}  // namespace tandem::registrar
