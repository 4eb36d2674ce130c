// What the operating system counts for this process.
// Thread safety: any thread; reads /proc.
#pragma once

#include <cstdint>

namespace router {

struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;  // user and system, all threads
};

ProcessUsage ReadProcessUsage();

}  // namespace router
