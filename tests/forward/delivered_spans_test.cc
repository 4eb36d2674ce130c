// What is remembered as delivered, for how long, and that nothing else is ever found.
#include "router/forward/delivered_spans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/forward/forward_fixture.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/random_request.h"
#include "tests/otlp/split_request.h"

namespace router::test {
namespace {

class DeliveredSpansTest : public testing::Test {
 protected:
  static std::string Id(char c) { return std::string(16, c); }
  void Remember(const std::string& request) {
    ASSERT_EQ(index_.Parse(AsBytes(request), {.check_utf8 = false}), std::nullopt);
    delivered_.Remember(index_, now_);
  }
  // Which spans of `request` are found, as a string of 0 and 1; "-" when nothing is remembered.
  std::string Found(const std::string& request) {
    if (delivered_.IsEmpty(now_)) return "-";
    EXPECT_EQ(index_.Parse(AsBytes(request), {.check_utf8 = false}), std::nullopt);
    std::vector<bool> found;
    const std::size_t count = delivered_.Find(index_, &found);
    EXPECT_EQ(count, static_cast<std::size_t>(std::count(found.begin(), found.end(), true)));
    std::string text;
    for (const bool is_found : found) text += is_found ? '1' : '0';
    return text;
  }

  TimePoint now_ = Clock::now();
  SpanIndex index_;
  DeliveredSpans delivered_;
};

// Scenario: two spans were delivered; they come again alone, in another order, among others, and
// under another resource, another scope, and with one byte changed.
// Guarantees: FM-18: known again in whatever batch; nothing else is found.
TEST_F(DeliveredSpansTest, OnlyTheVeryBytesAreFoundFm18) {
  EXPECT_TRUE(delivered_.IsEmpty(now_));
  Remember(RequestOf({Id('a'), Id('b')}, "shop"));
  EXPECT_FALSE(delivered_.IsEmpty(now_));
  EXPECT_EQ(Found(RequestOf({Id('a'), Id('b')}, "shop")), "11");
  EXPECT_EQ(Found(RequestOf({Id('c'), Id('b'), Id('d'), Id('a')}, "shop")), "0101");
  EXPECT_EQ(Found(RequestOf({Id('x')}, "shop") + RequestOf({Id('b')}, "shop")), "01");
  EXPECT_EQ(Found(RequestOf({Id('a'), Id('b')}, "pay")), "00") << "another resource";
  std::string other_scope = RequestOf({Id('a')}, "shop");
  other_scope.replace(other_scope.find("scope"), 5, "skope");
  EXPECT_EQ(Found(other_scope), "0");
  std::string other_schema = RequestOf({Id('a')}, "shop");
  other_schema.replace(other_schema.find("schema"), 6, "skhema");
  EXPECT_EQ(Found(other_schema), "0");
  std::string other_name = RequestOf({Id('a')}, "shop");
  other_name.replace(other_name.find("name", other_name.find("scope")), 4, "game");
  EXPECT_EQ(Found(other_name), "0") << "another span of the same trace";
}

// Scenario: 300 random requests of every shape, seed 21; a random part of the shards of each was
// delivered; the whole comes again.
// Guarantees: FM-18: exactly the spans of those shards are found, however the split has cut
// their groups.
TEST_F(DeliveredSpansTest, AShardIsFoundInItsRequest) {
  constexpr std::size_t kShards = 3;
  RandomRequest random(21);
  std::mt19937 choice(21);
  std::size_t found_spans = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string request = random.Make();
    SpanIndex index;
    ASSERT_EQ(index.Parse(AsBytes(request), {.check_utf8 = false}), std::nullopt);
    if (index.span_count() == 0) continue;
    const std::vector<std::uint16_t> owners = ShardsByTrace(index, kShards);
    Splitter splitter;
    const std::vector<std::string> shards = Split(splitter, index, owners, kShards);
    DeliveredSpans delivered;
    std::vector<bool> is_delivered(kShards);
    for (std::size_t k = 0; k < kShards; ++k) {
      is_delivered[k] = choice() % 2 == 0;
      SpanIndex part;
      ASSERT_EQ(part.Parse(AsBytes(shards[k]), {.check_utf8 = false}), std::nullopt);
      if (is_delivered[k]) delivered.Remember(part, now_);
    }
    std::vector<bool> found;
    delivered.Find(index, &found);
    for (std::size_t i = 0; i < owners.size(); ++i) {
      ASSERT_EQ(found[i], is_delivered[owners[i]]) << "round " << round << " span " << i;
      found_spans += found[i] ? 1 : 0;
    }
  }
  EXPECT_GT(found_spans, 500u);
}

// Scenario: one span is remembered; the clock goes on, with a look each second, with none, and with
// looks at the most unlucky moments.
// Guarantees: FM-18: known for at least one lifetime, forgotten after two, whenever somebody
// looked.
TEST_F(DeliveredSpansTest, ForgottenAfterTwoLifetimesFm18) {
  using std::chrono::seconds;
  const std::string request = RequestOf({Id('a')});
  const std::vector<std::vector<int>> looks = {
      {119, 121}, {59, 61, 119, 120}, {119, 178}, {60, 61, 125}, {500}, {60}};
  for (const std::vector<int>& times : looks) {
    DeliveredSpans fresh;
    ASSERT_EQ(index_.Parse(AsBytes(request), {.check_utf8 = false}), std::nullopt);
    fresh.Remember(index_, now_);
    std::vector<bool> found;
    for (const int time : times) {
      const bool is_empty = fresh.IsEmpty(now_ + seconds(time));
      const std::size_t count = fresh.Find(index_, &found);
      EXPECT_TRUE(time > 60 || count == 1) << "forgotten after " << time;
      EXPECT_TRUE(time < 120 || count == 0) << "found after " << time;
      EXPECT_TRUE(time < 120 || is_empty) << "something is left after " << time;
    }
  }
}

// Scenario: room for ten spans, thirty are delivered; a lifetime later ten more.
// Guarantees: bounded; the first ten are known, the others cost duplicates; each lifetime has its
// own ten.
TEST_F(DeliveredSpansTest, CapacityIsBounded) {
  DeliveredSpans small(10);
  const auto count = [&](char first, int spans, TimePoint now, bool remember) {
    std::vector<std::string> ids;
    for (int i = 0; i < spans; ++i) ids.push_back(Id(static_cast<char>(first + i)));
    const std::string request = RequestOf(ids);
    EXPECT_EQ(index_.Parse(AsBytes(request), {.check_utf8 = false}), std::nullopt);
    if (remember) small.Remember(index_, now);
    std::vector<bool> found;
    return small.Find(index_, &found);
  };
  EXPECT_EQ(count('0', 30, now_, true), 10u);
  EXPECT_EQ(count('a', 10, now_ + DeliveredSpans::kLifetime, true), 10u);
  EXPECT_EQ(count('0', 30, now_ + DeliveredSpans::kLifetime, false), 10u);
}

}  // namespace
}  // namespace router::test
