#include "router/otlp/span_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "tests/otlp/oracle.h"
#include "tests/otlp/wire_writer.h"

namespace router::test {
namespace {

std::string Len(std::uint32_t field, std::string_view content) {
  return WireWriter().Bytes(field, content).bytes();
}
std::string RequestOf(std::string_view spans) { return Len(1, Len(2, spans)); }
std::string Repeated(std::string_view unit, std::size_t times) {
  std::string bytes(unit);
  const std::size_t size = unit.size() * times;
  bytes.reserve(size);
  while (bytes.size() < size) bytes.append(bytes, 0, std::min(bytes.size(), size - bytes.size()));
  return bytes;
}

// Scenario: no bytes; an empty ResourceSpans; an empty ScopeSpans; a resource and a scope without
// spans.
// Guarantees: GS-06: all four are good and have nothing to forward.
TEST(SpanIndexTest, Gs06EmptyRequestsHaveNoSpans) {
  SpanIndex index;
  for (const std::string& body :
       {std::string(), Len(1, ""), Len(1, Len(2, "")), Len(1, Len(1, "") + Len(2, Len(1, "")))}) {
    EXPECT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
    EXPECT_EQ(index.span_count(), 0u);
    EXPECT_TRUE(index.resources().empty());
    EXPECT_TRUE(index.resource_parts().empty());
  }
}

// Scenario: a request of one span between two other fields of its scope.
// Guarantees: its trace ID and its exact bytes are found.
TEST(SpanIndexTest, FindsTheOnlySpan) {
  const std::string id = "0123456789abcdef";
  const std::string span = Len(2, Len(2, "spanspan") + Len(1, id) + Len(5, "name"));
  const std::string body = RequestOf(Len(1, "") + span + Len(3, "url"));
  SpanIndex index;
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  ASSERT_EQ(index.span_count(), 1u);
  EXPECT_EQ(std::string(index.trace_id(0).begin(), index.trace_id(0).end()), id);
  EXPECT_TRUE(index.has_valid_trace_id(0));
  EXPECT_EQ(index.span_bytes(0), span.size());
  EXPECT_EQ(body.substr(index.spans()[0].field.begin, span.size()), span);
}

// Scenario: a span with two trace_id fields, other fields between them; and one whose second is
// empty.
// Guarantees: CP-4: the last one wins, as Protobuf decides.
TEST(SpanIndexTest, Cp4LastTraceIdWins) {
  const std::string a(16, 'a');
  const std::string b(16, 'b');
  const std::string body =
      RequestOf(Len(2, Len(1, a) + Len(5, "n") + Len(1, b)) + Len(2, Len(1, a) + Len(1, "")));
  SpanIndex index;
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  EXPECT_EQ(std::string(index.trace_id(0).begin(), index.trace_id(0).end()), b);
  EXPECT_TRUE(index.trace_id(1).empty());
  EXPECT_FALSE(index.has_valid_trace_id(1));
}

// Scenario: a span without a trace ID behind one that has it; a link with a trace ID of its own.
// Guarantees: neither the neighbour's nor the link's ID is taken for the span's.
TEST(SpanIndexTest, TraceIdIsTheSpansOwn) {
  const std::string body =
      RequestOf(Len(2, Len(1, std::string(16, 'a'))) + Len(2, "") +
                Len(2, Len(1, std::string(16, 'b')) + Len(13, Len(1, std::string(16, 'c')))));
  SpanIndex index;
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  ASSERT_EQ(index.span_count(), 3u);
  EXPECT_TRUE(index.trace_id(1).empty());
  EXPECT_EQ(index.trace_id(2)[0], 'b');
}

// Scenario: trace IDs of 0, 8, 15, 16, 17 and 32 bytes, absent, all zero, and zero but for one
// bit at either end.
// Guarantees: A-21: only 16 bytes that are not all zero are valid; the bytes of all others can be
// had.
TEST(SpanIndexTest, A21InvalidTraceIdsAreToldApart) {
  const std::string zero(16, '\0');
  struct {
    std::string id;
    bool is_valid;
  } const cases[] = {{"", false},
                     {std::string(8, 'x'), false},
                     {std::string(15, 'x'), false},
                     {std::string(16, 'x'), true},
                     {std::string(17, 'x'), false},
                     {std::string(32, 'x'), false},
                     {zero, false},
                     {"\x01" + zero.substr(1), true},
                     {zero.substr(1) + "\x01", true}};
  std::string spans = Len(2, Len(5, "no trace id"));
  for (const auto& one : cases) spans += Len(2, Len(1, one.id));
  const std::string body = RequestOf(spans);
  SpanIndex index;
  ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
  EXPECT_FALSE(index.has_valid_trace_id(0));
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(index.has_valid_trace_id(i + 1), cases[i].is_valid) << i;
    EXPECT_EQ(index.trace_id(i + 1).size(), cases[i].id.size()) << i;
  }
}

// Scenario: as many spans as the limit allows, then one more; in one group and in many.
// Guarantees: A-15: the limit itself passes, one more is refused as over a limit, not as
// malformed.
TEST(SpanIndexTest, A15SpanLimitAndOneMore) {
  IndexLimits limits;
  limits.spans_max = 100;
  SpanIndex index;
  const std::string span = Len(2, Len(1, std::string(16, 'x')));
  EXPECT_EQ(index.Parse(AsBytes(RequestOf(Repeated(span, 100))), limits), std::nullopt);
  EXPECT_EQ(index.Parse(AsBytes(RequestOf(Repeated(span, 101))), limits), WireError::kTooManySpans);
  EXPECT_EQ(index.span_count(), 0u);
  EXPECT_EQ(index.Parse(AsBytes(Repeated(RequestOf(span), 100)), limits), std::nullopt);
  EXPECT_EQ(index.Parse(AsBytes(Repeated(RequestOf(span), 101)), limits), WireError::kTooManySpans);
  EXPECT_TRUE(IsOverLimit(WireError::kTooManySpans));
  EXPECT_FALSE(IsOverLimit(WireError::kTruncated));
}

// Scenario: a million spans, the default limit, and one more.
// Guarantees: A-15: the named constant is what holds.
TEST(SpanIndexTest, A15DefaultSpanLimitIsAMillion) {
  SpanIndex index;
  const std::string at_limit = RequestOf(Repeated(Len(2, ""), kSpansPerRequestMax));
  EXPECT_EQ(index.Parse(AsBytes(at_limit), {}), std::nullopt);
  EXPECT_EQ(index.span_count(), kSpansPerRequestMax);
  const std::string above = RequestOf(Repeated(Len(2, ""), kSpansPerRequestMax + 1));
  EXPECT_EQ(index.Parse(AsBytes(above), {}), WireError::kTooManySpans);
}

// Scenario: a scope whose extra fields alternate with its spans, up to the limit of parts and one
// more.
// Guarantees: the memory for extras is bounded; extras side by side count as one.
TEST(SpanIndexTest, PartLimitAndOneMore) {
  IndexLimits limits;
  limits.parts_max = 10;
  SpanIndex index;
  const std::string extra = Len(77, "x");
  const std::string unit = extra + extra + Len(2, "");
  EXPECT_EQ(index.Parse(AsBytes(RequestOf(Repeated(unit, 10))), limits), std::nullopt);
  EXPECT_EQ(index.scope_parts().size(), 10u);
  EXPECT_EQ(index.Parse(AsBytes(RequestOf(Repeated(unit, 11))), limits), WireError::kTooManyParts);
}

// Scenario: 64 MiB of two-byte fields in seven places: unknown fields, empty ResourceSpans,
// ScopeSpans, spans, attributes, and schema_urls between groups or between spans.
// Guarantees: A-15: about a second each at worst (ten allowed, for sanitizers) and scratch memory
// at most twice the input.
TEST(SpanIndexTest, A15SixtyFourMebibytesOfTinyFieldsAreCheap) {
  constexpr std::size_t kBytes = 64 * 1024 * 1024;
  const std::string field_2 = Repeated(std::string_view("\x12\0", 2), kBytes / 2);
  const auto check = [](const std::string& body) {
    constexpr auto kAllowed = std::chrono::seconds(10);
    SpanIndex index;
    const auto start = std::chrono::steady_clock::now();
    (void)index.Parse(AsBytes(body), {});
    EXPECT_LT(std::chrono::steady_clock::now() - start, kAllowed);
    EXPECT_LE(index.scratch_bytes(), 2 * body.size());
  };
  check(field_2);
  check(Repeated(std::string_view("\x0A\0", 2), kBytes / 2));
  check(Len(1, field_2));
  check(RequestOf(field_2));
  check(RequestOf(Len(2, Repeated(std::string_view("\x4A\0", 2), kBytes / 2))));
  const std::string alternating = Repeated(std::string_view("\x1A\0\x12\0", 4), kBytes / 4);
  check(Len(1, alternating + Len(2, Len(2, ""))));
  check(RequestOf(alternating));
}

// Scenario: attributes nested 10^2 to 10^6 deep, as arrays and as groups, with lengths that fit.
// Guarantees: A-16: refused beyond 100 levels whatever the depth; the stack does not grow.
TEST(SpanIndexTest, A16NestingIsBounded) {
  SpanIndex index;
  for (const std::size_t depth : {100u, 1000u, 10'000u, 100'000u, 1'000'000u}) {
    const std::string groups = Repeated("\x0B", depth) + Repeated("\x0C", depth);
    const auto expected =
        depth <= 100 ? std::optional<WireError>() : std::optional(WireError::kTooDeep);
    EXPECT_EQ(index.Parse(AsBytes(groups), {}), expected) << depth;
  }
  std::string nested;
  for (int i = 0; i < 5000; ++i) nested = Len(i % 2 == 0 ? 1 : 5, nested);
  EXPECT_EQ(index.Parse(AsBytes(RequestOf(Len(2, Len(9, Len(2, nested))))), {}),
            WireError::kTooDeep);
}

// Scenario: a lower depth limit, at the limit and one below, on each level of a request.
// Guarantees: the limit counts messages below the request, the quick path for attributes
// included.
TEST(SpanIndexTest, DepthLimitAndOneMore) {
  const std::string attribute = Len(1, "key") + Len(2, Len(1, "value"));
  const std::string body = RequestOf(Len(2, Len(9, attribute)));  // 5 levels
  SpanIndex index;
  IndexLimits limits;
  limits.depth_max = 5;
  EXPECT_EQ(index.Parse(AsBytes(body), limits), std::nullopt);
  for (limits.depth_max = 0; limits.depth_max < 5; ++limits.depth_max) {
    EXPECT_EQ(index.Parse(AsBytes(body), limits), WireError::kTooDeep) << limits.depth_max;
  }
}

// Scenario: invalid UTF-8 in a span's name and in an attribute, with the check off.
// Guarantees: check_utf8 = false lets it pass, as a Collector does.
TEST(SpanIndexTest, Utf8CheckCanBeTurnedOff) {
  IndexLimits limits;
  limits.check_utf8 = false;
  SpanIndex index;
  for (const std::string& span : {Len(5, "\xFF"), Len(9, Len(1, "k\xFF") + Len(2, Len(1, "v")))}) {
    EXPECT_EQ(index.Parse(AsBytes(RequestOf(Len(2, span))), {}), WireError::kInvalidUtf8);
    EXPECT_EQ(index.Parse(AsBytes(RequestOf(Len(2, span))), limits), std::nullopt);
  }
}

// Scenario: a good request, then a bad one, then another good one, with the same index; then a
// huge one.
// Guarantees: nothing of an earlier request is left, and Clear() gives large memory back.
TEST(SpanIndexTest, ReuseStartsAnew) {
  SpanIndex index;
  const std::string good = RequestOf(Len(1, "") + Len(2, "") + Len(2, ""));
  ASSERT_EQ(index.Parse(AsBytes(good), {}), std::nullopt);
  EXPECT_EQ(index.span_count(), 2u);
  ASSERT_NE(index.Parse(AsBytes(good + "\x0A"), {}), std::nullopt);
  EXPECT_EQ(index.span_count(), 0u);
  EXPECT_TRUE(index.scope_parts().empty());
  ASSERT_EQ(index.Parse(AsBytes(good), {}), std::nullopt);
  EXPECT_EQ(index.span_count(), 2u);
  EXPECT_EQ(index.scopes().size(), 1u);

  const std::string huge = RequestOf(Repeated(Len(2, ""), 200'000));
  ASSERT_EQ(index.Parse(AsBytes(huge), {}), std::nullopt);
  EXPECT_GT(index.scratch_bytes(), SpanIndex::kScratchKeptBytes);
  index.Clear();
  EXPECT_LE(index.scratch_bytes(), SpanIndex::kScratchKeptBytes);
}

}  // namespace
}  // namespace router::test
