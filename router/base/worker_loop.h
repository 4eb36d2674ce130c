// WorkerLoop: the event loop of one worker: run what is ready, then write once per connection, then
// sleep.
//
// Writing at the end of a turn and not per message is what halves the cost of a request
// (docs/decisions/0003-worker-loop.md). A turn ends after kHandlersPerTurnMax handlers, kTurnMax or
// kBytesPerTurnMax read. At its end those that still decide what to send have their say before
// those that write: what they send goes out with the same write.
// Thread safety: Post() and Stop() any thread; everything else the worker's own thread, inside
// Run().
// Ownership: owns the io_context, the timer wheel and the read buffer; borrows Flushables until
// they are flushed or destroyed.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "router/base/clock.h"
#include "router/base/timer_wheel.h"

namespace router {

class WorkerLoop;

// Something with work for the end of the turn.
class Flushable {
 public:
  enum class Stage : std::uint8_t { kDecide, kWrite };

  Flushable(WorkerLoop& loop, Stage stage) : loop_(loop), stage_(stage) {}
  virtual ~Flushable();
  Flushable(const Flushable&) = delete;
  Flushable& operator=(const Flushable&) = delete;

  // Asks for Flush() at the end of this turn; asking twice is asking once.
  void MarkDirty();

 protected:
  WorkerLoop& loop() const { return loop_; }

 private:
  friend class WorkerLoop;
  virtual void Flush() = 0;

  WorkerLoop& loop_;
  const Stage stage_;
  bool is_dirty_ = false;
};

class WorkerLoop {
 public:
  WorkerLoop();
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  // Runs turns until Stop(). Call it on the worker's thread.
  void Run();
  // One turn; blocks for the first handler when `wait`. For Run() and for tests that drive a loop
  // by hand.
  void Turn(bool wait);
  void Stop();

  template <typename Handler>
  void Post(Handler&& handler) {
    boost::asio::post(io_, std::forward<Handler>(handler));
  }

  boost::asio::io_context& io() { return io_; }
  // The time of the present turn: read once, at its first use after the loop slept.
  TimePoint Now() {
    if (is_now_stale_) ReadClock();
    return now_;
  }
  void SetTimer(Timer& timer, TimePoint due) { wheel_.Set(timer, due); }
  // Scratch for one recv() at a time; its content is gone after the handler returns.
  std::span<std::uint8_t> read_buffer() { return {read_buffer_.get(), kReadBufferBytes}; }
  // Counted against kBytesPerTurnMax.
  void CountRead(std::size_t bytes) { turn_bytes_ += bytes; }
  // How busy it was in the last full kLoadWindow, from 0 (asleep) to 1 (there was always something
  // ready).
  double load() const { return load_; }
  // How long it was asleep in all, until the present turn.
  Duration slept() const { return slept_; }
  bool is_saturated() const { return load_ >= kSaturatedLoad; }
  // Turns finished; grows while the loop is alive. Any thread.
  std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 private:
  friend class Flushable;
  static constexpr milliseconds kLoadWindow{100};
  static constexpr double kBusyLoad = 0.7;  // worth to be measured exactly
  std::size_t RunFirst(bool wait);
  void ReadClock();
  void RunTimers();
  void ArmTimer();
  void FlushDirty();

  std::size_t turn_bytes_ = 0;  // read in the present turn
  TimePoint now_;
  bool is_now_stale_ = false;
  TimePoint load_since_;  // beginning of the window that is being measured
  Duration slept_{};
  Duration slept_before_{};  // until load_since_
  double load_ = 0;
  TimerWheel wheel_;
  std::unique_ptr<std::uint8_t[]> read_buffer_;
  // What a stage has still to flush, from `next` on; null where one was destroyed meanwhile.
  struct DirtyList {
    std::vector<Flushable*> list;
    std::size_t next = 0;
    bool is_done() const { return next == list.size(); }
  };
  std::array<DirtyList, 2> dirty_;  // by Stage
  std::atomic<std::uint64_t> turns_{0};
  // Below everything that the handlers it still holds may touch when they are destroyed with it.
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer alarm_;
  TimePoint alarm_at_ = TimePoint::max();
};

}  // namespace router
