#include "router/forward/admission.h"

#include <algorithm>

namespace router {

bool Admission::TryEnter(Duration time) {
  RollWindow();
  if (budget_.is_nearly_full()) return false;
  if (waiting_ >= kWaitingFree && loop_.is_saturated() && rate_ > 0) {
    const std::chrono::duration<double> expected(waiting_ / rate_);
    if (expected > std::min<Duration>(time / 4, kWaitMax)) return false;
  }
  ++waiting_;
  return true;
}

void Admission::Leave(bool is_whole) {
  --waiting_;
  if (is_whole) ++whole_in_window_;
}

void Admission::RollWindow() {
  const Duration age = loop_.Now() - window_start_;
  if (age < kRateWindow) return;
  rate_ = whole_in_window_ / std::chrono::duration<double>(age).count();
  whole_in_window_ = 0;
  window_start_ = loop_.Now();
}

}  // namespace router
