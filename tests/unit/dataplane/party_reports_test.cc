#include "dataplane/party_reports.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::dataplane {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr StreamNames kNames{
    .source = 0x63, .ssrc = 0x07, .timestamp_shift = 0x100, .sequence_shift = 10};

void put(Octets& out, std::uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(word >> shift));
}
std::uint32_t at(const Octets& bytes, std::size_t place) {
  return std::uint32_t{bytes[place]} << 24 | bytes[place + 1] << 16 | bytes[place + 2] << 8 |
         bytes[place + 3];
}
Bytes of(Octets& bytes) { return std::as_writable_bytes(std::span(bytes)); }

// A sender report without blocks, and an SDES chunk of the same source.
Octets said(std::uint32_t ssrc) {
  Octets out;
  put(out, 0x80c80006);
  put(out, ssrc);
  for (const std::uint32_t word : {1u, 2u, 1000u, 4u, 5u}) put(out, word);
  put(out, 0x81ca0002);
  put(out, ssrc);
  put(out, 0);
  return out;
}
Octets heard(std::uint32_t ssrc, std::uint32_t extended) {
  Octets out;
  put(out, 0x81c90007);
  put(out, 77);
  for (const std::uint32_t word : {ssrc, 0u, extended, 0u, 0u, 0u}) put(out, word);
  return out;
}

TEST(PartyReportsTest, ThePartyReadsOfTheStreamThatItHears) {
  Octets packet = said(0x63);
  name_for_party(of(packet), kNames);
  EXPECT_EQ(at(packet, 4), 0x07u);
  EXPECT_EQ(at(packet, 16), 1000u + 0x100);
  EXPECT_EQ(at(packet, 32), 0x07u) << "SDES too";
  Octets other = said(0x64);
  const Octets before = other;
  name_for_party(of(other), kNames);
  EXPECT_EQ(other, before) << "of another source";
}

TEST(PartyReportsTest, TheSourceReadsOfWhatItHasSent) {
  Octets packet = heard(0x07, 0x20005);
  name_for_source(of(packet), kNames);
  EXPECT_EQ(at(packet, 8), 0x63u);
  EXPECT_EQ(at(packet, 16), 0x1fffbu) << "a cycle before";
  Octets first = heard(0x07, 5);
  name_for_source(of(first), kNames);
  EXPECT_EQ(at(first, 16), 0xfffbu);
  Octets other = heard(0x08, 5);
  const Octets before = other;
  name_for_source(of(other), kNames);
  EXPECT_EQ(other, before);
}

TEST(PartyReportsTest, WhatIsNotWholeStays) {
  for (std::size_t size = 0; size < 40; ++size) {
    Octets packet = heard(0x07, 5);
    packet[3] = 9;
    packet.resize(std::min(packet.size(), size));
    Octets before = packet;
    name_for_source(of(packet), kNames);
    name_for_party(of(packet), kNames);
    EXPECT_EQ(packet, before) << size;
  }
  // It says more blocks than it has.
  Octets greedy = heard(0x07, 5);
  greedy[0] = 0x9f;
  name_for_source(of(greedy), kNames);
  EXPECT_EQ(at(greedy, 8), 0x63u);
}

}  // namespace
}  // namespace tandem::dataplane
