// The last line of the process: does every span have a fate?
#include "router/app/closing_sum.h"

#include <gtest/gtest.h>

namespace router {
namespace {

// Scenario: two workers with every kind of fate.
// Guarantees: I4: the sum is over both, and the line says it.
TEST(ClosingSumTest, I4AddsUpAllWorkers) {
  Ledger first;
  first.spans.received.Add(14);
  first.spans.suppressed.Add(2);
  first.spans.forwarded.Add(5);
  first.spans.rejected[0].Add(3);
  first.spans.rejected[kRejectReasonCount - 1].Add(1);
  first.spans.refused[0].Add(2);
  first.spans.cancelled.Add(1);
  Ledger second;
  second.spans.received.Add(1);
  second.spans.refused[kRefuseReasonCount - 1].Add(1);
  const ClosingSum sum = SumOf({&first, &second}, &Ledger::spans);
  EXPECT_EQ(sum.Text(),
            "received 15 = forwarded 5 + suppressed 2 + rejected 4 + refused 3 + cancelled 1 + in "
            "flight 0");
  EXPECT_TRUE(sum.Closes(false));
  EXPECT_EQ(SumOf({&first, &second}, &Ledger::requests).received, 0u);
}

// Scenario: a span without a fate; one with two; one in flight, at the end of a whole and of a cut
// drain.
// Guarantees: I4: only the last closes.
TEST(ClosingSumTest, I4NothingMayBeMissing) {
  EXPECT_FALSE((ClosingSum{.received = 2, .forwarded = 1}.Closes(true)));
  EXPECT_FALSE((ClosingSum{.received = 1, .forwarded = 1, .refused = 1}.Closes(true)));
  EXPECT_FALSE((ClosingSum{.received = 2, .forwarded = 1, .in_flight = 1}.Closes(false)));
  EXPECT_TRUE((ClosingSum{.received = 2, .forwarded = 1, .in_flight = 1}.Closes(true)));
}

}  // namespace
}  // namespace router
