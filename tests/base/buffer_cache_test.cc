#include "router/base/buffer_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <utility>
#include <vector>

namespace router {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// Scenario: a buffer is given back and one of nearly the same size is asked for.
// Guarantees: the same memory comes again; what was held is no longer held.
TEST(BufferCacheTest, GivesOutAgainWhatItTookBack) {
  for (const std::size_t bytes : {std::size_t{10'000}, 3 * kMiB}) {
    BufferCache cache;
    Buffer buffer = cache.Take(bytes);
    const std::uint8_t* const address = buffer.get();
    cache.Give(std::move(buffer));
    EXPECT_GE(cache.held_bytes(), bytes);
    EXPECT_EQ(cache.Take(bytes - 10).get(), address);
    EXPECT_EQ(cache.held_bytes(), 0U);
  }
}

// Scenario: sizes at the edges of what is kept: one byte below, the least, the greatest that is
// allocated, the least that is mapped.
// Guarantees: only what is too small is not kept.
TEST(BufferCacheTest, KeepsAllButSmallOnes) {
  for (const auto& [bytes, is_kept] :
       {std::pair{BufferCache::kBytesMin - 1, false}, std::pair{BufferCache::kBytesMin, true},
        std::pair{BufferCache::kBytesMax, true}, std::pair{BufferCache::kBytesMax + 1, true}}) {
    BufferCache cache;
    cache.Give(cache.Take(bytes));
    EXPECT_EQ(cache.held_bytes() > 0, is_kept) << bytes;
  }
}

// Scenario: ten times the bound is given back, in buffers that are allocated, then in mapped ones.
// Guarantees: no more than kHeldBytesMax is held, and of the mapped ones two, cut to their bound.
TEST(BufferCacheTest, HoldsNoMoreThanItsBound) {
  BufferCache cache;
  std::vector<Buffer> all;
  for (int i = 0; i < 40; ++i) all.push_back(cache.Take(kMiB));
  for (Buffer& buffer : all) cache.Give(std::move(buffer));
  EXPECT_EQ(cache.held_bytes(), BufferCache::kHeldBytesMax);
  all.clear();
  for (int i = 0; i < 3; ++i) all.push_back(cache.Take(16 * kMiB));
  for (Buffer& buffer : all) cache.Give(std::move(buffer));
  EXPECT_EQ(cache.held_bytes(), BufferCache::kHeldBytesMax + BufferCache::kHeldMappedBytesMax);
}

// Scenario: buffers of every kind are held, others are in use; all that is held is dropped.
// Guarantees: nothing is held; what is in use is taken back and given out as before.
TEST(BufferCacheTest, DropsWhatItHolds) {
  BufferCache cache;
  std::vector<Buffer> used;
  for (const std::size_t bytes : {std::size_t{5'000}, kMiB, 3 * kMiB}) {
    used.push_back(cache.Take(bytes));
    Buffer other = cache.Take(bytes);
    cache.Give(std::move(other));
  }
  ASSERT_GT(cache.held_bytes(), 4 * kMiB);
  cache.Drop();
  EXPECT_EQ(cache.held_bytes(), 0U);
  for (Buffer& buffer : used) {
    const std::uint8_t* const address = buffer.get();
    const std::size_t bytes = buffer.size();
    cache.Give(std::move(buffer));
    EXPECT_EQ(cache.Take(bytes).get(), address);
  }
}

// Scenario: a buffer grows from 100 bytes to 32 MiB by doubling, three times.
// Guarantees: its content stays; it is as large as asked for, also when it was kept in between.
TEST(BufferCacheTest, GrowingKeepsTheContent) {
  BufferCache cache;
  for (int round = 0; round < 3; ++round) {
    Buffer buffer = cache.Take(100);
    std::memset(buffer.get(), round + 1, 100);
    for (std::size_t bytes = 200; bytes <= 32 * kMiB; bytes *= 2) {
      cache.Grow(buffer, bytes / 2, bytes);
      ASSERT_GE(buffer.size(), bytes);
      ASSERT_EQ(buffer.get()[0], round + 1);
      ASSERT_EQ(buffer.get()[bytes / 2 - 1], round + 1);
      std::memset(buffer.get() + bytes / 2, round + 1, bytes / 2);
    }
    cache.Give(std::move(buffer));
  }
}

// Scenario: 20,000 seeded sizes are taken, written to the last byte, and given back in another
// order.
// Guarantees: every buffer is as large as asked for (the address sanitizer watches).
TEST(BufferCacheTest, EveryBufferIsLargeEnough) {
  std::mt19937 random(3);
  BufferCache cache;
  std::vector<Buffer> held;
  for (int i = 0; i < 20'000; ++i) {
    if (held.size() < 20) {
      const std::size_t bytes = 1 + random() % (std::size_t{1} << (10 + random() % 11));
      held.push_back(cache.Take(bytes));
      held.back().get()[0] = held.back().get()[bytes - 1] = 1;
    }
    if (random() % 2 == 0) {
      const std::size_t index = random() % held.size();
      std::swap(held[index], held.back());
      cache.Give(std::move(held.back()));
      held.pop_back();
    }
    ASSERT_LE(cache.held_bytes(), BufferCache::kHeldBytesMax + BufferCache::kHeldMappedBytesMax);
  }
}

}  // namespace
}  // namespace router
