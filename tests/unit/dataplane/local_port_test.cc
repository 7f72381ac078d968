#include "dataplane/local_port.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using testing::ip;

TEST(LocalPort, FindsTheNextHop) {
  const auto ports = testing::two_ports();
  EXPECT_EQ(ports[0].next_hop(ip(10, 77, 1, 9)), ip(10, 77, 1, 9));
  EXPECT_EQ(ports[0].next_hop(ip(192, 0, 2, 1)), ip(10, 77, 1, 254));
  EXPECT_EQ(ports[1].next_hop(ip(192, 0, 2, 1)), 0u) << "no gateway there";
}

TEST(LocalPort, SendsToNoOneWhoIsNotAHost) {
  const auto ports = testing::two_ports();
  EXPECT_EQ(ports[0].next_hop(ports[0].address()), 0u);
  EXPECT_EQ(ports[0].next_hop(ip(10, 77, 1, 255)), 0u);
  EXPECT_EQ(ports[0].next_hop(ip(10, 77, 1, 0)), 0u);
  EXPECT_EQ(ports[0].next_hop(ip(224, 0, 0, 1)), 0u);
  EXPECT_EQ(ports[0].next_hop(ip(255, 255, 255, 255)), 0u);
  EXPECT_EQ(ports[0].next_hop(ip(127, 0, 0, 1)), 0u);
  EXPECT_EQ(ports[0].next_hop(0), 0u);
}

TEST(LocalPort, APointToPointNetworkHasTwoHosts) {
  LocalPort port;
  port.network = {ip(10, 0, 0, 0), 31};
  EXPECT_EQ(port.next_hop(ip(10, 0, 0, 1)), ip(10, 0, 0, 1));
}

}  // namespace
}  // namespace tandem::dataplane
