#include "router/base/timer_wheel.h"

#include <algorithm>

namespace router {

void Timer::Cancel() {
  if (previous_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

TimerWheel::TimerWheel(TimePoint now) : origin_(now) {
  for (Anchor& slot : slots_) {
    Timer& anchor = slot;
    anchor.previous_ = anchor.next_ = &anchor;
  }
}

TimerWheel::~TimerWheel() {
  for (Anchor& slot : slots_) {
    Timer& anchor = slot;
    while (anchor.next_ != &anchor) anchor.next_->Cancel();
  }
}

// The tick at whose end `time` has passed: rounding up is what keeps a timer from firing early.
std::int64_t TimerWheel::TickOf(TimePoint time) const {
  if (time <= origin_) return 0;
  return (time - origin_ + kTimerTick - Duration(1)) / Duration(kTimerTick);
}

void TimerWheel::Link(Timer& anchor, Timer& timer) {
  timer.previous_ = anchor.previous_;
  timer.next_ = &anchor;
  anchor.previous_->next_ = &timer;
  anchor.previous_ = &timer;
}

void TimerWheel::Set(Timer& timer, TimePoint due) {
  timer.Cancel();
  timer.due_ = due;
  const std::int64_t last = tick_ + static_cast<std::int64_t>(kSlots) - 1;
  const std::int64_t tick = std::clamp(TickOf(due), tick_, last);
  Link(slots_[static_cast<std::size_t>(tick) % kSlots], timer);
  wake_ = std::min(wake_, origin_ + tick * Duration(kTimerTick));
}

void TimerWheel::Advance(TimePoint now) {
  const std::int64_t target = now <= origin_ ? 0 : (now - origin_) / Duration(kTimerTick);
  // More than one turn late: one turn visits every slot.
  tick_ = std::max(tick_, target - static_cast<std::int64_t>(kSlots) + 1);
  while (tick_ <= target) {
    Timer& anchor = slots_[static_cast<std::size_t>(tick_++) % kSlots];
    if (anchor.next_ != &anchor) FireSlot(anchor, now);
  }
  wake_ = FindEarliest();
}

void TimerWheel::FireSlot(Timer& anchor, TimePoint now) {
  // Taken out first: OnTimer may set timers, and a late one may come back into this very slot.
  Anchor batch_anchor;
  Timer& batch = batch_anchor;
  batch.next_ = anchor.next_;
  batch.previous_ = anchor.previous_;
  batch.next_->previous_ = batch.previous_->next_ = &batch;
  anchor.previous_ = anchor.next_ = &anchor;
  while (batch.next_ != &batch) {
    Timer& timer = *batch.next_;
    timer.Cancel();
    if (timer.due_ <= now) {
      timer.OnTimer();
    } else {
      Set(timer, timer.due_);
    }
  }
  batch.previous_ = batch.next_ = nullptr;
}

TimePoint TimerWheel::FindEarliest() const {
  for (std::int64_t tick = tick_; tick < tick_ + static_cast<std::int64_t>(kSlots); ++tick) {
    const Timer& anchor = slots_[static_cast<std::size_t>(tick) % kSlots];
    if (anchor.next_ != &anchor) return origin_ + tick * Duration(kTimerTick);
  }
  return TimePoint::max();
}

}  // namespace router
