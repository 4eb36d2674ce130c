// TimerWheel: many timers of which few ever fire (request deadlines), O(1) to set and to cancel.
//
// Resolution is kTimerTick; a timer never fires early and at most one tick late after Advance() is
// called in time. Delays beyond one turn of the wheel are carried over.
// Thread safety: its worker only.
// Ownership: the wheel borrows timers; a Timer unlinks itself when destroyed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "router/base/clock.h"
#include "router/base/limits.h"

namespace router {

// A timer is a base class or a member of whatever waits. OnTimer may set it again or destroy it.
class Timer {
 public:
  Timer() = default;
  virtual ~Timer() { Cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Cancel();
  bool is_set() const { return previous_ != nullptr; }

 protected:
  virtual void OnTimer() = 0;

 private:
  friend class TimerWheel;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  TimePoint due_{};
};

// A timer as a member: `MemberTimer<Backend, &Backend::Connect> reconnect_{*this};`
template <typename Owner, void (Owner::*kMethod)()>
class MemberTimer final : public Timer {
 public:
  explicit MemberTimer(Owner& owner) : owner_(owner) {}

 private:
  void OnTimer() override { (owner_.*kMethod)(); }
  Owner& owner_;
};

class TimerWheel {
 public:
  explicit TimerWheel(TimePoint now);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Sets (or moves) `timer` to fire at the first Advance(now) with now >= due.
  void Set(Timer& timer, TimePoint due);
  // Fires everything due.
  void Advance(TimePoint now);
  // When to call Advance() next: not later than the earliest timer needs; TimePoint::max() when
  // none is set.
  TimePoint wake() const { return wake_; }

 private:
  static constexpr std::size_t kSlots = 4096;  // 20 s at 5 ms
  class Anchor final : public Timer {
    void OnTimer() override {}
  };
  std::int64_t TickOf(TimePoint time) const;
  static void Link(Timer& anchor, Timer& timer);
  void FireSlot(Timer& anchor, TimePoint now);
  TimePoint FindEarliest() const;

  TimePoint origin_;
  std::int64_t tick_ = 0;  // everything before this tick has fired
  TimePoint wake_ = TimePoint::max();
  std::array<Anchor, kSlots> slots_;
};

}  // namespace router
