// RetrySchedule: how long to wait after failures in a row: twice as long each time, ± 50 %, so that
// many replicas do not come back at the same moment.
// Thread safety: none needed, one owner. No clock: a function of its seed and what it is told.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace resolver {

class RetrySchedule {
 public:
  // Without a seed it takes a random one.
  RetrySchedule(std::chrono::milliseconds min, std::chrono::milliseconds max,
                std::optional<std::uint64_t> seed)
      : min_(min), max_(max), next_(min), random_(seed ? *seed : std::random_device{}()) {}

  std::chrono::milliseconds Next() {
    std::uniform_real_distribution<double> factor(0.5, 1.5);
    const double wait = static_cast<double>(next_.count()) * factor(random_);
    next_ = std::min(max_, 2 * next_);
    return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(wait));
  }
  // It went well.
  void Reset() { next_ = min_; }

 private:
  std::chrono::milliseconds min_;
  std::chrono::milliseconds max_;
  std::chrono::milliseconds next_;
  std::mt19937_64 random_;
};

}  // namespace resolver
