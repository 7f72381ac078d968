#include "drivers/port/device_name.h"

#include <gtest/gtest.h>

namespace tandem::port {
namespace {

TEST(DeviceName, TellsPciFromVirtual) {
  EXPECT_TRUE(is_pci("0000:3b:00.0"));
  EXPECT_TRUE(is_pci("0000:3b:00.1,rx_vec_en=1"));
  EXPECT_FALSE(is_pci("net_af_packet0,iface=sw0"));
  EXPECT_FALSE(is_pci("3b:00.0"));
  EXPECT_FALSE(is_pci("0000:3b:00"));
  EXPECT_FALSE(is_pci("0000:3b:00.0:1"));
  EXPECT_FALSE(is_pci(""));
}

TEST(DeviceName, ReadsNameAndArguments) {
  EXPECT_EQ(device_name("net_af_packet0,iface=sw0"), "net_af_packet0");
  EXPECT_EQ(device_name("net_null0"), "net_null0");
  EXPECT_EQ(device_argument("net_af_packet0,blocksz=4096,iface=sw0", "iface"), "sw0");
  EXPECT_EQ(device_argument("net_af_packet0,xiface=sw0", "iface"), "");
  EXPECT_EQ(device_argument("iface=sw0", "iface"), "");
}

TEST(DeviceName, AsksAfPacketForAQueuePerWorker) {
  EXPECT_EQ(with_queues("net_af_packet0,iface=sw0", 1), "net_af_packet0,iface=sw0");
  EXPECT_EQ(with_queues("net_af_packet0,iface=sw0", 2), "net_af_packet0,iface=sw0,qpairs=2");
  EXPECT_EQ(with_queues("net_af_packet0,iface=sw0,qpairs=4", 2),
            "net_af_packet0,iface=sw0,qpairs=4");
  EXPECT_EQ(with_queues("0000:3b:00.0", 2), "0000:3b:00.0");
}

TEST(DeviceName, KnowsWhatOnlyRootMayUse) {
  EXPECT_TRUE(needs_root("net_af_packet0,iface=sw0"));
  EXPECT_TRUE(needs_root("0000:3b:00.0"));
  EXPECT_FALSE(needs_root("net_ring0"));
}

}  // namespace
}  // namespace tandem::port
