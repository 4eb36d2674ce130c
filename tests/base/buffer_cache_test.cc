#include "router/base/buffer_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <utility>
#include <vector>

namespace router {
namespace {

// Scenario: a buffer is given back and one of nearly the same size is asked for.
// Guarantees: the same memory comes again; what was held is no longer held.
TEST(BufferCacheTest, GivesOutAgainWhatItTookBack) {
  BufferCache cache;
  auto memory = cache.Take(10'000);
  const std::uint8_t* const address = memory.get();
  cache.Give(std::move(memory), 10'000);
  EXPECT_GE(cache.held_bytes(), 10'000U);
  EXPECT_EQ(cache.Take(10'010).get(), address);
  EXPECT_EQ(cache.held_bytes(), 0U);
}

// Scenario: sizes at the edges of what is kept: one byte below, the least, the greatest, one
// beyond.
// Guarantees: only those within are kept.
TEST(BufferCacheTest, KeepsOnlySizesWithinItsBounds) {
  for (const auto& [bytes, is_kept] :
       {std::pair{BufferCache::kBytesMin - 1, false}, std::pair{BufferCache::kBytesMin, true},
        std::pair{BufferCache::kBytesMax, true}, std::pair{BufferCache::kBytesMax + 1, false}}) {
    BufferCache cache;
    cache.Give(cache.Take(bytes), bytes);
    EXPECT_EQ(cache.held_bytes() > 0, is_kept) << bytes;
  }
}

// Scenario: ten times the bound is given back.
// Guarantees: no more than kHeldBytesMax is held.
TEST(BufferCacheTest, HoldsNoMoreThanItsBound) {
  BufferCache cache;
  std::vector<BufferCache::Memory> all;
  for (int i = 0; i < 40; ++i) all.push_back(cache.Take(BufferCache::kBytesMax));
  for (auto& memory : all) cache.Give(std::move(memory), BufferCache::kBytesMax);
  EXPECT_EQ(cache.held_bytes(), BufferCache::kHeldBytesMax);
}

// Scenario: 20,000 seeded sizes are taken, written to the last byte, and given back in another
// order.
// Guarantees: every buffer is as large as asked for (the address sanitizer watches).
TEST(BufferCacheTest, EveryBufferIsLargeEnough) {
  std::mt19937 random(3);
  BufferCache cache;
  std::vector<std::pair<BufferCache::Memory, std::size_t>> held;
  for (int i = 0; i < 20'000; ++i) {
    if (held.size() < 20) {
      const std::size_t bytes = 1 + random() % (std::size_t{1} << (10 + random() % 9));
      held.emplace_back(cache.Take(bytes), bytes);
      held.back().first[0] = held.back().first[bytes - 1] = 1;
    }
    if (random() % 2 == 0) {
      const std::size_t index = random() % held.size();
      cache.Give(std::move(held[index].first), held[index].second);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
    }
    ASSERT_LE(cache.held_bytes(), BufferCache::kHeldBytesMax);
  }
}

}  // namespace
}  // namespace router
