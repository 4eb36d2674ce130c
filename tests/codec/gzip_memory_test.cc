// Counts what really is allocated, because the budget is charged for a body once even while it is
// being copied.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "router/codec/gzip.h"
#include "tests/codec/zlib_gzip.h"

namespace {
std::size_t live_array_bytes = 0;
std::size_t peak_array_bytes = 0;
}  // namespace

// Bodies are arrays; nothing else that is large is allocated by `new[]`. One thread only.
void* operator new[](std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  live_array_bytes += malloc_usable_size(memory);
  peak_array_bytes = std::max(peak_array_bytes, live_array_bytes);
  return memory;
}
void operator delete[](void* memory) noexcept {
  if (memory != nullptr) live_array_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept { operator delete[](memory); }

namespace router {
namespace {

constexpr std::size_t kLimit = 16 * kMiB;

// Scenario: messages just above and below the limit and a bomb, whose last trailer claims anything
// from nothing to all.
// Guarantees: never more than the limit and a fifth is allocated, old and new copy together. GS-02,
//
TEST(GzipMemoryTest, AllocatesAtMostLimitAndFifthWhateverTrailerClaims) {
  MemoryBudget budget(4 * kLimit);
  GzipCodec codec;
  const Bytes content = [] {
    Bytes bytes(kLimit);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 9);
    return bytes;
  }();
  const std::span<const std::uint8_t> all(content);
  for (Bytes message :
       {ZlibGzip(content, 1), ZlibGzip(all.first(kLimit / 2), 1), ZlibGzipOfZeros(100)}) {
    const std::size_t trailer = message.size() - 4;
    for (std::size_t claimed = 0; claimed <= kLimit; claimed += kLimit / 16) {
      for (std::size_t i = 0; i < 4; ++i) {
        message[trailer + i] = static_cast<std::uint8_t>(claimed >> (8 * i));
      }
      const std::size_t before = live_array_bytes;
      peak_array_bytes = before;
      {
        MemoryAccount account(budget);  // anew: it keeps freed buffers
        Body body(account);
        codec.Inflate(message, {.output_bytes_max = kLimit}, body);
      }
      EXPECT_GT(peak_array_bytes, before);
      EXPECT_LE(peak_array_bytes - before, kLimit + kLimit / 5) << claimed;
      EXPECT_EQ(live_array_bytes, before);
    }
  }
}

}  // namespace
}  // namespace router
