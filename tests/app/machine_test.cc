#include "router/app/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "router/base/buffer_cache.h"

namespace router {
namespace {

// Scenario: this machine.
// Guarantees: at least one CPU; a memory limit that is not zero and at most 2 GiB; some
// descriptors.
TEST(MachineTest, ThisMachineGivesUsableNumbers) {
  EXPECT_GE(AvailableCpus(), 1u);
  EXPECT_GT(DefaultMemoryLimit(), 0u);
  EXPECT_LE(DefaultMemoryLimit(), std::size_t{2} << 30);
  EXPECT_GT(RaiseFileLimit(), 0u);
}

std::size_t ResidentBytes() {
  std::ifstream file("/proc/self/status");
  std::string word;
  std::size_t kib = 0;
  while (file >> word && word != "VmRSS:") {
  }
  file >> kib;
  return kib * 1024;
}

// Scenario: a thread's bodies of 40 MiB come and go; the last that malloc has of them is not
// between others but at the end of the thread's memory. Then there is nothing to do for a while.
// Guarantees: what was freed is kept at first; when it is released, next to nothing of it stays.
// (It used to stay up to 64 MiB: trimming from another thread leaves each thread's end alone.)
TEST(MachineTest, AThreadsFreedMemoryIsKeptAndThenGivenBack) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
  constexpr std::size_t kBytes = std::size_t{40} << 20;
  constexpr std::size_t kBodyBytes = std::size_t{256} << 10;
  KeepFreedMemory();
  std::thread([] {
    BufferCache cache;
    const std::size_t before = ResidentBytes();
    std::vector<Buffer> bodies;
    for (std::size_t taken = 0; taken < kBytes; taken += kBodyBytes) {
      Buffer& body = bodies.emplace_back(cache.Take(kBodyBytes));
      std::fill_n(body.get(), body.size(), std::uint8_t{1});
    }
    for (Buffer& body : bodies) cache.Give(std::move(body));
    cache.Drop();
    EXPECT_GT(ResidentBytes(), before + kBytes * 9 / 10);
    ReleaseFreedMemory();
    cache.Drop();
    std::thread(TrimMemory).join();
    EXPECT_LT(ResidentBytes(), before + kBytes / 10);
  }).join();
  KeepFreedMemory();
}

}  // namespace
}  // namespace router
