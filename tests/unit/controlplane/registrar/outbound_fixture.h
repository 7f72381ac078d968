// A shard's part of our registrations with others, and the registrar that a test plays.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "controlplane/registrar/outbound.h"
#include "controlplane/sip/parser.h"
#include "tests/unit/controlplane/raw_party.h"
#include "tests/unit/controlplane/registrar/registered_phones.h"

namespace tandem::registrar {

using base::Millis;
using base::Nanos;
using base::Seconds;
using test::field;
using wire::Counter;

class OutboundFixture : public ::testing::Test {
 protected:
  using Settings = std::vector<std::pair<std::string, std::string>>;
  explicit OutboundFixture(const Settings& set = {}) {
    for (const auto& [name, value] : set) EXPECT_TRUE(parameters.set(name, value).ok());
    env.timers.resend_gaps = parameters.SS_SIP_RESEND_INTERVAL;
  }
  static OutboundOrder order(const std::string& name = "bcorp") {
    OutboundOrder out;
    out.record = {.name = name,
                  .server = "sip.bcorp.example",
                  .port = "callee",
                  .user = "4930",
                  .password = "s3cret"};
    out.way.local = test::at("10.77.2.1:5060");
    out.places = {test::at("10.77.2.2:5060")};
    return out;
  }
  void run(Nanos duration) {
    for (const Nanos end = wheel.now() + duration; wheel.now() < end;) {
      wheel.advance(std::min(end, wheel.now() + Millis{5}));
    }
  }
  // Requests, each once, since the last call.
  std::vector<std::string> sent() {
    std::vector<std::string> out_texts;
    for (; seen < out.sent.size(); ++seen) {
      const std::string& text = out.sent[seen].text;
      if (known.insert(field(text, "Via")).second) out_texts.push_back(text);
    }
    return out_texts;
  }
  // The only one.
  std::string one() {
    const auto all = sent();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? std::string() : all.front();
  }
  void answer(const std::string& request, const std::string& status,
              const std::string& headers = {}) {
    std::string bytes = "SIP/2.0 " + status + "\r\nVia: " + field(request, "Via") +
                        "\r\nFrom: " + field(request, "From") + "\r\nTo: " + field(request, "To") +
                        ";tag=x\r\nCall-ID: " + field(request, "Call-ID") +
                        "\r\nCSeq: " + field(request, "CSeq") + "\r\n" + headers +
                        "Content-Length: 0\r\n\r\n";
    sip::Message message;
    ASSERT_EQ(sip::Parser::parse({bytes.data(), bytes.size()}, message).verdict,
              sip::ParseVerdict::kOk);
    EXPECT_TRUE(part.transactions().receive(message));
  }
  void grant(const std::string& request, int seconds) {
    answer(request, "200 OK",
           fmt::format("Contact: {};expires={}\r\n", field(request, "Contact"), seconds));
  }
  static std::string nonce(const std::string& text, const std::string& more = {}) {
    return fmt::format("WWW-Authenticate: Digest realm=\"b\", nonce=\"{}\", qop=\"auth\"{}\r\n",
                       text, more);
  }
  // Registered for so long, by the first request.
  std::string registered(int seconds, const OutboundOrder& of = order()) {
    part.apply(of);
    const auto request = one();
    grant(request, seconds);
    return request;
  }
  OutboundStatus status(const std::string& name = "bcorp") {
    for (const auto& one_of : part.show()) {
      if (one_of.name == name) return one_of;
    }
    return {.name = "none", .server = "", .contact = "", .state = OutboundState::kTrying};
  }
  std::uint64_t count(Counter counter) const { return counters.get(counter); }

  loop::TimerWheel wheel{Millis{1}, 8192, Seconds{1000}};
  test::Outbox out{wheel};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{.wheel = wheel, .transport = out, .counters = counters, .random = random};
  config::Parameters parameters;
  Upstreams upstreams{6, random};
  std::vector<std::string> told;
  OutboundRegistrations part{
      {.env = env,
       .parameters = parameters,
       .upstreams = upstreams,
       .told = [this](const std::string& name, bool on, const base::Endpoint& at) {
         told.push_back(fmt::format("{} {} {}", name, on ? "on" : "off", at.text()));
       }}};
  std::size_t seen = 0;
  std::set<std::string> known;
};

}  // namespace tandem::registrar
