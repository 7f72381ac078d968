#include "drivers/base/endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <unordered_set>

namespace tandem::base {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  const auto v4 = IpAddress::parse("192.0.2.1");
  ASSERT_TRUE(v4);
  EXPECT_TRUE(v4->is_ip4());
  EXPECT_EQ(v4->text(), "192.0.2.1");
  EXPECT_EQ(*v4, IpAddress::ip4(192, 0, 2, 1));
  EXPECT_EQ(v4->ip4_network_order(), inet_addr("192.0.2.1"));
  EXPECT_EQ(IpAddress::ip4_raw(inet_addr("192.0.2.1")), *v4);
  const auto v6 = IpAddress::parse("2001:DB8::1");
  ASSERT_TRUE(v6);
  EXPECT_FALSE(v6->is_ip4());
  EXPECT_EQ(v6->text(), "2001:db8::1");
  EXPECT_EQ(IpAddress{}.text(), "none");
  EXPECT_FALSE(IpAddress{}.is_set());
}

TEST(IpAddress, FourNumbersBothWays) {
  for (const auto* text : {"0.0.0.0", "255.255.255.255", "10.0.200.9", "1.22.133.0"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_TRUE(address->is_ip4());
    EXPECT_EQ(address->ip4_network_order(), inet_addr(text)) << text;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const auto* wrong :
       {"",          "1.2.3",      "1.2.3.4.5",
        "256.1.1.1", "1.2.3.4 ",   " 1.2.3.4",
        "a.b.c.d",   "1.2.3.-4",   "01.2.3.4",
        "1.2.3.00",  "1..2.3",     "1.2.3.",
        ".1.2.3",    "1.2.3.1000", "+1.2.3.4",
        "1.2.3.4.",  "::1%eth0",   "2001:db8:::1",
        "[::1]",     "0x7f.1.1.1", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"}) {
    EXPECT_FALSE(IpAddress::parse(wrong)) << wrong;
  }
}

// inet_pton reads up to the first NUL: what a peer writes behind it must not be let through.
TEST(IpAddress, RefusesAnAddressWithANulInIt) {
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0x", 10)));
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0", 9)));
  EXPECT_FALSE(Endpoint::parse(std::string_view("10.0.0.1\0:5060", 14), 1));
}

TEST(IpAddress, MappedV6IsNotTheV4Address) {
  EXPECT_NE(*IpAddress::parse("::ffff:10.0.0.1"), *IpAddress::parse("10.0.0.1"));
}

TEST(Endpoint, ParsesWithAndWithoutPort) {
  EXPECT_EQ(Endpoint::parse("192.0.2.1:5080", 5060)->text(), "192.0.2.1:5080");
  EXPECT_EQ(Endpoint::parse("192.0.2.1", 5060)->text(), "192.0.2.1:5060");
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]:5080", 5060)->text(), "[2001:db8::1]:5080");
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]", 5060)->text(), "[2001:db8::1]:5060");
  EXPECT_EQ(Endpoint::parse("2001:db8::1", 5060)->text(), "[2001:db8::1]:5060");
  EXPECT_EQ(Endpoint::parse("192.0.2.1:65535", 0)->port, 65535);
}

TEST(Endpoint, RefusesWhatIsNoEndpoint) {
  for (const auto* wrong : {"", ":", ":5060", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
                            "192.0.2.1:+1", "[2001:db8::1", "[2001:db8::1]5060",
                            "[2001:db8::1]:", "[]", "[]:1", "host:5060", "192.0.2.1:5060:1"}) {
    EXPECT_FALSE(Endpoint::parse(wrong, 5060)) << wrong;
  }
}

TEST(Endpoint, HashTellsAddressesAndPortsApart) {
  std::unordered_set<std::size_t> seen;
  for (std::uint8_t host = 0; host < 100; ++host) {
    for (std::uint16_t port = 1; port <= 100; ++port) {
      Endpoint e;
      e.address = IpAddress::ip4(10, 0, 0, host);
      e.port = port;
      EXPECT_EQ(EndpointHash{}(e), EndpointHash{}(Endpoint(e)));
      seen.insert(EndpointHash{}(e));
    }
  }
  EXPECT_GT(seen.size(), 9'990u);
}

TEST(Ip4Prefix, KeepsTheHostPart) {
  const auto prefix = Ip4Prefix::parse("10.77.1.1/24");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->network_order, inet_addr("10.77.1.1"));
  EXPECT_EQ(prefix->length, 24);
}

TEST(Ip4Prefix, CoversItsNetworkOnly) {
  const auto p24 = *Ip4Prefix::parse("10.77.1.1/24");
  EXPECT_TRUE(p24.covers(inet_addr("10.77.1.0")));
  EXPECT_TRUE(p24.covers(inet_addr("10.77.1.255")));
  EXPECT_FALSE(p24.covers(inet_addr("10.77.2.1")));
  const auto p32 = *Ip4Prefix::parse("10.77.1.1/32");
  EXPECT_TRUE(p32.covers(inet_addr("10.77.1.1")));
  EXPECT_FALSE(p32.covers(inet_addr("10.77.1.0")));
  const auto p31 = *Ip4Prefix::parse("10.77.1.1/31");
  EXPECT_TRUE(p31.covers(inet_addr("10.77.1.0")));
  EXPECT_FALSE(p31.covers(inet_addr("10.77.1.2")));
  EXPECT_TRUE(Ip4Prefix::parse("10.77.1.1/0")->covers(inet_addr("255.255.255.255")));
}

TEST(Ip4Prefix, RefusesOtherShapes) {
  for (const auto* wrong : {"", "/", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1",
                            "10.0.0.1/24/24", "10.0.0.1/24 ", "::1/24", "10.0.0/24"}) {
    EXPECT_FALSE(Ip4Prefix::parse(wrong)) << wrong;
  }
}

TEST(IpAddress, Private) {
  for (const auto* address : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
                              "100.64.0.1", "100.127.0.1", "fd00::1"}) {
    EXPECT_TRUE(IpAddress::parse(address)->is_private()) << address;
  }
  for (const auto* address :
       {"11.0.0.1", "172.32.0.1", "192.169.1.1", "100.128.0.1", "2001:db8::1"}) {
    EXPECT_FALSE(IpAddress::parse(address)->is_private()) << address;
  }
}

}  // namespace
}  // namespace tandem::base
