#include "router/base/thread_annotations.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace router {
namespace {

class Tally {
 public:
  void Add() {
    MutexLock lock(mutex_);
    const int before = count_;
    std::this_thread::yield();  // without the lock, another addition lands here and is lost
    count_ = before + 1;
  }
  int count() {
    MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  int count_ GUARDED_BY(mutex_) = 0;
};

// Scenario: four threads add to one tally, a thousand times each.
// Guarantees: MutexLock excludes: no addition is lost (and ThreadSanitizer sees no race).
TEST(MutexLockTest, AdditionsOfManyThreadsAreAllCounted) {
  Tally tally;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&tally] {
      for (int n = 0; n < 1000; ++n) tally.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tally.count(), 4000);
}

// Scenario: another thread tries a mutex while it is held, and again after the scope of the lock
// has ended.
// Guarantees: TryLock refuses a held mutex; MutexLock gives it back at the end of its scope.
TEST(MutexLockTest, ReleasesAtEndOfScope) {
  Mutex mutex;
  auto try_elsewhere = [&mutex] {
    bool taken = false;
    std::thread([&] {
      if (mutex.TryLock()) {
        taken = true;
        mutex.Unlock();
      }
    }).join();
    return taken;
  };
  {
    MutexLock lock(mutex);
    EXPECT_FALSE(try_elsewhere());
  }
  EXPECT_TRUE(try_elsewhere());
}

}  // namespace
}  // namespace router
