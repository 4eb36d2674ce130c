#include "router/transport/handshake_pace.h"

#include <algorithm>

namespace router {

void HandshakePace::Took(TimePoint began, TimePoint ended, Duration slept) {
  spent_ += ended - began;
  if (ended - since_ >= kWindow) Measure(ended, slept);
  const std::chrono::duration<double> due = std::chrono::duration<double>(ended - began) / share_;
  next_at_ = std::max(next_at_, began - kLateMax) + std::chrono::duration_cast<Duration>(due);
}

void HandshakePace::Measure(TimePoint now, Duration slept) {
  const Duration left = std::max<Duration>(now - since_ - spent_, Duration(1));
  const Duration rest = left - (slept - slept_before_);
  const double load = std::chrono::duration<double>(rest) / std::chrono::duration<double>(left);
  const double busy = std::clamp(load / kHandshakeBusyLoad, 0.0, 1.0);
  const double wanted = kHandshakeShareMax - busy * (kHandshakeShareMax - kHandshakeShareMin);
  share_ = std::min(wanted, (share_ + wanted) / 2);
  since_ = now;
  slept_before_ = slept;
  spent_ = {};
}

}  // namespace router
