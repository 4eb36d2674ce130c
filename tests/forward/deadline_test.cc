#include "router/forward/deadline.h"

#include <gtest/gtest.h>

namespace router {
namespace {

constexpr DeadlineOptions kOptions{.default_timeout = milliseconds(8000),
                                   .timeout_max = milliseconds(10000)};

// Scenario: the client sends no grpc-timeout.
// Guarantees: P-05: the configured default.
TEST(RequestBudgetTest, NoTimeoutIsTheDefault) {
  EXPECT_EQ(RequestBudget(std::nullopt, kOptions), milliseconds(8000));
}

// Scenario: timeouts from 1 s to the largest that can be written, 99,999,999 hours.
// Guarantees: 5 % is kept back, at least 50 ms; nothing is longer than the maximum.
TEST(RequestBudgetTest, KeepsATwentiethBackUpToTheMaximum) {
  EXPECT_EQ(RequestBudget(milliseconds(1000), kOptions), milliseconds(950));
  EXPECT_EQ(RequestBudget(milliseconds(1001), kOptions), milliseconds(951));
  EXPECT_EQ(RequestBudget(milliseconds(2000), kOptions), milliseconds(1900));
  EXPECT_EQ(RequestBudget(milliseconds(10000), kOptions), milliseconds(9500));
  EXPECT_EQ(RequestBudget(milliseconds(10526), kOptions), milliseconds(10000));
  EXPECT_EQ(RequestBudget(milliseconds(11000), kOptions), milliseconds(10000));
  EXPECT_EQ(RequestBudget(std::chrono::hours(99'999'999), kOptions), milliseconds(10000));
}

// Scenario: timeouts of which 50 ms would be more than half.
// Guarantees: half is kept back; 1 ms is still time, 0 is none (P-05), a negative one is none.
TEST(RequestBudgetTest, ShortTimeoutsKeepHalf) {
  EXPECT_EQ(RequestBudget(milliseconds(100), kOptions), milliseconds(50));
  EXPECT_EQ(RequestBudget(milliseconds(99), kOptions), milliseconds(50));
  EXPECT_EQ(RequestBudget(milliseconds(10), kOptions), milliseconds(5));
  EXPECT_EQ(RequestBudget(milliseconds(1), kOptions), milliseconds(1));
  EXPECT_EQ(RequestBudget(milliseconds(0), kOptions), milliseconds(0));
  EXPECT_EQ(RequestBudget(milliseconds(-5), kOptions), milliseconds(0));
}

}  // namespace
}  // namespace router
