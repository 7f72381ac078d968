#include "dataplane/boot.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using testing::ip;

base::Result<BootPlan> read(const std::string& text) {
  const auto path =
      std::filesystem::temp_directory_path() / ("boot" + std::to_string(getpid()) + ".toml");
  std::ofstream(path) << text;
  auto plan = read_boot_plan(path);
  std::filesystem::remove(path);
  return plan;
}

constexpr const char* kWhole = R"(
[corridor]
segment = "unit"
workers = 2
shards = 2
[dataplane]
cores = [3, 5]
main_core = 2
memory_mb = 256
huge_pages = false
[[port]]
name = "carrier"
device = "net_af_packet0,iface=sw0"
address = "10.77.1.1/24"
gateway = "10.77.1.254"
mtu = 1400
sip_port = 5060
[[port]]
name = "customers"
device = "0000:3b:00.0"
address = "10.77.2.1/16"
# The control plane's:
[sip]
anything = 1
[control]
[cdr]
[[gateway]]
name = "x"
[[route]]
prefix = "1"
[parameters]
SS_TIMEOUT = 3
)";

TEST(Boot, ReadsTheWholeFile) {
  const auto plan = read(kWhole);
  ASSERT_TRUE(plan.ok()) << plan.error_text();
  EXPECT_EQ(plan->corridor.segment, "unit");
  EXPECT_EQ(plan->pinning.cores, (std::vector<std::uint32_t>{3, 5}));
  EXPECT_EQ(plan->pinning.main_core, 2u);
  EXPECT_EQ(plan->memory_mb, 256u);
  EXPECT_FALSE(plan->huge_pages);
  ASSERT_EQ(plan->ports.size(), 2u);
  EXPECT_EQ(plan->ports[0].device, "net_af_packet0,iface=sw0,qpairs=2");
  EXPECT_EQ(plan->ports[0].gateway, ip(10, 77, 1, 254));
  EXPECT_EQ(plan->ports[0].mtu, 1400);
  EXPECT_EQ(plan->ports[1].gateway, 0u);
  EXPECT_EQ(plan->ports[1].mtu, 1500);
  EXPECT_EQ(plan->ports[1].network.length, 16);
}

TEST(Boot, HasDefaults) {
  const auto plan = read(
      "[corridor]\nworkers = 2\n[[port]]\nname='a'\ndevice='net_null0'\n"
      "address='10.0.0.1/8'\n");
  ASSERT_TRUE(plan.ok()) << plan.error_text();
  EXPECT_EQ(plan->pinning.cores, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(plan->memory_mb, 512u);
  EXPECT_TRUE(plan->huge_pages);
}

TEST(Boot, NamesAllFaultsAtOnce) {
  const auto plan = read(R"(
[corridor]
workers = 2
[dataplane]
cores = [1]
memory = 3
[[port]]
name = "a"
device = "net_null0"
address = "10.0.0.1/24"
gateway = "10.0.1.254"
mtu = 100
[[port]]
name = "a"
device = "net_null0,size=3"
address = "224.0.0.1/24"
gateway = "nobody"
[surprise]
)");
  ASSERT_FALSE(plan.ok());
  const std::string& text = plan.error_text();
  for (const char* part :
       {"cores: names 1 CPUs for 2 workers", "memory: is not a setting", "gateway: 10.0.1.254",
        "mtu: 100 is outside", "name: stands in two ports", "device: net_null0 stands in two",
        "address: must be the address of one host", "gateway: \"nobody\"", "surprise: is not"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " isn't in:\n" << text;
  }
}

TEST(Boot, SaysHowMuchMemoryIsNeeded) {
  std::string text = "[dataplane]\nmemory_mb = 64\n";
  for (int i = 1; i <= 16; ++i) {
    text +=
        fmt::format("[[port]]\nname='p{0}'\ndevice='net_null{0}'\naddress='10.0.{0}.1/24'\n", i);
  }
  const auto plan = read(text);
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error_text().find("memory_mb: 64 is too little for 16 ports"), std::string::npos)
      << plan.error_text();
}

TEST(Boot, AMissingFileIsAFaultOfItsOwn) {
  EXPECT_FALSE(read_boot_plan("/nonexistent/site.toml").ok());
}

}  // namespace
}  // namespace tandem::dataplane
