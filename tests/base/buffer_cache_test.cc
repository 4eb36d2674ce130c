#include "router/base/buffer_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace router {
namespace {

// Scenario: buffers of every size around the class borders, written to the last byte, given back, taken again.
// Guarantees: what Take(n) gives has n bytes (ASan watches), and a size finds its own buffer again.
TEST(BufferCacheTest, GivesAtLeastWhatWasAskedAndFindsItAgain) {
  BufferCache cache;
  for (std::size_t base = BufferCache::kBytesMin; base <= BufferCache::kBytesMax; base += base / 8) {
    for (const std::size_t bytes : {base - 1, base, base + 1}) {
      BufferCache::Memory memory = cache.Take(bytes);
      std::memset(memory.get(), 0xA5, bytes);
      const std::uint8_t* address = memory.get();
      const std::size_t held = cache.held_bytes();
      cache.Give(std::move(memory), bytes);
      if (cache.held_bytes() == held) continue;  // not kept: out of range, or the cache is full
      BufferCache::Memory again = cache.Take(bytes);
      EXPECT_EQ(again.get(), address) << bytes;
    }
  }
}

// Scenario: a buffer given back as one size and asked for as the largest of its class.
// Guarantees: it is large enough for the whole class.
TEST(BufferCacheTest, ServesTheWholeClassFromOneBuffer) {
  BufferCache cache;
  cache.Give(cache.Take(8193), 8193);
  ASSERT_GT(cache.held_bytes(), 8193U);
  const std::size_t whole = cache.held_bytes();
  BufferCache::Memory memory = cache.Take(whole);
  std::memset(memory.get(), 0x5A, whole);
  EXPECT_EQ(cache.held_bytes(), 0U);
}

// Scenario: more is given back than the cache may hold; sizes below and above its range.
// Guarantees: it never holds more than kHeldBytesMax, and nothing outside its range.
TEST(BufferCacheTest, HoldsNoMoreThanItsBound) {
  BufferCache cache;
  std::vector<BufferCache::Memory> taken;
  for (int i = 0; i < 20; ++i) taken.push_back(cache.Take(BufferCache::kBytesMax));
  for (BufferCache::Memory& memory : taken) cache.Give(std::move(memory), BufferCache::kBytesMax);
  EXPECT_EQ(cache.held_bytes(), BufferCache::kHeldBytesMax);
  cache.Give(cache.Take(BufferCache::kBytesMin - 1), BufferCache::kBytesMin - 1);
  cache.Give(cache.Take(BufferCache::kBytesMax + 1), BufferCache::kBytesMax + 1);
  EXPECT_EQ(cache.held_bytes(), BufferCache::kHeldBytesMax);
}

}  // namespace
}  // namespace router
