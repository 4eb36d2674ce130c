// RefreshSchedule: when to ask again.
//   the interval, or the time to live when that is shorter, ± 10 %, never less than interval_min;
//   counted from the start of the last attempt, so that a slow failure does not slow the next try.
// Thread safety: none needed, one owner. No clock: a pure function of its seed and what it is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace resolver {

class RefreshSchedule {
 public:
  // Without a seed it takes a random one.
  RefreshSchedule(std::chrono::milliseconds interval, std::chrono::milliseconds interval_min,
                  std::optional<std::uint64_t> seed);

  // How long to wait after an attempt that took `elapsed` and ended with records that live `ttl`
  // seconds (none: no records).
  std::chrono::milliseconds Next(std::optional<std::uint32_t> ttl,
                                 std::chrono::milliseconds elapsed);

 private:
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds interval_min_;
  std::mt19937_64 random_;
};

}  // namespace resolver
