// HandshakePace: how much of a worker's time the TLS handshakes of its clients may take.
//
// kHandshakeShareMax of it while there is nothing else to do, and the less the busier the rest
// makes the time that handshakes leave it: kHandshakeShareMin once that is kHandshakeBusyLoad.
// The share falls at once and rises by half of what is missing, each kWindow.
//
// Why not how busy the rest makes the worker as a whole: whoever waits for an answer before asking
// again asks the less, the more the handshakes take; it would look as if there were little to do.
// Thread safety: none; no clock of its own.
#pragma once

#include "router/base/clock.h"
#include "router/base/limits.h"

namespace router {

class HandshakePace {
 public:
  explicit HandshakePace(TimePoint now) : since_(now) {}

  // A step of a handshake was taken. `slept`: what the loop has slept in all, until now.
  void Took(TimePoint began, TimePoint ended, Duration slept);

  // When the next one may be taken. What one came late, up to kLateMax, the next may come early:
  // timers are coarser than a step is long.
  TimePoint next_at() const { return next_at_; }
  double share() const { return share_; }

  static constexpr milliseconds kWindow{100};
  static constexpr Duration kLateMax = 2 * kTimerTick;

 private:
  void Measure(TimePoint now, Duration slept);

  double share_ = kHandshakeShareMax;
  TimePoint next_at_{};
  TimePoint since_;          // beginning of the window
  Duration slept_before_{};  // until then
  Duration spent_{};         // on steps, in the window
};

}  // namespace router
