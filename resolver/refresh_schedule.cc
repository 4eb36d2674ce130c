#include "resolver/refresh_schedule.h"

#include <algorithm>

namespace resolver {
namespace {

constexpr double kJitter = 0.1;

}  // namespace

RefreshSchedule::RefreshSchedule(std::chrono::milliseconds interval,
                                 std::chrono::milliseconds interval_min,
                                 std::optional<std::uint64_t> seed)
    : interval_(interval),
      interval_min_(interval_min),
      random_(seed ? *seed : std::random_device{}()) {}

std::chrono::milliseconds RefreshSchedule::Next(std::optional<std::uint32_t> ttl,
                                                std::chrono::milliseconds elapsed) {
  std::chrono::milliseconds base = interval_;
  if (ttl) {
    base = std::min<std::chrono::milliseconds>(base, std::chrono::seconds(*ttl));
  }
  base = std::max(base, interval_min_);
  std::uniform_real_distribution<double> factor(1.0 - kJitter, 1.0 + kJitter);
  const std::chrono::milliseconds period(static_cast<std::chrono::milliseconds::rep>(
      static_cast<double>(base.count()) * factor(random_)));
  return std::max(interval_min_, period - elapsed);
}

}  // namespace resolver
