// What this machine, or this container, gives the process: CPUs, memory, file descriptors.
// Thread safety: any thread; reads /proc and /sys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace router {

// CPUs this process may keep busy: its affinity, cut to the quota of its cgroups (rounded up). At
// least 1.
std::uint32_t AvailableCpus();

// 40 % of the memory limit of its cgroups, else of RAM; at most 2 GiB.
std::size_t DefaultMemoryLimit();

// Raises the soft limit of file descriptors to the hard one and returns it.
std::size_t RaiseFileLimit();

// Of this machine; in Kubernetes the pod's name.
std::string HostName();

// Tells glibc to keep freed memory up to 2 MiB apiece instead of giving it back and faulting it in
// again. Call it first thing in main.
void KeepFreedMemory();

// For when there is nothing to do: ReleaseFreedMemory() undoes KeepFreedMemory(), so that a thread
// that frees something large gives back the unused end of its memory, which glibc lets no other
// thread do. TrimMemory() gives back what is free between used pieces, of all threads.
void ReleaseFreedMemory();
void TrimMemory();

}  // namespace router
