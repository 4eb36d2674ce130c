#include "bench/load/span_ledger.h"

#include <gtest/gtest.h>

namespace bench {
namespace {

void Record(SpanLedger& ledger, std::size_t listener, std::uint64_t trace, std::uint64_t span) {
  ledger.Record(listener, MakeTraceId(trace), MakeSpanId(span));
}

// Scenario: ten spans are expected, one never arrives.
// Guarantees: the number of distinct spans says so.
TEST(SpanLedgerTest, MissingSpanIsMissingFromDistinct) {
  SpanLedger ledger;
  for (std::uint64_t span = 0; span < 10; ++span) {
    if (span != 7) Record(ledger, 0, span, span);
  }
  EXPECT_EQ(ledger.distinct(), 9u);
  EXPECT_EQ(ledger.duplicates(), 0u);
}

// Scenario: one span arrives three times, at the ends of a word of the bitmap too.
// Guarantees: every further copy counts as one duplicate.
TEST(SpanLedgerTest, EveryFurtherCopyIsADuplicate) {
  SpanLedger ledger;
  for (const std::uint64_t span : {0u, 63u, 64u, 1'000'000u}) {
    Record(ledger, 0, 1, span);
    Record(ledger, 0, 1, span);
    Record(ledger, 0, 1, span);
  }
  EXPECT_EQ(ledger.distinct(), 4u);
  EXPECT_EQ(ledger.duplicates(), 8u);
}

// Scenario: spans of one trace arrive at two, then at three backends; another trace stays at one.
// Guarantees: the torn trace counts once.
TEST(SpanLedgerTest, TraceOnTwoBackendsIsMisplacedOnce) {
  SpanLedger ledger;
  Record(ledger, 0, 5, 1);
  Record(ledger, 1, 5, 2);
  Record(ledger, 2, 5, 3);
  Record(ledger, 3, 6, 4);
  Record(ledger, 3, 6, 5);
  EXPECT_EQ(ledger.traces(), 2u);
  EXPECT_EQ(ledger.misplaced_traces(), 1u);
}

// Scenario: a damaged trace ID and a span without IDs arrive.
// Guarantees: both are foreign and change nothing else.
TEST(SpanLedgerTest, UnknownIdsAreForeign) {
  SpanLedger ledger;
  TraceId damaged = MakeTraceId(1);
  damaged[3] ^= 1;
  ledger.Record(0, damaged, MakeSpanId(1));
  ledger.Record(0, TraceId{}, SpanId{});
  EXPECT_EQ(ledger.foreign(), 2u);
  EXPECT_EQ(ledger.distinct(), 0u);
  EXPECT_EQ(ledger.traces(), 0u);
}

// Scenario: traces at two backends, one of them torn.
// Guarantees: the sample names the right backend and leaves the torn one out.
TEST(SpanLedgerTest, SampleNamesTheBackendOfWholeTraces) {
  SpanLedger ledger;
  Record(ledger, 2, 0, 1);
  Record(ledger, 0, 1, 2);
  Record(ledger, 1, 1, 3);
  Record(ledger, 3, 2, 4);
  const auto sample = ledger.Sample(10);
  ASSERT_EQ(sample.size(), 2u);
  EXPECT_EQ(sample[0].first, MakeTraceId(0));
  EXPECT_EQ(sample[0].second, 2u);
  EXPECT_EQ(sample[1].first, MakeTraceId(2));
  EXPECT_EQ(sample[1].second, 3u);
}

}  // namespace
}  // namespace bench
