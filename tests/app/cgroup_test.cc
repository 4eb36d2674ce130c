#include "router/app/cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/support/scratch.h"

namespace router {
namespace {

void Put(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text << "\n";
}

// Scenario: contents of cgroup v2's cpu.max with a quota.
// Guarantees: quota over period, in CPUs.
TEST(CgroupTest, CpuMaxIsQuotaOverPeriod) {
  EXPECT_EQ(ParseCpuMax("150000 100000"), 1.5);
  EXPECT_EQ(ParseCpuMax("100000 100000\n"), 1.0);
  EXPECT_EQ(ParseCpuMax("5000 100000"), 0.05);
}

// Scenario: no quota; files that are empty, cut or nonsense.
// Guarantees: no quota rather than a wrong one.
TEST(CgroupTest, CpuMaxWithoutAQuotaIsNothing) {
  for (const char* text :
       {"max 100000", "", "150000", "0 100000", "-1 100000", "150000 0", "a b"}) {
    EXPECT_EQ(ParseCpuMax(text), std::nullopt) << text;
  }
}

// Scenario: version 2; a systemd unit with limits inside a slice with others.
// Guarantees: of each limit the least on the way to the root counts, and no other unit's.
TEST(CgroupTest, TheLeastLimitOnTheWayToTheRootCounts) {
  const test::ScratchDirectory scratch;
  const auto root = scratch.path() / "cgroup";
  Put(scratch.path() / "own", "0::/system.slice/spanring.service");
  Put(root / "system.slice/spanring.service/memory.max", "268435456");
  Put(root / "system.slice/spanring.service/cpu.max", "max 100000");
  Put(root / "system.slice/memory.max", "max");
  Put(root / "system.slice/cpu.max", "150000 100000");
  Put(root / "system.slice/other.service/memory.max", "1");
  const CgroupLimits limits = ReadCgroupLimits(scratch.path() / "own", root);
  EXPECT_EQ(limits.memory_bytes, 268435456.0);
  EXPECT_EQ(limits.cpus, 1.5);
}

// Scenario: a container sees its own group as the root; the path it is told is the host's, or
// leads out of what is mounted.
// Guarantees: the limits at the root count.
TEST(CgroupTest, AContainersLimitsAreAtTheRoot) {
  const test::ScratchDirectory scratch;
  const auto root = scratch.path() / "cgroup";
  Put(root / "memory.max", "1000000");
  Put(root / "cpu.max", "50000 100000");
  Put(scratch.path() / "memory.max", "1");
  for (const char* group : {"/", "/kubepods/pod1/abc", "/..", "/../../init.scope"}) {
    Put(scratch.path() / "own", std::string("0::") + group);
    const CgroupLimits limits = ReadCgroupLimits(scratch.path() / "own", root);
    EXPECT_EQ(limits.memory_bytes, 1000000.0) << group;
    EXPECT_EQ(limits.cpus, 0.5) << group;
  }
}

// Scenario: version 1, a hierarchy for each controller, one of them with a comma in its name; and
// a colon in the group's path.
// Guarantees: quota over period, and the limit in bytes; a quota of -1 is none.
TEST(CgroupTest, Version1HasAHierarchyForEachController) {
  const test::ScratchDirectory scratch;
  const auto root = scratch.path() / "cgroup";
  Put(scratch.path() / "own",
      "9:name=systemd:/a:b\n4:memory:/a:b\n2:cpu,cpuacct:/a:b\n1:pids:/\n0::/");
  Put(root / "memory/a:b/memory.limit_in_bytes", "67108864");
  Put(root / "memory/memory.limit_in_bytes", "9223372036854771712");
  Put(root / "cpu/a:b/cpu.cfs_quota_us", "250000");
  Put(root / "cpu/a:b/cpu.cfs_period_us", "100000");
  Put(root / "cpu/cpu.cfs_quota_us", "-1");
  Put(root / "cpu/cpu.cfs_period_us", "100000");
  const CgroupLimits limits = ReadCgroupLimits(scratch.path() / "own", root);
  EXPECT_EQ(limits.memory_bytes, 67108864.0);
  EXPECT_EQ(limits.cpus, 2.5);
}

// Scenario: no file of groups, an empty one, one without a line that can be read.
// Guarantees: no limit rather than a wrong one.
TEST(CgroupTest, WhatCannotBeReadLimitsNothing) {
  const test::ScratchDirectory scratch;
  for (const char* text : {"", "x", "0:", "::::", "0::"}) {
    Put(scratch.path() / "own", text);
    const CgroupLimits limits = ReadCgroupLimits(scratch.path() / "own", scratch.path() / "none");
    EXPECT_EQ(limits.memory_bytes, std::nullopt) << text;
    EXPECT_EQ(limits.cpus, std::nullopt) << text;
  }
  EXPECT_EQ(ReadCgroupLimits(scratch.path() / "missing").memory_bytes, std::nullopt);
}

}  // namespace
}  // namespace router
