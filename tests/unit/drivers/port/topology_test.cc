#include "drivers/port/topology.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tandem::port {
namespace {

// Two cores with two threads each on node 0, one core on node 1, which isn't ours.
const std::vector<Cpu> kCpus{
    {0, 0, 0, true}, {1, 1, 0, true}, {2, 0, 0, true}, {3, 1, 0, true}, {4, 2, 1, false}};

TEST(Topology, ReadsThisMachine) {
  const auto cpus = read_topology();
  ASSERT_FALSE(cpus.empty());
  EXPECT_TRUE(std::any_of(cpus.begin(), cpus.end(), [](const Cpu& cpu) { return cpu.allowed; }));
}

TEST(Topology, AGoodPlanRaisesNothing) {
  const Pinning good{0, {1}};
  EXPECT_TRUE(pinning_faults(kCpus, good).empty());
  EXPECT_TRUE(pinning_remarks(kCpus, good).empty());
  EXPECT_EQ(pinning_text(kCpus, good),
            "main on CPU 0 (core 0, node 0); worker 0 on CPU 1 (core 1, node 0)");
}

TEST(Topology, RefusesCpusThatAreNotThere) {
  const auto faults = pinning_faults(kCpus, {9, {4}});
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(
      faults[0],
      "main is to run on CPU 9, which this machine doesn't have; choose from CPUs 0, 1, 2, 3");
  EXPECT_NE(faults[1].find("isn't allowed to use"), std::string::npos);
}

TEST(Topology, WarnsOfNeighboursOnOneCpuOrCore) {
  const auto remarks = pinning_remarks(kCpus, {0, {1, 1, 3, 2}});
  ASSERT_EQ(remarks.size(), 4u);
  EXPECT_NE(remarks[0].find("worker 0 and worker 1 share CPU 1"), std::string::npos);
  EXPECT_NE(remarks[1].find("worker 0 and worker 2 are SMT siblings"), std::string::npos);
  EXPECT_NE(remarks[3].find("main and worker 3 are SMT siblings"), std::string::npos);
}

}  // namespace
}  // namespace tandem::port
