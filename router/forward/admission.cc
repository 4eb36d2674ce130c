#include "router/forward/admission.h"

#include <algorithm>
#include <numeric>

namespace router {

std::optional<Admission::Ticket> Admission::TryEnter(Duration time) {
  RollWindow();
  RollPeriods();
  if (budget_.is_nearly_full()) return std::nullopt;
  const std::uint32_t waiting = Waiting();
  if (waiting >= kWaitingFree && loop_.is_saturated() && rate_ > 0) {
    const std::chrono::duration<double> expected(waiting / rate_);
    if (expected > std::min<Duration>(time / 4, kWaitMax)) return std::nullopt;
  }
  ++waiting_[period_ % kPeriods];
  return period_;
}

void Admission::Leave(Ticket ticket, bool is_whole) {
  if (ticket + kPeriods > period_) --waiting_[ticket % kPeriods];
  if (is_whole) ++whole_in_window_;
}

std::uint32_t Admission::Waiting() const {
  return std::accumulate(waiting_.begin(), waiting_.end(), std::uint32_t{0});
}

// What entered a period that falls out is forgotten.
void Admission::RollPeriods() {
  const auto now = static_cast<Ticket>(loop_.Now().time_since_epoch() / kPeriod);
  for (Ticket left = std::min<Ticket>(now - period_, kPeriods); left > 0; --left) {
    waiting_[(now - left + 1) % kPeriods] = 0;
  }
  period_ = now;
}

void Admission::RollWindow() {
  const Duration age = loop_.Now() - window_start_;
  if (age < kRateWindow) return;
  rate_ = whole_in_window_ / std::chrono::duration<double>(age).count();
  whole_in_window_ = 0;
  window_start_ = loop_.Now();
}

}  // namespace router
