// Requests are refused at their headers only while the worker is busy and its queue too long.
#include "router/forward/admission.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

namespace router::test {
namespace {

class AdmissionTest : public testing::Test {
 protected:
  // Turns for `time` with always something ready, as under overload. What `each` does is done every
  // millisecond or so.
  void BeBusy(
      milliseconds time, const std::function<void()>& each = [] {}) {
    const TimePoint until = Clock::now() + time;
    bool is_over = false;
    std::function<void()> work = [&] {
      const TimePoint end = Clock::now() + milliseconds(1);
      while (Clock::now() < end) {
      }
      each();
      if (Clock::now() < until) {
        loop_.Post(work);
      } else {
        is_over = true;
      }
    };
    loop_.Post(work);
    while (!is_over) loop_.Turn(true);
  }
  void BeIdle(milliseconds time) {
    bool is_over = false;
    boost::asio::steady_timer timer(loop_.io(), time);
    timer.async_wait([&](const boost::system::error_code&) { is_over = true; });
    while (!is_over) loop_.Turn(true);
  }
  // A request comes and is there as a whole.
  void Serve() {
    const auto ticket = admission_.TryEnter(std::chrono::seconds(10));
    ASSERT_TRUE(ticket.has_value());
    admission_.Leave(*ticket, true);
  }
  // How many enter until one is refused, at most `most`.
  int EnterUntilRefused(Duration time, int most) {
    for (int i = 0; i < most; ++i) {
      const auto ticket = admission_.TryEnter(time);
      if (!ticket) return i;
      entered_.push_back(*ticket);
    }
    return most;
  }
  void LeaveAll() {
    for (const Admission::Ticket ticket : std::exchange(entered_, {})) {
      admission_.Leave(ticket, false);
    }
  }

  WorkerLoop loop_;
  MemoryBudget budget_{1000};
  Admission admission_{loop_, budget_};
  std::vector<Admission::Ticket> entered_;
};

// Scenario: 10,000 requests enter a worker that sleeps most of the time and none is whole yet.
// Guarantees: slow clients are no overload.
TEST_F(AdmissionTest, AnIdleWorkerTakesEverything) {
  BeIdle(milliseconds(250));
  EXPECT_LT(loop_.load(), 0.5);
  EXPECT_EQ(EnterUntilRefused(milliseconds(100), 10'000), 10'000);
}

// Scenario: a worker without idle time takes about one request per millisecond; then many come at
// once, with 400 ms and with 10 s to live; then it has idle time again.
// Guarantees: as many enter as will be taken in a quarter of their time, at most half a second;
// never fewer than kWaitingFree; afterwards all. GS-15.
TEST_F(AdmissionTest, ABusyWorkerTakesWhatItCanInTime) {
  BeBusy(milliseconds(350), [&] { Serve(); });
  ASSERT_TRUE(loop_.is_saturated()) << loop_.load();
  const int short_lived = EnterUntilRefused(milliseconds(400), 10'000);
  EXPECT_GE(short_lived, static_cast<int>(Admission::kWaitingFree));
  EXPECT_LE(short_lived, 130) << "at most 1000 per second, for 100 ms";
  const int long_lived = short_lived + EnterUntilRefused(std::chrono::seconds(10), 10'000);
  EXPECT_GE(long_lived, short_lived);
  EXPECT_LE(long_lived, 560) << "for 500 ms";
  LeaveAll();
  EXPECT_TRUE(admission_.TryEnter(milliseconds(400))) << "the queue is gone";
  BeIdle(milliseconds(250));
  EXPECT_EQ(EnterUntilRefused(milliseconds(400), 1000), 1000);
}

// Scenario: 5000 requests begin and their clients send nothing more, while the worker is busy with
// those of others; at the end the clients give up.
// Guarantees: for kCountedMax at most they look like a queue and others are refused; then others
// enter, and what the slow ones' end takes back is only what was counted.
TEST_F(AdmissionTest, WhoWaitsForItsClientIsNoQueue) {
  ASSERT_EQ(EnterUntilRefused(std::chrono::seconds(10), 5000), 5000);
  int served = 0;
  int refused = 0;
  const auto serve_or_not = [&] {
    const auto ticket = admission_.TryEnter(std::chrono::seconds(10));
    ++(ticket ? served : refused);
    if (ticket) admission_.Leave(*ticket, true);
  };
  BeBusy(milliseconds(600), serve_or_not);
  EXPECT_GT(refused, 0);
  BeBusy(Admission::kCountedMax, serve_or_not);
  served = refused = 0;
  BeBusy(milliseconds(200), serve_or_not);
  EXPECT_GT(served, 20);
  EXPECT_EQ(refused, 0);
  LeaveAll();
  EXPECT_GE(EnterUntilRefused(std::chrono::seconds(10), 10'000),
            static_cast<int>(Admission::kWaitingFree));
  EXPECT_LT(entered_.size(), 10'000U) << "a queue is counted as before";
}

// Scenario: three quarters of the memory budget are used, then one byte more.
// Guarantees: the last quarter is for what is here already.
TEST_F(AdmissionTest, KeepsAQuarterOfTheMemoryForWhatIsHere) {
  ASSERT_TRUE(budget_.TryTake(750));
  EXPECT_TRUE(admission_.TryEnter(std::chrono::seconds(1)));
  ASSERT_TRUE(budget_.TryTake(1));
  EXPECT_FALSE(admission_.TryEnter(std::chrono::seconds(1)));
  budget_.Give(751);
}

}  // namespace
}  // namespace router::test
