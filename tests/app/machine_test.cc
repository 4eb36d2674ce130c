#include "router/app/machine.h"

#include <gtest/gtest.h>

namespace router {
namespace {

// Scenario: contents of cgroup v2's cpu.max with a quota.
// Guarantees: quota over period, in CPUs.
TEST(MachineTest, CpuMaxIsQuotaOverPeriod) {
  EXPECT_EQ(ParseCpuMax("150000 100000"), 1.5);
  EXPECT_EQ(ParseCpuMax("100000 100000\n"), 1.0);
  EXPECT_EQ(ParseCpuMax("5000 100000"), 0.05);
}

// Scenario: no quota; files that are empty, cut or nonsense.
// Guarantees: no quota rather than a wrong one.
TEST(MachineTest, CpuMaxWithoutAQuotaIsNothing) {
  for (const char* text :
       {"max 100000", "", "150000", "0 100000", "-1 100000", "150000 0", "a b"}) {
    EXPECT_EQ(ParseCpuMax(text), std::nullopt) << text;
  }
}

// Scenario: this machine.
// Guarantees: at least one CPU; a memory limit that is not zero and at most 2 GiB; some
// descriptors.
TEST(MachineTest, ThisMachineGivesUsableNumbers) {
  EXPECT_GE(AvailableCpus(), 1u);
  EXPECT_GT(DefaultMemoryLimit(), 0u);
  EXPECT_LE(DefaultMemoryLimit(), std::size_t{2} << 30);
  EXPECT_GT(RaiseFileLimit(), 0u);
}

}  // namespace
}  // namespace router
