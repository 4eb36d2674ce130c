#include "router/base/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace router {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1000)};
constexpr Duration kTick = kTimerTick;
constexpr std::chrono::milliseconds kTurn{4096 * 5};  // the whole wheel

class TestTimer final : public Timer {
 public:
  explicit TestTimer(std::function<void()> on_fire = {}) : on_fire_(std::move(on_fire)) {}
  int fired() const { return fired_; }

 private:
  void OnTimer() override {
    ++fired_;
    if (on_fire_) on_fire_();
  }
  std::function<void()> on_fire_;
  int fired_ = 0;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  TimerWheel wheel_{kStart};
};

// Scenario: a timer due in 7 ms; the wheel is moved to just before and then to one tick after it.
// Guarantees: never early, at most one tick late, once; is_set() tells whether it still waits.
TEST_F(TimerWheelTest, FiresNeverEarlyAndAtMostOneTickLate) {
  TestTimer timer;
  wheel_.Set(timer, kStart + milliseconds(7));
  EXPECT_TRUE(timer.is_set());
  wheel_.Advance(kStart + milliseconds(7) - Duration(1));
  EXPECT_EQ(timer.fired(), 0);
  wheel_.Advance(kStart + milliseconds(7) + kTick);
  EXPECT_EQ(timer.fired(), 1);
  EXPECT_FALSE(timer.is_set());
  wheel_.Advance(kStart + seconds(60));
  EXPECT_EQ(timer.fired(), 1);
}

// Scenario: the wheel is moved exactly to wake(), for timers due on a tick, just before and just
// after one.
// Guarantees: wake() is a moment at which the timer fires, and lies within one tick of what was
// asked.
TEST_F(TimerWheelTest, FiresAtWake) {
  for (const Duration delay : {Duration(kTick), Duration(kTick - Duration(1)),
                               Duration(kTick + Duration(1)), Duration(1), Duration(seconds(3))}) {
    TimerWheel wheel(kStart);
    TestTimer timer;
    wheel.Set(timer, kStart + delay);
    EXPECT_GE(wheel.wake(), kStart + delay);
    EXPECT_LE(wheel.wake(), kStart + delay + kTick);
    wheel.Advance(wheel.wake());
    EXPECT_EQ(timer.fired(), 1) << delay.count();
    EXPECT_EQ(wheel.wake(), TimePoint::max());
  }
}

// Scenario: no timer, then one, then none again.
// Guarantees: wake() is max() when nothing waits and Advance() was called.
TEST_F(TimerWheelTest, WakeIsMaxWithoutTimers) {
  EXPECT_EQ(wheel_.wake(), TimePoint::max());
  TestTimer timer;
  wheel_.Set(timer, kStart + milliseconds(20));
  timer.Cancel();
  wheel_.Advance(kStart + milliseconds(1));
  EXPECT_EQ(wheel_.wake(), TimePoint::max());
}

// Scenario: a timer is cancelled, twice, before it is due; another is destroyed while set.
// Guarantees: neither fires; cancelling what is not set does nothing.
TEST_F(TimerWheelTest, CancelledAndDestroyedTimersDoNotFire) {
  TestTimer cancelled;
  wheel_.Set(cancelled, kStart + milliseconds(10));
  cancelled.Cancel();
  cancelled.Cancel();
  int fired = 0;
  {
    TestTimer destroyed([&] { ++fired; });
    wheel_.Set(destroyed, kStart + milliseconds(10));
  }
  wheel_.Advance(kStart + seconds(1));
  EXPECT_EQ(cancelled.fired() + fired, 0);
}

// Scenario: a timer is moved, once to later and once to earlier.
// Guarantees: only the last setting counts.
TEST_F(TimerWheelTest, SettingAgainMoves) {
  TestTimer timer;
  wheel_.Set(timer, kStart + milliseconds(10));
  wheel_.Set(timer, kStart + milliseconds(500));
  wheel_.Advance(kStart + milliseconds(400));
  EXPECT_EQ(timer.fired(), 0);
  wheel_.Set(timer, kStart + milliseconds(450));
  wheel_.Advance(kStart + milliseconds(455));
  EXPECT_EQ(timer.fired(), 1);
}

// Scenario: a timer is set for a moment in the past, and another for before the wheel was made.
// Guarantees: both fire with the next tick.
TEST_F(TimerWheelTest, PastDueFiresWithTheNextTick) {
  wheel_.Advance(kStart + seconds(1));
  TestTimer past;
  TestTimer before_the_wheel;
  wheel_.Set(past, kStart + milliseconds(3));
  wheel_.Set(before_the_wheel, kStart - seconds(5));
  wheel_.Advance(kStart + seconds(1) + kTick);
  EXPECT_EQ(past.fired(), 1);
  EXPECT_EQ(before_the_wheel.fired(), 1);
}

// Scenario: OnTimer sets its own timer again, ten times 20 ms on.
// Guarantees: a timer may set itself; it fires once per setting and no sooner.
TEST_F(TimerWheelTest, TimerSetsItselfAgain) {
  TimePoint now = kStart;
  std::vector<TimePoint> fired;
  TestTimer* self = nullptr;
  TestTimer timer([&] {
    fired.push_back(now);
    if (fired.size() < 10) wheel_.Set(*self, now + milliseconds(20));
  });
  self = &timer;
  wheel_.Set(timer, kStart + milliseconds(20));
  for (; now < kStart + seconds(1); now += milliseconds(1)) wheel_.Advance(now);
  ASSERT_EQ(fired.size(), 10U);
  for (std::size_t i = 1; i < fired.size(); ++i) {
    EXPECT_GE(fired[i] - fired[i - 1], milliseconds(20));
    EXPECT_LE(fired[i] - fired[i - 1], milliseconds(20) + kTick);
  }
}

// Scenario: OnTimer sets its timer for "now" on every call.
// Guarantees: Advance() returns all the same; the timer fires once a tick.
TEST_F(TimerWheelTest, TimerSetForNowDoesNotHoldTheWheel) {
  TestTimer* self = nullptr;
  TestTimer timer([&] { wheel_.Set(*self, kStart + milliseconds(10)); });
  self = &timer;
  wheel_.Set(timer, kStart + milliseconds(10));
  wheel_.Advance(kStart + milliseconds(10));
  EXPECT_EQ(timer.fired(), 1);
  wheel_.Advance(kStart + milliseconds(15));
  EXPECT_EQ(timer.fired(), 2);
}

// Scenario: of three timers due together the first cancels the second and destroys the third.
// Guarantees: what OnTimer takes away no longer fires.
TEST_F(TimerWheelTest, OnTimerMayCancelAndDestroyOthersDueWithIt) {
  TestTimer second;
  auto third = std::make_unique<TestTimer>();
  TestTimer first([&] {
    second.Cancel();
    third.reset();
  });
  wheel_.Set(first, kStart + milliseconds(10));
  wheel_.Set(second, kStart + milliseconds(10));
  wheel_.Set(*third, kStart + milliseconds(10));
  wheel_.Advance(kStart + milliseconds(15));
  EXPECT_EQ(first.fired(), 1);
  EXPECT_EQ(second.fired(), 0);
}

// Scenario: a timer destroys itself in OnTimer.
// Guarantees: allowed (the address sanitizer watches).
TEST_F(TimerWheelTest, TimerMayDestroyItself) {
  std::unique_ptr<TestTimer> timer;
  int fired = 0;
  timer = std::make_unique<TestTimer>([&] {
    ++fired;
    const auto dies = std::move(timer);
  });
  wheel_.Set(*timer, kStart + milliseconds(10));
  wheel_.Advance(kStart + milliseconds(15));
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(timer, nullptr);
}

// Scenario: delays of one turn of the wheel less a tick, one turn, and two and a half; steps of a
// tick.
// Guarantees: what lies beyond one turn is carried over and still fires in time.
TEST_F(TimerWheelTest, DelaysBeyondOneTurnAreCarriedOver) {
  TimePoint now = kStart;
  std::vector<TimePoint> due = {kStart + kTurn - kTick, kStart + kTurn, kStart + kTurn + kTick,
                                kStart + kTurn * 5 / 2};
  std::vector<TimePoint> fired(due.size());
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (std::size_t i = 0; i < due.size(); ++i) {
    timers.push_back(std::make_unique<TestTimer>([&fired, &now, i] { fired[i] = now; }));
    wheel_.Set(*timers[i], due[i]);
  }
  for (; now < kStart + 3 * kTurn; now += kTick) wheel_.Advance(now);
  for (std::size_t i = 0; i < due.size(); ++i) {
    EXPECT_GE(fired[i], due[i]) << i;
    EXPECT_LE(fired[i], due[i] + kTick) << i;
  }
}

// Scenario: Advance() comes three turns late; one timer is due, one is due only after that.
// Guarantees: the first fires once, the second not early and in time.
TEST_F(TimerWheelTest, AdvanceMoreThanOneTurnLate) {
  TestTimer due;
  TestTimer later;
  const TimePoint late = kStart + 3 * kTurn;
  wheel_.Set(due, kStart + milliseconds(10));
  wheel_.Set(later, late + milliseconds(12));
  wheel_.Advance(late);
  EXPECT_EQ(due.fired(), 1);
  EXPECT_EQ(later.fired(), 0);
  EXPECT_LE(wheel_.wake(), late + milliseconds(12) + kTick);
  wheel_.Advance(late + milliseconds(12) + kTick);
  EXPECT_EQ(later.fired(), 1);
}

// Scenario: time is given twice and once backwards.
// Guarantees: nothing fires twice or early.
TEST_F(TimerWheelTest, TimeThatStandsStillOrStepsBackFiresNothing) {
  TestTimer timer;
  wheel_.Advance(kStart + seconds(1));
  wheel_.Set(timer, kStart + seconds(1) + milliseconds(10));
  wheel_.Advance(kStart + seconds(1));
  wheel_.Advance(kStart + milliseconds(500));
  EXPECT_EQ(timer.fired(), 0);
  wheel_.Advance(kStart + seconds(1) + milliseconds(15));
  EXPECT_EQ(timer.fired(), 1);
}

// Scenario: the wheel goes before its timers.
// Guarantees: they are unset and may be destroyed.
TEST(TimerWheelLifetimeTest, TimersOutliveTheWheel) {
  TestTimer timer;
  {
    TimerWheel wheel(kStart);
    wheel.Set(timer, kStart + milliseconds(10));
  }
  EXPECT_FALSE(timer.is_set());
}

// Scenario: 400 timers, 30,000 random settings (from the past to three turns ahead), cancellations
// and steps of time (from 0 to more than a turn), seeded.
// Guarantees: against a plain model: a timer fires exactly when it must: not before its due
// time, and by the first Advance() at least a tick after it.
TEST(TimerWheelPropertyTest, AgreesWithAModel) {
  std::mt19937_64 random(20260101);
  TimerWheel wheel(kStart);
  TimePoint now = kStart;
  struct Modelled {
    bool is_set = false;
    TimePoint due{};
    TimePoint earliest{};  // due, or the moment it was set if that is later
    int early = 0;
    std::unique_ptr<TestTimer> timer;
  };
  std::vector<Modelled> all(400);
  for (Modelled& one : all) {
    one.timer = std::make_unique<TestTimer>([&one, &now] {
      one.early += !one.is_set || now < one.due;
      one.is_set = false;
    });
  }
  for (int step = 0; step < 30'000; ++step) {
    Modelled& one = all[random() % all.size()];
    const std::uint64_t kind = random() % 10;
    if (kind < 6) {
      const auto delay =
          microseconds(random() % 4 == 0 ? random() % 60'000'000 : random() % 200'000);
      one.due = now + delay - milliseconds(20);
      one.earliest = std::max(one.due, now);
      one.is_set = true;
      wheel.Set(*one.timer, one.due);
    } else if (kind < 8) {
      one.is_set = false;
      one.timer->Cancel();
    } else {
      now += microseconds(random() % 50 == 0 ? random() % 30'000'000 : random() % 30'000);
      wheel.Advance(now);
      for (const Modelled& each : all) {
        ASSERT_EQ(each.early, 0) << "fired early or while not set, step " << step;
        ASSERT_EQ(each.is_set, each.timer->is_set()) << step;
        if (each.is_set) {
          ASSERT_LT(now - kTick, each.earliest) << "late, step " << step;
          ASSERT_LE(wheel.wake(), each.earliest + kTick) << step;
        }
      }
    }
  }
}

}  // namespace
}  // namespace router
