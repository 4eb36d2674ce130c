// Bodies that arrive while the memory budget is nearly full wait their turn, and none for ever.
#include "router/forward/upload_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "router/base/limits.h"

namespace router::test {
namespace {

using std::chrono::seconds;

class FakeUpload final : public Upload {
 public:
  explicit FakeUpload(UploadGate& gate) : gate_(gate) {}
  ~FakeUpload() { gate_.Leave(*this); }
  bool is_held = false;
  int expired = 0;

 private:
  void OnUploadHeld(bool held) override {
    EXPECT_NE(is_held, held) << "told twice";
    is_held = held;
  }
  void OnUploadExpired() override { ++expired; }
  UploadGate& gate_;
};

class UploadGateTest : public testing::Test {
 protected:
  static constexpr std::size_t kLimit = std::size_t{16} << 20;

  void Fill() { ASSERT_TRUE(budget_.TryTake(kLimit - kLimit / 4 + 1)); }
  void Free() { budget_.Give(kLimit - kLimit / 4 + 1); }
  void Grow(FakeUpload& upload, Duration patience = seconds(30)) {
    gate_.OnGrown(upload, loop_.Now() + patience);
  }
  bool Until(const std::function<bool()>& is_met) {
    const TimePoint end = Clock::now() + seconds(10);
    while (!is_met() && Clock::now() < end) loop_.Turn(false);
    return is_met();
  }
  void TurnFor(milliseconds time) {
    const TimePoint end = Clock::now() + time;
    while (Clock::now() < end) loop_.Turn(false);
  }

  WorkerLoop loop_;
  MemoryBudget budget_{kLimit};
  Counter held_;
  UploadGate gate_{loop_, budget_, held_};
};

// Scenario: bodies grow while exactly three quarters of the budget are used; then a byte more is.
// Guarantees: none waits at the limit; beyond it all but the first.
TEST_F(UploadGateTest, BodiesWaitOnlyWhenTheBudgetIsNearlyFull) {
  FakeUpload first(gate_), second(gate_);
  ASSERT_TRUE(budget_.TryTake(kLimit - kLimit / 4));
  Grow(first);
  Grow(second);
  EXPECT_FALSE(first.is_held);
  EXPECT_FALSE(second.is_held);
  ASSERT_TRUE(budget_.TryTake(1));
  Grow(first);
  Grow(second);
  Grow(second);  // what was on its way
  EXPECT_FALSE(first.is_held) << "one at a time goes on";
  EXPECT_TRUE(second.is_held);
  EXPECT_EQ(held_.Value(), 1u);
}

// Scenario: of four bodies one goes on and is done; then the next; then memory for one window, and
// then for many, comes free.
// Guarantees: in the order in which they came; no more at once than there is room for.
TEST_F(UploadGateTest, TheNextOneGoesWhenOneIsDoneOrMemoryIsFree) {
  Fill();
  std::vector<std::unique_ptr<FakeUpload>> uploads;
  for (int i = 0; i < 5; ++i) {
    uploads.push_back(std::make_unique<FakeUpload>(gate_));
    Grow(*uploads.back());
  }
  const auto held = [&] {
    return std::count_if(uploads.begin(), uploads.end(), [](const auto& u) { return u->is_held; });
  };
  EXPECT_EQ(held(), 4);
  EXPECT_FALSE(gate_.Leave(*uploads[0])) << "it was not held";
  ASSERT_TRUE(Until([&] { return !uploads[1]->is_held; }));
  EXPECT_EQ(held(), 3) << "and nobody else";
  budget_.Give(kServerStreamWindowBytes);
  ASSERT_TRUE(Until([&] { return !uploads[2]->is_held; }));
  EXPECT_EQ(held(), 2) << "there is room for one";
  budget_.Give(8 * kServerStreamWindowBytes);
  ASSERT_TRUE(Until([&] { return held() == 0; }));
  EXPECT_EQ(gate_.waiting_count(), 0u);
}

// Scenario: the one whose turn it is sends nothing more, and then goes on; memory stays full.
// Guarantees: the turn passes on in time, so that a slow client keeps nobody from it; the slow one
// waits behind the others.
TEST_F(UploadGateTest, ATurnIsBounded) {
  Fill();
  FakeUpload slow(gate_), next(gate_), last(gate_);
  Grow(slow);
  Grow(next);
  Grow(last);
  const TimePoint begin = Clock::now();
  ASSERT_TRUE(Until([&] { return !next.is_held; }));
  EXPECT_GE(Clock::now() - begin, UploadGate::kTurn - milliseconds(10));
  EXPECT_TRUE(last.is_held);
  Grow(slow);
  EXPECT_TRUE(slow.is_held);
  ASSERT_TRUE(Until([&] { return !last.is_held; }));
  EXPECT_TRUE(slow.is_held);
  ASSERT_TRUE(Until([&] { return !slow.is_held; }));
}

// Scenario: memory never comes free, and the one whose turn it is goes on for ever.
// Guarantees: who waits is told at its time that it was in vain, once, and not before.
TEST_F(UploadGateTest, WaitingEndsInTime) {
  Fill();
  FakeUpload first(gate_), patient(gate_), hasty(gate_);
  Grow(first);
  Grow(patient, milliseconds(150));
  Grow(hasty, milliseconds(50));
  TurnFor(milliseconds(20));
  EXPECT_EQ(hasty.expired, 0);
  ASSERT_TRUE(Until([&] { return hasty.expired == 1; }));
  ASSERT_TRUE(Until([&] { return patient.expired == 1; }));
  EXPECT_EQ(gate_.waiting_count(), 0u);
  TurnFor(milliseconds(30));
  EXPECT_EQ(hasty.expired + patient.expired + first.expired, 2);
}

// Scenario: bodies that wait, and the one whose turn it is, end by themselves; later memory frees.
// Guarantees: they are told nothing any more; the turn goes to who is left.
TEST_F(UploadGateTest, WhoLeavesHearsNothingMore) {
  Fill();
  FakeUpload first(gate_), second(gate_), third(gate_);
  Grow(first);
  Grow(second);
  Grow(third);
  EXPECT_TRUE(gate_.Leave(second));
  EXPECT_FALSE(gate_.Leave(second)) << "once";
  gate_.Leave(first);
  ASSERT_TRUE(Until([&] { return !third.is_held; }));
  gate_.Leave(third);
  Free();
  TurnFor(milliseconds(30));
  EXPECT_TRUE(second.is_held) << "as it was";
}

}  // namespace
}  // namespace router::test
