#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "router/otlp/span_index.h"
#include "router/otlp/splitter.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/split_request.h"
#include "tests/otlp/wire_writer.h"
#include "tests/support/allocation_count.h"

namespace router::test {
namespace {

std::string Len(std::uint32_t field, std::string_view content) {
  return WireWriter().Bytes(field, content).bytes();
}

// 10 groups of `spans_per_group` spans with attributes and an event each.
std::string RequestOf(int spans_per_group) {
  std::string body;
  for (int group = 0; group < 10; ++group) {
    std::string spans = Len(1, Len(1, "scope"));
    for (int i = 0; i < spans_per_group; ++i) {
      const std::string id(16, static_cast<char>('a' + i % 20));
      spans += Len(2, Len(1, id) + Len(9, Len(1, "k\xC3\xA9") + Len(2, Len(5, Len(1, "")))) +
                          Len(11, Len(2, "event")));
    }
    body += Len(1, Len(1, Len(1, Len(1, "k"))) + Len(2, spans) + Len(3, "url"));
  }
  return body;
}

// Scenario: a request of 1000 spans is indexed and split over 8 shards, twice warm and then
// counted.
// Guarantees: no allocation at all once the scratch has grown to the size of the request.
TEST(AllocationTest, IndexAndSplitterAllocateNothingOnceWarm) {
  constexpr std::size_t kShards = 8;
  const std::string body = RequestOf(100);
  SpanIndex index;
  Splitter splitter;
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  const std::vector<std::uint16_t> owners = ShardsByTrace(index, kShards);
  std::vector<std::string> shards = Split(splitter, index, owners, kShards);
  std::vector<std::uint8_t*> out;
  for (std::string& shard : shards) out.push_back(reinterpret_cast<std::uint8_t*>(shard.data()));

  const std::size_t before = AllocationCount();
  for (int round = 0; round < 3; ++round) {
    const bool is_good = index.Parse(AsBytes(body), {}) == std::nullopt;
    splitter.Plan(index, owners, kShards);
    splitter.Write(out);
    if (!is_good) break;
  }
  EXPECT_EQ(AllocationCount(), before);
  EXPECT_EQ(splitter.present_shards().size(), kShards);
}

// Scenario: a cold index and splitter, with 10 and with 10,000 spans.
// Guarantees: allocations grow with the logarithm of the spans, not with the spans.
TEST(AllocationTest, ColdScratchGrowsByDoubling) {
  const auto count = [](int spans_per_group) {
    const std::string body = RequestOf(spans_per_group);
    const std::size_t before = AllocationCount();
    SpanIndex index;
    const bool is_good = index.Parse(AsBytes(body), {}) == std::nullopt;
    const std::size_t used = AllocationCount() - before;
    EXPECT_TRUE(is_good);
    return used;
  };
  const std::size_t few = count(1);
  EXPECT_GT(few, 0u) << "the counter does not count";
  EXPECT_LE(count(1000), few + 12);
}

}  // namespace
}  // namespace router::test
