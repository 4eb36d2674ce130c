#include "resolver/refresh_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace resolver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kNone{0};

// Scenario: 1000 attempts without records.
// Guarantees: every wait within 10 % of the interval, both sides used.
TEST(RefreshScheduleTest, SpreadsTheInterval) {
  RefreshSchedule schedule(seconds(5), seconds(1), 42);
  milliseconds least = seconds(10);
  milliseconds most = kNone;
  for (int i = 0; i < 1000; ++i) {
    const milliseconds wait = schedule.Next(std::nullopt, kNone);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, milliseconds(4500));
  EXPECT_LT(least, milliseconds(4550));
  EXPECT_LE(most, milliseconds(5500));
  EXPECT_GT(most, milliseconds(5450));
}

// Scenario: the TTL is shorter than the interval, longer, and zero.
// Guarantees: the shorter of both counts; never less than the floor.
TEST(RefreshScheduleTest, FollowsAShorterTimeToLiveDownToTheFloor) {
  RefreshSchedule schedule(seconds(5), seconds(1), 42);
  for (int i = 0; i < 100; ++i) {
    const milliseconds shorter = schedule.Next(3, kNone);
    EXPECT_GE(shorter, milliseconds(2700));
    EXPECT_LE(shorter, milliseconds(3300));
    EXPECT_GE(schedule.Next(300, kNone), milliseconds(4500));
    const milliseconds floored = schedule.Next(0, kNone);
    EXPECT_GE(floored, seconds(1));
    EXPECT_LE(floored, milliseconds(1100));
  }
}

// Scenario: an attempt that took three seconds, and one that took an hour.
// Guarantees: the wait is shorter by that, never under the floor.
TEST(RefreshScheduleTest, CountsFromTheStartOfTheAttempt) {
  RefreshSchedule schedule(seconds(5), seconds(1), 42);
  EXPECT_LE(schedule.Next(std::nullopt, seconds(3)), milliseconds(2500));
  EXPECT_EQ(schedule.Next(std::nullopt, std::chrono::hours(1)), seconds(1));
}

// Scenario: two schedules with the same seed, one with another.
// Guarantees: same waits, other waits.
TEST(RefreshScheduleTest, IsAFunctionOfItsSeed) {
  RefreshSchedule a(seconds(5), seconds(1), 1);
  RefreshSchedule b(seconds(5), seconds(1), 1);
  RefreshSchedule c(seconds(5), seconds(1), 2);
  const milliseconds first = a.Next(std::nullopt, kNone);
  EXPECT_EQ(first, b.Next(std::nullopt, kNone));
  EXPECT_NE(first, c.Next(std::nullopt, kNone));
}

}  // namespace
}  // namespace resolver
