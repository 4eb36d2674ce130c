#include "router/base/worker_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace router {
namespace {

class CountingFlushable final : public Flushable {
 public:
  explicit CountingFlushable(WorkerLoop& loop, std::function<void()> on_flush = {},
                             Stage stage = Stage::kWrite)
      : Flushable(loop, stage), on_flush_(std::move(on_flush)) {}
  int flushes() const { return flushes_; }

 private:
  void Flush() override {
    ++flushes_;
    if (on_flush_) on_flush_();
  }
  std::function<void()> on_flush_;
  int flushes_ = 0;
};

class OwnTimer final : public Timer {
 public:
  bool has_fired() const { return has_fired_; }

 private:
  void OnTimer() override { has_fired_ = true; }
  bool has_fired_ = false;
};

// Scenario: several handlers of one turn mark the same thing dirty.
// Guarantees: flushed once, after the handlers; not again in the next turn.
TEST(WorkerLoopTest, FlushesOncePerTurnAfterTheHandlers) {
  WorkerLoop loop;
  CountingFlushable flushable(loop);
  int flushes_seen = 0;
  for (int i = 0; i < 5; ++i) {
    loop.Post([&] {
      flushable.MarkDirty();
      flushes_seen += flushable.flushes();
    });
  }
  loop.Turn(true);
  EXPECT_EQ(flushable.flushes(), 1);
  EXPECT_EQ(flushes_seen, 0);
  loop.Turn(false);
  EXPECT_EQ(flushable.flushes(), 1);
  EXPECT_EQ(loop.turns(), 2U);
}

// Scenario: something that writes is marked dirty before something that decides, and the latter
// marks the former once more; then the writing one marks the deciding one. Guarantees: those that
// decide are flushed before those that write, so one write takes it all; what comes up later in the
// same turn is flushed too.
TEST(WorkerLoopTest, DecidesBeforeItWrites) {
  WorkerLoop loop;
  std::string order;
  CountingFlushable* late = nullptr;
  CountingFlushable writing(loop, [&] {
    order += 'w';
    if (order == "dw") late->MarkDirty();
  });
  CountingFlushable deciding(
      loop,
      [&] {
        order += 'd';
        writing.MarkDirty();
      },
      Flushable::Stage::kDecide);
  late = &deciding;
  loop.Post([&] {
    writing.MarkDirty();
    deciding.MarkDirty();
  });
  loop.Turn(true);
  EXPECT_EQ(order, "dwdw");
}

// Scenario: ten handlers are ready, each reads a quarter of what a turn may read.
// Guarantees: a turn ends with the read that uses it up; the next one begins anew.
TEST(WorkerLoopTest, BytesOfATurnAreBounded) {
  WorkerLoop loop;
  int ran = 0;
  for (int i = 0; i < 10; ++i) {
    loop.Post([&] {
      ++ran;
      loop.CountRead(kBytesPerTurnMax / 4);
    });
  }
  loop.Turn(false);
  EXPECT_EQ(ran, 4);
  loop.Turn(false);
  EXPECT_EQ(ran, 8);
  loop.Turn(false);
  EXPECT_EQ(ran, 10);
}

// Scenario: a hundred handlers are ready, each marks dirty.
// Guarantees: a turn ends after kHandlersPerTurnMax handlers, so that writing is not starved.
TEST(WorkerLoopTest, TurnIsBounded) {
  WorkerLoop loop;
  CountingFlushable flushable(loop);
  int ran = 0;
  for (int i = 0; i < 100; ++i) {
    loop.Post([&] {
      ++ran;
      flushable.MarkDirty();
    });
  }
  loop.Turn(true);
  EXPECT_EQ(ran, kHandlersPerTurnMax);
  EXPECT_EQ(flushable.flushes(), 1);
  loop.Turn(true);
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(flushable.flushes(), 2);
}

// Scenario: a Flush() marks another dirty that comes earlier in the list, and itself once.
// Guarantees: both are flushed in the same turn.
TEST(WorkerLoopTest, DirtyDuringFlushIsFlushedInTheSameTurn) {
  WorkerLoop loop;
  CountingFlushable other(loop);
  CountingFlushable* self = nullptr;
  CountingFlushable flushable(loop, [&] {
    if (self->flushes() > 1) return;
    other.MarkDirty();
    self->MarkDirty();
  });
  self = &flushable;
  other.MarkDirty();
  flushable.MarkDirty();
  loop.Turn(false);
  EXPECT_EQ(flushable.flushes(), 2);
  EXPECT_EQ(other.flushes(), 2);
}

// Scenario: dirty things are destroyed: before the flush, by another's Flush(), and by their own.
// Guarantees: no call into what is gone (the address sanitizer watches).
TEST(WorkerLoopTest, DestroyedWhileDirtyIsForgotten) {
  WorkerLoop loop;
  int flushed = 0;
  {
    CountingFlushable before(loop, [&] { ++flushed; });
    before.MarkDirty();
  }
  auto victim = std::make_unique<CountingFlushable>(loop, [&] { ++flushed; });
  CountingFlushable killer(loop, [&] { victim.reset(); });
  std::unique_ptr<CountingFlushable> own;
  own = std::make_unique<CountingFlushable>(loop, [&] {
    own->MarkDirty();
    const auto dies = std::move(own);
  });
  killer.MarkDirty();
  victim->MarkDirty();
  own->MarkDirty();
  loop.Turn(false);
  EXPECT_EQ(flushed, 0);
  EXPECT_EQ(own, nullptr);
  loop.Turn(false);
}

// Scenario: the loop ends while a handler that never ran holds the last reference to something
// dirty with a timer set (a connection at shutdown).
// Guarantees: it may still unlink itself from the loop (the address sanitizer watches).
TEST(WorkerLoopTest, LoopEndsWithPendingHandlersThatOwnDirtyThings) {
  auto loop = std::make_unique<WorkerLoop>();
  auto flushable = std::make_shared<CountingFlushable>(*loop);
  auto timer = std::make_shared<OwnTimer>();
  for (int i = 0; i < 100; ++i) std::make_shared<CountingFlushable>(*loop)->MarkDirty();
  flushable->MarkDirty();
  loop->SetTimer(*timer, loop->Now() + std::chrono::hours(1));
  loop->Post([held = std::move(flushable), timer = std::move(timer)] {});
  loop.reset();
}

// Scenario: a timer 20 ms ahead, a loop without any other work, Turn(true).
// Guarantees: the loop sleeps for it and wakes by itself; it does not fire early.
TEST(WorkerLoopTest, SleepsUntilATimerIsDue) {
  WorkerLoop loop;
  OwnTimer timer;
  const TimePoint due = Clock::now() + milliseconds(20);
  loop.Post([&] { loop.SetTimer(timer, due); });
  for (int turns = 0; !timer.has_fired() && turns < 100; ++turns) loop.Turn(true);
  EXPECT_TRUE(timer.has_fired());
  EXPECT_GE(Clock::now(), due);
}

// Scenario: the loop waits for a timer an hour ahead; a nearer one is set, and another after that
// fired.
// Guarantees: the alarm is moved forward.
TEST(WorkerLoopTest, NearerTimerMovesTheAlarmForward) {
  WorkerLoop loop;
  OwnTimer far;
  loop.SetTimer(far, Clock::now() + std::chrono::hours(1));
  loop.Turn(false);
  for (int i = 0; i < 2; ++i) {
    OwnTimer near;
    loop.SetTimer(near, Clock::now() + milliseconds(10));
    loop.Turn(false);
    for (int turns = 0; !near.has_fired() && turns < 100; ++turns) loop.Turn(true);
    EXPECT_TRUE(near.has_fired());
  }
  EXPECT_TRUE(far.is_set());
}

// Scenario: two handlers of one turn ask for the time, with some time passing in between; then the
// next turn.
// Guarantees: one clock reading per turn; the next turn has a later one.
TEST(WorkerLoopTest, TimeStandsStillWithinATurn) {
  WorkerLoop loop;
  TimePoint first;
  TimePoint second;
  loop.Post([&] {
    first = loop.Now();
    while (Clock::now() == first) {
    }
  });
  loop.Post([&] { second = loop.Now(); });
  loop.Turn(true);
  EXPECT_EQ(first, second);
  loop.Post([&] { second = loop.Now(); });
  loop.Turn(true);
  EXPECT_GT(second, first);
}

// Scenario: Run() on a thread; another posts work to it, reads turns(), and stops it.
// Guarantees: posted work runs on the loop's thread; Run() returns (ThreadSanitizer sees no race).
TEST(WorkerLoopTest, PostAndStopFromAnotherThread) {
  WorkerLoop loop;
  std::thread::id ran_on;
  std::atomic<int> ran{0};
  std::thread worker([&] { loop.Run(); });
  const auto worker_id = worker.get_id();
  for (int i = 0; i < 1000; ++i) {
    loop.Post([&] {
      ran_on = std::this_thread::get_id();
      if (++ran == 1000) loop.Stop();
    });
  }
  worker.join();
  EXPECT_EQ(ran, 1000);
  EXPECT_EQ(ran_on, worker_id);
  EXPECT_GT(loop.turns(), 0U);
}

// Scenario: Stop() from another thread while the loop sleeps.
// Guarantees: it wakes and returns.
TEST(WorkerLoopTest, StopWakesASleepingLoop) {
  WorkerLoop loop;
  std::thread worker([&] { loop.Run(); });
  loop.Stop();
  worker.join();
  SUCCEED() << "Run() returned; ctest's deadline is the other outcome";
}

}  // namespace
}  // namespace router
