#include "drivers/wire/plan.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "drivers/base/random.h"
#include "drivers/base/settings_file.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::wire {
namespace {

constexpr std::uint32_t kShards = 8;

std::uint32_t shard_of(std::string_view datagram, std::uint32_t shards = kShards) {
  return shard_of_datagram(shards, std::as_bytes(std::span(datagram.data(), datagram.size())));
}
std::string invite(std::string_view call_id_line, std::string_view body = "") {
  return "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP i:5060;branch=z9hG4bK1\r\nContact: "
         "<sip:c@i>\r\n" +
         std::string(call_id_line) + "\r\nCSeq: 1 INVITE\r\n\r\n" + std::string(body);
}

TEST(ShardOfCallId, OurOwnLeadBackToTheirMaker) {
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    EXPECT_EQ(shard_of_call_id(kShards, "s" + std::to_string(shard) + "-abc@h"), shard);
  }
  // A number that no shard has is a stranger's: hashed, within range.
  EXPECT_LT(shard_of_call_id(4, "s7-abc"), 4u);
  EXPECT_LT(shard_of_call_id(4, "s9-abc"), 4u);
  EXPECT_LT(shard_of_call_id(4, "s2-"), 4u);
  EXPECT_EQ(shard_of_call_id(1, "s7-abc"), 0u);
}

TEST(ShardOfCallId, StrangersAreSpreadEvenly) {
  std::map<std::uint32_t, int> load;
  base::SeededRandom random(1);
  for (int i = 0; i < 8000; ++i) ++load[shard_of_call_id(kShards, random.token() + "@10.0.0.1")];
  ASSERT_EQ(load.size(), kShards);
  for (const auto& [shard, count] : load) EXPECT_NEAR(count, 1000, 200) << shard;
}

TEST(ShardOfDatagram, FindsTheCallIdInEveryForm) {
  const auto expected = shard_of_call_id(kShards, "f81d4fae@host");
  ASSERT_NE(expected, 0u);  // else the test would say nothing
  for (const auto* line :
       {"Call-ID: f81d4fae@host", "call-id:f81d4fae@host", "CALL-ID  :  f81d4fae@host  ",
        "i: f81d4fae@host", "I:f81d4fae@host", "Call-ID:\tf81d4fae@host"}) {
    EXPECT_EQ(shard_of(invite(line)), expected) << line;
  }
  EXPECT_EQ(shard_of("SIP/2.0 200 OK\nCall-ID: f81d4fae@host\n\n"), expected);  // bare LF
  EXPECT_EQ(shard_of("SIP/2.0 200 OK\r\nCall-ID: f81d4fae@host"), expected);    // nothing behind it
}

// The parser reads these too (RFC 3261 §7.5, §7.3.1): both must mean the same call.
TEST(ShardOfDatagram, LeadingEmptyLinesAndFolding) {
  const auto expected = shard_of_call_id(kShards, "f81d4fae@host");
  ASSERT_NE(expected, 0u);
  EXPECT_EQ(shard_of("\r\n\r\n" + invite("Call-ID: f81d4fae@host")), expected);
  EXPECT_EQ(shard_of("\n" + invite("Call-ID: f81d4fae@host")), expected);
  EXPECT_EQ(shard_of(invite("Call-ID:\r\n f81d4fae@host")), expected);
  EXPECT_EQ(shard_of(invite("i :\r\n\t f81d4fae@host ")), expected);
}

TEST(ShardOfDatagram, OtherLinesDontCount) {
  EXPECT_EQ(
      shard_of(invite("Content-Type: a\r\nCall-Info: s3-x\r\nIdentity: s3-x\r\ncallid: s3-x")), 0u);
  EXPECT_EQ(shard_of(invite("X: 1", "Call-ID: s3-body@h\r\n")), 0u);  // in the body
  EXPECT_EQ(shard_of(""), 0u);
  EXPECT_EQ(shard_of("\r\n\r\n"), 0u);
  EXPECT_EQ(shard_of("Call-ID"), 0u);
  // The first one counts.
  EXPECT_EQ(shard_of(invite("Call-ID: s3-x\r\nCall-ID: s4-x")), 3u);
}

// Bounded and within range for any bytes; the buffer ends where the datagram does.
TEST(ShardOfDatagram, SurvivesGarbage) {
  base::SeededRandom random(9);
  const std::string alphabet = "cCiI: \t\r\nal-Ds09\0x";
  for (int trial = 0; trial < 20'000; ++trial) {
    const auto size = random.next() % 200;
    const auto bytes = std::make_unique<char[]>(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = alphabet[random.next() % alphabet.size()];
    ASSERT_LT(shard_of({bytes.get(), size}, 5), 5u);
  }
}

// RTP and RTCP of a pair never part; every worker of every shard gets its share of the range.
TEST(PortOwners, PairsStayTogetherAndAreDealtEvenly) {
  for (std::uint32_t workers : {1u, 2u, 3u, 7u, 32u}) {
    for (std::uint32_t shards : {1u, 2u, 5u, 8u}) {
      CorridorPlan plan;
      plan.workers = workers;
      plan.shards = shards;
      std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> pairs;
      for (std::uint32_t port = 10'000; port < 40'000; port += 2) {
        const auto rtp = static_cast<std::uint16_t>(port);
        const auto rtcp = static_cast<std::uint16_t>(port + 1);
        ASSERT_EQ(worker_of_port(plan, rtp), worker_of_port(plan, rtcp));
        ASSERT_EQ(shard_of_port(plan, rtp), shard_of_port(plan, rtcp));
        ASSERT_LT(worker_of_port(plan, rtp), workers);
        ASSERT_LT(shard_of_port(plan, rtp), shards);
        ++pairs[{worker_of_port(plan, rtp), shard_of_port(plan, rtp)}];
      }
      ASSERT_EQ(pairs.size(), workers * shards);
      for (const auto& [owner, count] : pairs) {
        EXPECT_NEAR(count, 15'000.0 / (workers * shards), 2.0);
      }
    }
  }
}

class CorridorFile : public ::testing::Test {
 protected:
  CorridorSettings read(std::string_view text) {
    path = folder.write("site.toml", text);
    auto file = base::SettingsFile::read(path);
    EXPECT_TRUE(file.ok());
    auto root = file->root();
    auto out = read_corridor(root);
    faults = file->faults();
    return out;
  }
  test::TempFolder folder;
  std::string path;
  base::Faults faults;
};

TEST_F(CorridorFile, ReadsPlanAndAddressesInTheirOrder) {
  const auto out = read(
      "[corridor]\nsegment = 'x'\nworkers = 4\nshards = 2\n"
      "[[port]]\naddress = '10.77.1.1/24'\n[[port]]\naddress = '10.77.2.1/24'\n");
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(out.segment, "x");
  EXPECT_EQ(out.plan.text(), "4 workers, 2 shards, addresses 10.77.1.1 10.77.2.1");
  EXPECT_EQ(out.plan.index_of(base::IpAddress::ip4(10, 77, 2, 1)), 1);
  EXPECT_EQ(out.plan.index_of(base::IpAddress::ip4(10, 77, 2, 2)), -1);
  EXPECT_EQ(out.plan.index_of({}), -1);  // an unused row is no address
}

TEST_F(CorridorFile, EveryFaultIsNamed) {
  const auto out = read(
      "[corridor]\nsegment = 'a/b'\nworkers = 0\nshards = 9\nwrokers = 1\n"
      "[[port]]\naddress = '10.77.1.1'\n[[port]]\naddress = '10.77.2.1/24'\n"
      "[[port]]\naddress = '10.77.2.1/16'\n[[port]]\nname = 'x'\n");
  const std::vector<std::string> expected = {
      ":2: [corridor] segment: must be a plain name of 1 to 64 characters, without '/'",
      ":3: [corridor] workers: 0 is outside 1..32",
      ":4: [corridor] shards: 9 is outside 1..8",
      ":5: [corridor] wrokers: is not a setting known here",
      ":7: [port] address: \"10.77.1.1\" is not of the form 192.0.2.1/24",
      ":11: [port] address: 10.77.2.1 stands in two ports",
      ":12: [port] address: is missing"};
  ASSERT_EQ(faults.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(faults[i], path + expected[i]);
  EXPECT_EQ(out.plan.workers, 1u);
}

TEST_F(CorridorFile, NeedsPortsButNotTooMany) {
  read("[corridor]\n");
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("at least one [[port]]"), std::string::npos);
  std::string many;
  for (int i = 1; i <= 20; ++i) {
    many += "[[port]]\naddress = '10.0." + std::to_string(i) + ".1/24'\n";
  }
  const auto out = read(many);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0], path + ":34: [port] address: more than 16 ports");
  EXPECT_EQ(out.plan.address_count, kAddressesMax);
}

TEST(Plan, WhatBelongsToWhatHasBegun) {
  const auto belongs = [](std::string_view text) {
    return belongs_to_begun(std::as_bytes(std::span(text.data(), text.size())));
  };
  for (const auto* text :
       {"BYE sip:a SIP/2.0", "ACK sip:a SIP/2.0", "CANCEL sip:a SIP/2.0", "SIP/2.0 200 OK"}) {
    EXPECT_TRUE(belongs(text)) << text;
  }
  for (const auto* text :
       {"REGISTER sip:a SIP/2.0", "INVITE sip:a SIP/2.0", "OPTIONS sip:a SIP/2.0", "SIP/3.0 200 OK",
        "BYE", "bye sip:a SIP/2.0", ""}) {
    EXPECT_FALSE(belongs(text)) << text;
  }
}

}  // namespace
}  // namespace tandem::wire
