#include "drivers/port/eal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tandem::port {
namespace {

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool any_says(const std::vector<std::string>& all, const std::string& part) {
  return std::any_of(all.begin(), all.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

EalSettings settings() {
  EalSettings out;
  out.name = "unit";
  out.pinning.main_core = 0;
  out.pinning.cores = {1, 1};
  out.memory_mb = 64;
  out.huge_pages = false;
  out.devices = {"net_ring0"};
  return out;
}

const std::vector<Cpu> kTwoCpus{{0, 0, 0, true}, {1, 1, 0, true}};

TEST(Eal, ArgumentsWithPlainMemory) {
  const auto arguments = eal_arguments(settings(), false);
  EXPECT_TRUE(holds(arguments, "0@0,1@1,2@1"));
  EXPECT_TRUE(holds(arguments, "--no-huge"));
  EXPECT_TRUE(holds(arguments, "--no-pci"));
  EXPECT_TRUE(holds(arguments, "--vdev"));
  EXPECT_FALSE(holds(arguments, "--in-memory"));
  const auto prefix = std::find(arguments.begin(), arguments.end(), "--file-prefix");
  ASSERT_NE(prefix, arguments.end());
  EXPECT_EQ(*(prefix + 1), "unit");
}

TEST(Eal, ArgumentsWithHugePagesAndPci) {
  EalSettings some = settings();
  some.devices.push_back("0000:3b:00.0");
  const auto arguments = eal_arguments(some, true);
  EXPECT_TRUE(holds(arguments, "--in-memory"));
  EXPECT_FALSE(holds(arguments, "--no-huge"));
  EXPECT_FALSE(holds(arguments, "--no-pci"));
  EXPECT_TRUE(holds(arguments, "-a"));
}

TEST(Eal, CountsFreeHugePagesOfAllSizes) {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("huge" + std::to_string(getpid()));
  for (const auto& [size, pages] :
       {std::pair{"hugepages-2048kB", 10}, {"hugepages-1048576kB", 1}}) {
    fs::create_directories(root / size);
    std::ofstream(root / size / "free_hugepages") << pages << "\n";
  }
  EXPECT_EQ(free_huge_mb(root), 20u + 1024u);
  fs::remove_all(root);
  EXPECT_EQ(free_huge_mb(root), 0u);
}

TEST(Eal, PlainSettingsStart) {
  const auto found = check_prerequisites(settings(), kTwoCpus);
  EXPECT_TRUE(found.faults.empty());
  EXPECT_FALSE(found.huge_pages);
  EXPECT_TRUE(any_says(found.remarks, "worker 0 and worker 1 share CPU 1"));
}

TEST(Eal, SaysEverythingThatIsInTheWay) {
  EalSettings some = settings();
  some.pinning.cores = {7};
  some.memory_mb = 1u << 20;
  some.devices = {"net_af_packet0,iface=tandem-none", "net_af_packet1", "0000:ff:1f.7"};
  const auto found = check_prerequisites(some, kTwoCpus);
  EXPECT_TRUE(
      any_says(found.faults, "worker 0 is to run on CPU 7, which this machine doesn't have"));
  EXPECT_TRUE(any_says(found.faults, "no interface \"tandem-none\""));
  EXPECT_TRUE(any_says(found.faults, "add the interface"));
  EXPECT_TRUE(any_says(found.faults, "no such PCI device"));
  EXPECT_TRUE(any_says(found.faults, "doesn't fit"));
}

TEST(Eal, WithoutHugePagesItGoesOnAndSaysHowToGetThem) {
  EalSettings some = settings();
  some.huge_pages = true;
  some.memory_mb = 1u << 20;  // more than any test machine has free
  const auto found = check_prerequisites(some, kTwoCpus);
  EXPECT_FALSE(found.huge_pages);
  EXPECT_TRUE(any_says(found.remarks, "nr_hugepages"));
}

TEST(Eal, WarnsOfAnInterfaceTheKernelAnswersOn) {
  EalSettings some = settings();
  some.devices = {"net_af_packet0,iface=lo"};
  const auto found = check_prerequisites(some, kTwoCpus);
  if (!any_says(found.remarks, "is down")) {
    EXPECT_TRUE(any_says(found.remarks, "interface lo has IP addresses"));
  }
}

}  // namespace
}  // namespace tandem::port
