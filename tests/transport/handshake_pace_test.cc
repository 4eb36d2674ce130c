// A worker with a clock of its own: requests, and more handshakes than it can ever take.
#include "router/transport/handshake_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace router {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

struct Traffic {
  std::size_t callers = 0;
  Duration cost{};  // of a request, on the worker
  // From the answer to the caller's next request; or, of callers who do not wait for answers, from
  // one request to the next.
  Duration pause{};
  bool waits_for_answers = true;
};

// Between two steps of handshakes whatever is due is served; timers come a tick late.
class FakeWorker {
 public:
  // `beside`: what each step costs besides, to accept and to close.
  explicit FakeWorker(Duration step, Duration beside = {}) : step_(step), beside_(beside) {}

  struct Used {
    double handshakes = 0;  // parts of the time
    double requests = 0;
  };
  Used Run(const Traffic& traffic, Duration length, bool has_handshakes = true) {
    const TimePoint began = now_;
    const TimePoint end = now_ + length;
    std::vector<TimePoint> due(traffic.callers, now_);
    Duration handshakes{};
    Duration requests{};
    while (now_ < end) {
      bool is_idle = true;
      for (TimePoint& next : due) {
        if (next > now_) continue;
        is_idle = false;
        now_ += traffic.cost;
        requests += traffic.cost;
        next = (traffic.waits_for_answers ? now_ : next) + traffic.pause;
      }
      if (has_handshakes && pace_.next_at() <= now_) {
        now_ += step_;
        handshakes += step_;
        pace_.Took(now_ - step_, now_, slept_);
        now_ += beside_;
      } else if (is_idle) {
        TimePoint wake = has_handshakes ? pace_.next_at() + kTimerTick : end;
        for (const TimePoint next : due) wake = std::min(wake, next);
        slept_ += wake - now_;
        now_ = wake;
      }
    }
    const std::chrono::duration<double> all = now_ - began;
    return {handshakes / all, requests / all};
  }
  double share() const { return pace_.share(); }

 private:
  const Duration step_;
  const Duration beside_;
  TimePoint now_ = Clock::now();
  Duration slept_{};
  HandshakePace pace_{now_};
};

constexpr microseconds kSteps[] = {microseconds(200), microseconds(1000), microseconds(6000)};

// Scenario: nothing but handshakes, of steps shorter than a timer's tick and longer.
// Guarantees: A-25: they get all but a tenth of the worker.
TEST(HandshakePaceTest, A25AnIdleWorkerTakesThemAsTheyCome) {
  for (const microseconds step : kSteps) {
    const auto used = FakeWorker(step).Run({}, seconds(10));
    EXPECT_GT(used.handshakes, kHandshakeShareMax - 0.02) << step.count();
    EXPECT_LT(used.handshakes, kHandshakeShareMax + 0.02) << step.count();
  }
}

// Scenario: a crowd connects and leaves: a fifth of what a handshake takes goes into connections.
// Guarantees: handshakes get a third of the worker at least.
TEST(HandshakePaceTest, ACrowdThatOnlyConnects) {
  for (const microseconds step : kSteps) {
    const auto used = FakeWorker(step, step / 5).Run({}, seconds(10));
    EXPECT_GT(used.handshakes, 0.33) << step.count();
  }
}

// Scenario: sixteen callers who ask again once they have their answer, and keep the worker busy for
// half of its time, a quarter of it, or all of it.
// Guarantees: A-25: handshakes get a tenth, although each makes the callers wait; the callers keep
// what is to be had of the rest.
TEST(HandshakePaceTest, A25CallersWhoWaitKeepTheirWorker) {
  for (const microseconds step : kSteps) {
    for (const microseconds pause : {microseconds(1920), microseconds(640), microseconds(10)}) {
      const Traffic traffic{.callers = 16, .cost = microseconds(40), .pause = pause};
      const auto alone = FakeWorker(step).Run(traffic, seconds(10), false);
      const auto beside = FakeWorker(step).Run(traffic, seconds(10));
      EXPECT_LT(beside.handshakes, kHandshakeShareMin + 0.02) << step.count();
      EXPECT_GT(beside.handshakes, kHandshakeShareMin - 0.02) << step.count();
      EXPECT_GT(beside.requests, 0.87 * alone.requests) << step.count() << " " << pause.count();
    }
  }
}

// Scenario: requests that come whatever has become of those before, a twentieth and half of what
// the worker can do.
// Guarantees: all are served; handshakes get more than a tenth of a worker that has time to spare.
TEST(HandshakePaceTest, WhatIsLeftGoesToHandshakes) {
  for (const microseconds step : kSteps) {
    Traffic traffic{.callers = 1, .cost = microseconds(50), .waits_for_answers = false};
    traffic.pause = microseconds(1000);
    const auto light = FakeWorker(step).Run(traffic, seconds(10));
    EXPECT_NEAR(light.requests, 0.05, 0.005);
    EXPECT_GT(light.handshakes, 0.4);
    traffic.pause = microseconds(100);
    const auto half = FakeWorker(step).Run(traffic, seconds(10));
    EXPECT_NEAR(half.requests, 0.5, 0.02);
    EXPECT_LT(half.handshakes, kHandshakeShareMin + 0.02);
  }
}

// Scenario: a flood alone, then callers come, then they leave; then a pause, and the flood again.
// Guarantees: handshakes make room within two windows, and have it again within five.
TEST(HandshakePaceTest, TheShareFollowsTheLoad) {
  FakeWorker worker(microseconds(1000));
  worker.Run({}, seconds(1));
  EXPECT_EQ(worker.share(), kHandshakeShareMax);
  const Traffic traffic{.callers = 16, .cost = microseconds(40), .pause = microseconds(640)};
  worker.Run(traffic, 2 * HandshakePace::kWindow);
  EXPECT_NEAR(worker.share(), kHandshakeShareMin, 0.001);
  worker.Run({}, 5 * HandshakePace::kWindow);
  EXPECT_GT(worker.share(), 0.8);
  worker.Run(traffic, seconds(1));
  worker.Run({}, seconds(60), false);
  worker.Run({}, 5 * HandshakePace::kWindow);
  EXPECT_GT(worker.share(), 0.8);
}

}  // namespace
}  // namespace router
