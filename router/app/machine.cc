#include "router/app/machine.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "router/app/cgroup.h"

namespace router {
namespace {

constexpr int kMiB = 1024 * 1024;

}  // namespace

std::uint32_t AvailableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::uint32_t cpus = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
  }
  if (const auto quota = ReadCgroupLimits().cpus) {
    cpus = std::min(cpus, static_cast<std::uint32_t>(std::max(1.0, std::ceil(*quota))));
  }
  return cpus;
}

std::size_t DefaultMemoryLimit() {
  constexpr double kShare = 0.4;
  constexpr double kMax = 2.0 * 1024 * 1024 * 1024;
  double total =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (const auto limit = ReadCgroupLimits().memory_bytes) total = std::min(total, *limit);
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
  ::mallopt(M_MMAP_THRESHOLD, 2 * kMiB);
  ::mallopt(M_TRIM_THRESHOLD, 256 * kMiB);
  ::mallopt(M_TOP_PAD, kMiB);
}

void ReleaseFreedMemory() { ::mallopt(M_TRIM_THRESHOLD, kMiB); }

void TrimMemory() { ::malloc_trim(0); }

}  // namespace router
