// When a shard is tried again and how long an attempt may take: the pure functions.
#include "router/forward/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace router {
namespace {

using std::chrono::duration_cast;

// Scenario: from 0 to 12 s left, with and without an attempt timeout.
// Guarantees: 40 % of what is left; all of it below 200 ms; never more than the timeout, where 0 is
// none.
TEST(RetryTest, AnAttemptTakesAShareOfWhatIsLeft) {
  EXPECT_EQ(AttemptTime(milliseconds(1000), milliseconds(0)), milliseconds(400));
  EXPECT_EQ(AttemptTime(milliseconds(200), milliseconds(0)), milliseconds(80));
  EXPECT_EQ(AttemptTime(milliseconds(199), milliseconds(0)), milliseconds(199));
  EXPECT_EQ(AttemptTime(milliseconds(10000), milliseconds(2500)), milliseconds(2500));
  EXPECT_EQ(AttemptTime(milliseconds(150), milliseconds(100)), milliseconds(100));
  for (milliseconds left(0); left <= milliseconds(12000); ++left) {
    ASSERT_LE(AttemptTime(left, milliseconds(0)), left);
  }
}

// Scenario: attempts at one backend that were cut off after 10 ms, 3.8 s and 5 s.
// Guarantees: the next is a quarter longer, as far as there is time and the timeout allows; a short
// one before shortens nothing.
TEST(RetryTest, AnAttemptIsLongerThanTheOneThatWasTooShort) {
  const milliseconds timeout(5000);
  EXPECT_EQ(AttemptTime(milliseconds(5700), timeout, milliseconds(3800)), milliseconds(4750));
  EXPECT_EQ(AttemptTime(milliseconds(4000), timeout, milliseconds(3800)), milliseconds(4000));
  EXPECT_EQ(AttemptTime(milliseconds(9000), timeout, milliseconds(5000)), timeout);
  EXPECT_EQ(AttemptTime(milliseconds(1000), timeout, milliseconds(10)), milliseconds(400));
}

// Scenario: every time from 200 ms to 12 s is left, every attempt times out and every pause is as
// long as it may be.
// Guarantees: section 10: at least two attempts, none beyond the deadline.
TEST(RetryTest, TwoAttemptsFitInto200Milliseconds) {
  for (milliseconds left(200); left <= milliseconds(12000); ++left) {
    int attempts = 0;
    milliseconds pause_max{0};
    Duration rest = left;
    while (rest > kAttemptTimeMin) {
      rest -= AttemptTime(rest, milliseconds(5000));
      ++attempts;
      pause_max = NextPauseMax(pause_max, std::nullopt);
      rest -= pause_max;
    }
    ASSERT_GE(attempts, 2) << left.count();
    ASSERT_LE(attempts, 20) << left.count();
  }
}

// Scenario: 20 pauses in a row without a word from the backend.
// Guarantees: GC-11: they begin at 50 ms, grow by 1.6 each time and stop at 1 s.
TEST(RetryTest, PausesGrowUpToACapGc11) {
  milliseconds previous{0};
  for (int i = 0; i < 20; ++i) {
    const milliseconds next = NextPauseMax(previous, std::nullopt);
    if (i == 0) {
      EXPECT_EQ(next, milliseconds(50));
    } else if (next < kPauseMax) {
      EXPECT_NEAR(static_cast<double>(next.count()), 1.6 * static_cast<double>(previous.count()),
                  1);
    }
    EXPECT_GE(next, previous);
    EXPECT_LE(next, kPauseMax);
    previous = next;
  }
  EXPECT_EQ(previous, kPauseMax);
}

// Scenario: the backend asks for 300 ms, then says nothing; it asks for more than the cap; for 0.
// Guarantees: GC-12: never less than asked for; growing from there; never shorter than before.
TEST(RetryTest, PausesGrowFromWhatTheBackendAskedForGc12) {
  EXPECT_EQ(NextPauseMax(milliseconds(0), milliseconds(300)), milliseconds(300));
  EXPECT_EQ(NextPauseMax(milliseconds(300), std::nullopt), milliseconds(480));
  EXPECT_EQ(NextPauseMax(milliseconds(300), milliseconds(300)), milliseconds(480));
  EXPECT_EQ(NextPauseMax(milliseconds(50), milliseconds(2000)), milliseconds(2000));
  EXPECT_EQ(NextPauseMax(milliseconds(2000), std::nullopt), milliseconds(3200));
  EXPECT_EQ(NextPauseMax(milliseconds(0), milliseconds(0)), milliseconds(50));
}

// Scenario: 10^5 draws with and without RetryInfo, one of 0 among them, seed 1.
// Guarantees: GC-11, GC-12: within the bounds, which are used: from 0 to the bound, or from what
// was asked for to the bound or a fifth more.
TEST(RetryTest, JitterStaysWithinItsBoundsAndFillsThemGc11) {
  struct Case {
    milliseconds pause_max;
    std::optional<milliseconds> asked;
    milliseconds least;
    milliseconds most;
  };
  const Case cases[] = {
      {milliseconds(1000), std::nullopt, milliseconds(0), milliseconds(1000)},
      {milliseconds(50), std::nullopt, milliseconds(0), milliseconds(50)},
      {milliseconds(300), milliseconds(300), milliseconds(300), milliseconds(360)},
      {milliseconds(800), milliseconds(300), milliseconds(300), milliseconds(800)},
      {milliseconds(50), milliseconds(0), milliseconds(0), milliseconds(50)},
      {milliseconds(1000), milliseconds(2), milliseconds(2), milliseconds(1000)},
  };
  for (const Case& test : cases) {
    std::minstd_rand random(1);
    milliseconds least = milliseconds::max();
    milliseconds most = milliseconds::min();
    for (int i = 0; i < 100'000; ++i) {
      const milliseconds pause = JitteredPause(test.pause_max, test.asked, random);
      least = std::min(least, pause);
      most = std::max(most, pause);
    }
    SCOPED_TRACE(testing::Message() << test.pause_max.count() << " asked "
                                    << test.asked.value_or(milliseconds(-1)).count());
    EXPECT_GE(least, test.least);
    EXPECT_LE(most, test.most);
    const milliseconds tenth = (test.most - test.least) / 10;
    EXPECT_LE(least, test.least + tenth) << "the lower end is never used";
    EXPECT_GE(most, test.most - tenth) << "the upper end is never used";
  }
}

// Scenario: 20 pauses in a row at the cap, for a backend that says nothing and one that says "0
// ms", seed 2.
// Guarantees: GC-11: they differ (whole milliseconds: two of the 20 may meet, not more).
TEST(RetryTest, NoTwoPausesAreAlikeGc11) {
  for (const std::optional<milliseconds> asked :
       {std::optional<milliseconds>(), std::optional(milliseconds(0))}) {
    std::minstd_rand random(2);
    std::set<milliseconds> seen;
    for (int i = 0; i < 20; ++i) seen.insert(JitteredPause(kPauseMax, asked, random));
    EXPECT_GE(seen.size(), 18u);
  }
}

// Scenario: what backends of three languages say about a message over their limit, a quota, other
// codes.
// Guarantees: FM-09: only the size makes a permanent RESOURCE_EXHAUSTED worth halving.
TEST(RetryTest, OnlyTheSizeIsWorthHalvingFm09) {
  ShardOutcome outcome{.kind = ShardOutcome::Kind::kPermanent,
                       .code = GrpcCode::kResourceExhausted,
                       .message = "grpc: received message larger than max (5000000 vs. 4194304)"};
  EXPECT_TRUE(IsTooLargeForBackend(outcome));
  outcome.message = "gRPC message exceeds maximum size 4194304: 5000000";
  EXPECT_TRUE(IsTooLargeForBackend(outcome));
  outcome.kind = ShardOutcome::Kind::kThrottled;
  EXPECT_FALSE(IsTooLargeForBackend(outcome));
  outcome.kind = ShardOutcome::Kind::kPermanent;
  outcome.code = GrpcCode::kInvalidArgument;
  EXPECT_FALSE(IsTooLargeForBackend(outcome));
  outcome.code = GrpcCode::kResourceExhausted;
  outcome.message = "quota used up";
  EXPECT_FALSE(IsTooLargeForBackend(outcome));
}

}  // namespace
}  // namespace router
