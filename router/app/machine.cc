#include "router/app/machine.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>

namespace router {
namespace {

std::optional<std::string> FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::optional<double> ReadNumber(const char* path) {
  const auto line = FirstLine(path);
  if (!line) return std::nullopt;
  std::istringstream stream(*line);
  double value = 0;
  if (!(stream >> value)) return std::nullopt;  // "max"
  return value;
}

std::optional<double> CpuQuota() {
  if (const auto line = FirstLine("/sys/fs/cgroup/cpu.max")) return ParseCpuMax(*line);
  const auto quota = ReadNumber("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto period = ReadNumber("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) return *quota / *period;
  return std::nullopt;
}

}  // namespace

std::optional<double> ParseCpuMax(const std::string& text) {
  std::istringstream stream(text);
  double quota = 0;
  double period = 0;
  if (!(stream >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::uint32_t AvailableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::uint32_t cpus = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
  }
  if (const auto quota = CpuQuota()) {
    cpus = std::min(cpus, static_cast<std::uint32_t>(std::max(1.0, std::ceil(*quota))));
  }
  return cpus;
}

std::size_t DefaultMemoryLimit() {
  constexpr double kShare = 0.4;
  constexpr double kMax = 2.0 * 1024 * 1024 * 1024;
  double total =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const auto limit = ReadNumber(path)) total = std::min(total, *limit);
  }
  return static_cast<std::size_t>(std::min(kMax, kShare * total));
}

std::size_t RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

void KeepFreedMemory() {
  constexpr int kMiB = 1024 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, 2 * kMiB);
  ::mallopt(M_TRIM_THRESHOLD, 256 * kMiB);
  ::mallopt(M_TOP_PAD, kMiB);
}

void TrimMemory() { ::malloc_trim(0); }

}  // namespace router
