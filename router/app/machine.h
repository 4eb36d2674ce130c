// What this machine, or this container, gives the process: CPUs, memory, file descriptors.
// Thread safety: any thread; reads /proc and /sys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace router {

// CPUs this process may keep busy: its affinity, cut to the cgroup's quota (rounded up). At
// least 1.
std::uint32_t AvailableCpus();

// 40 % of the cgroup's memory limit, else of RAM; at most 2 GiB.
std::size_t DefaultMemoryLimit();

// Raises the soft limit of file descriptors to the hard one and returns it.
std::size_t RaiseFileLimit();

// Of this machine; in Kubernetes the pod's name.
std::string HostName();

// Tells glibc to keep freed memory up to 2 MiB apiece instead of giving it back and faulting it in
// again. Call it first thing in main. TrimMemory() gives it back; call it now and then when there
// is nothing to do.
void KeepFreedMemory();
void TrimMemory();

// The parsers, apart for tests. `text` is the content of cgroup v2's cpu.max ("max 100000" or
// "150000 100000").
std::optional<double> ParseCpuMax(const std::string& text);

}  // namespace router
