#include "router/otlp/splitter.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "router/otlp/span_index.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/split_request.h"
#include "tests/otlp/wire_writer.h"

namespace router::test {
namespace {

std::string Len(std::uint32_t field, std::string_view content) {
  return WireWriter().Bytes(field, content).bytes();
}
std::string Span(std::string_view name) { return Len(2, Len(5, name)); }

// Splits `body` by the given shard of each span; an empty string per shard without spans.
std::vector<std::string> SplitBy(const std::string& body, std::vector<std::uint16_t> shards,
                                 std::size_t shard_count) {
  SpanIndex index;
  Splitter splitter;
  EXPECT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  EXPECT_EQ(index.span_count(), shards.size());
  return Split(splitter, index, shards, shard_count);
}

// Scenario: two spans of one scope, two shards.
// Guarantees: each shard is the request with the other span left out, byte for byte.
TEST(SplitterTest, EachShardHasItsSpansInTheirGroups) {
  const std::string resource = Len(1, Len(2, "r"));
  const std::string scope = Len(1, Len(1, "s"));
  const std::string body = Len(1, resource + Len(2, scope + Span("a") + Span("b")));
  const std::vector<std::string> shards = SplitBy(body, {1, 0}, 2);
  EXPECT_EQ(shards[0], Len(1, resource + Len(2, scope + Span("b"))));
  EXPECT_EQ(shards[1], Len(1, resource + Len(2, scope + Span("a"))));
}

// Scenario: resource after scope_spans and once more at the end, schema_url and unknown fields
// between.
// Guarantees: CP-4: everything that is no group goes to both shards, in its own order.
TEST(SplitterTest, Cp4ResourceAfterScopeSpansIsKept) {
  const std::string before = Len(77, "u");
  const std::string first = Len(1, Len(1, Len(1, "a")));
  const std::string second = Len(3, "url") + Len(1, Len(1, Len(1, "b")));
  const std::string body = Len(1, before + Len(2, Span("a")) + first + Len(2, Span("b")) + second);
  const std::vector<std::string> shards = SplitBy(body, {0, 1}, 2);
  EXPECT_EQ(shards[0], Len(1, before + first + second + Len(2, Span("a"))));
  EXPECT_EQ(shards[1], Len(1, before + first + second + Len(2, Span("b"))));
}

// Scenario: ScopeSpans of field 2 and of the old field 1000, mixed.
// Guarantees: field 1000 is split like field 2, keeps its tag and its place.
TEST(SplitterTest, OldScopeSpansAreSplitAndKeepTheirTag) {
  const std::string body =
      Len(1, Len(1000, Span("a") + Span("b")) + Len(2, Span("c")) + Len(1000, Span("d")));
  const std::vector<std::string> shards = SplitBy(body, {0, 1, 0, 0}, 2);
  EXPECT_EQ(shards[0], Len(1, Len(1000, Span("a")) + Len(2, Span("c")) + Len(1000, Span("d"))));
  EXPECT_EQ(shards[1], Len(1, Len(1000, Span("b"))));
}

// Scenario: unknown fields of the request before, between and after its groups.
// Guarantees: CP-1: exactly one shard carries them, the first one that has a span, not the first
// of all.
TEST(SplitterTest, UnknownFieldsOfTheRequestGoToOneShard) {
  const std::string body = Len(9, "x") + Len(1, Len(2, Span("a"))) + Len(9, "y") +
                           Len(1, Len(2, Span("b"))) + Len(9, "z");
  const std::vector<std::string> shards = SplitBy(body, {3, 1}, 4);
  EXPECT_EQ(shards[3], Len(9, "x") + Len(9, "y") + Len(9, "z") + Len(1, Len(2, Span("a"))));
  EXPECT_EQ(shards[1], Len(1, Len(2, Span("b"))));
  EXPECT_TRUE(shards[0].empty());
  EXPECT_TRUE(shards[2].empty());
}

// Scenario: groups without spans between groups with spans.
// Guarantees: GC-15: they are not sent.
TEST(SplitterTest, Gc15GroupsWithoutSpansAreDropped) {
  const std::string body =
      Len(1, Len(1, "")) + Len(1, Len(2, Len(1, "")) + Len(2, Span("a"))) + Len(1, Len(2, ""));
  EXPECT_EQ(SplitBy(body, {0}, 1)[0], Len(1, Len(2, Span("a"))));
}

// Scenario: a request without spans, for three shards.
// Guarantees: GS-06: no shard has a byte, unknown fields of the request included.
TEST(SplitterTest, Gs06WithoutSpansEveryShardIsEmpty) {
  SpanIndex index;
  Splitter splitter;
  const std::string body = Len(9, "x") + Len(1, Len(1, "") + Len(2, ""));
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  splitter.Plan(index, {}, 3);
  EXPECT_EQ(splitter.total_bytes(), 0u);
  EXPECT_TRUE(splitter.present_shards().empty());
  EXPECT_EQ(WriteShards(splitter), std::vector<std::string>(3));
}

// Scenario: 300 spans of one group, in 3 shards, so that group lengths need two bytes.
// Guarantees: planned and written sizes agree with what Protobuf writes.
TEST(SplitterTest, LengthsOfSeveralBytesAreExact) {
  std::string spans;
  std::vector<std::uint16_t> owners;
  std::string expected[3];
  for (int i = 0; i < 300; ++i) {
    const auto shard = static_cast<std::uint16_t>(i * i % 3);
    const std::string span = Span("span " + std::to_string(i));
    spans += span;
    expected[shard] += span;
    owners.push_back(shard);
  }
  const std::vector<std::string> shards = SplitBy(Len(1, Len(2, spans)), owners, 3);
  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(shards[s], expected[s].empty() ? "" : Len(1, Len(2, expected[s])));
  }
}

// Scenario: none, one, equal and different owners.
// Guarantees: CP-6: there is a sole owner exactly when every span has the same.
TEST(SplitterTest, Cp6SoleOwnerOnlyWhenAllAgree) {
  using Owners = std::vector<std::uint16_t>;
  EXPECT_EQ(Splitter::SoleOwner(Owners{}), std::nullopt);
  EXPECT_EQ(Splitter::SoleOwner(Owners{7}), 7);
  EXPECT_EQ(Splitter::SoleOwner(Owners{3, 3, 3}), 3);
  EXPECT_EQ(Splitter::SoleOwner(Owners{3, 3, 4}), std::nullopt);
  EXPECT_EQ(Splitter::SoleOwner(Owners{4, 3, 3}), std::nullopt);
}

// Scenario: a 100 KiB resource and 50 spans of different shards.
// Guarantees: A-19: the bytes to be sent are known before any is written, amplification included.
TEST(SplitterTest, A19EgressBytesAreKnownBeforeWriting) {
  const std::string resource = Len(1, Len(99, std::string(100 * 1024, 'x')));
  std::string spans;
  std::vector<std::uint16_t> owners;
  for (std::uint16_t s = 0; s < 50; ++s) {
    spans += Span("n");
    owners.push_back(s);
  }
  const std::string body = Len(1, resource + Len(2, spans));
  SpanIndex index;
  Splitter splitter;
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  splitter.Plan(index, owners, 50);
  EXPECT_GT(splitter.total_bytes(), 49 * body.size());
  std::size_t written = 0;
  for (const std::string& shard : WriteShards(splitter)) written += shard.size();
  EXPECT_EQ(written, splitter.total_bytes());
}

// Scenario: 4096 shards, the last and the first in use; then the same splitter with two shards.
// Guarantees: the design's maximum works, and nothing of an earlier plan is left.
TEST(SplitterTest, ReuseStartsAnew) {
  SpanIndex index;
  Splitter splitter;
  const std::string body = Len(1, Len(2, Span("a") + Span("b")));
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  const std::vector<std::uint16_t> far = {4095, 0};
  const std::vector<std::string> wide = Split(splitter, index, far, 4096);
  EXPECT_EQ(wide[4095], Len(1, Len(2, Span("a"))));
  EXPECT_EQ(wide[0], Len(1, Len(2, Span("b"))));
  const std::vector<std::uint16_t> near = {0, 0};
  const std::vector<std::string> narrow = Split(splitter, index, near, 2);
  EXPECT_EQ(narrow, (std::vector<std::string>{body, ""}));
  EXPECT_EQ(splitter.shard_spans(0), 2u);
  EXPECT_EQ(splitter.shard_spans(1), 0u);
}

}  // namespace
}  // namespace router::test
