// Cgroup: what the control groups around this process let it use: a container's limits, or those
// of a systemd unit (CPUQuota, MemoryMax).
// A limit holds for a group and all below it, so the least on the way from the process's own group
// to the root counts. Versions 1 and 2 are read; what cannot be read limits nothing.
// Thread safety: any thread; reads files.
// Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace router {

struct CgroupLimits {
  std::optional<double> cpus;  // quota over period
  std::optional<double> memory_bytes;
};

// own_groups: the file with a line "ID:controllers:/path" for each hierarchy; root: where the
// hierarchies are mounted. In a container the path is often the host's and not there: then only
// the root of what is mounted counts, which is the container's own group.
CgroupLimits ReadCgroupLimits(const std::filesystem::path& own_groups = "/proc/self/cgroup",
                              const std::filesystem::path& root = "/sys/fs/cgroup");

// `text` is the content of version 2's cpu.max ("max 100000" or "150000 100000").
std::optional<double> ParseCpuMax(const std::string& text);

}  // namespace router
