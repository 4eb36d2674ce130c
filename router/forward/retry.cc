#include "router/forward/retry.h"

#include <algorithm>

#include "router/backend/answer.h"

namespace router {
namespace {

constexpr milliseconds kWholeBelow{200};
constexpr double kGrowth = 1.6;
constexpr double kShare = 0.4;

milliseconds Scaled(milliseconds time, double factor) {
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

}  // namespace

Duration AttemptTime(Duration left, milliseconds timeout, Duration cut) {
  Duration time = left < kWholeBelow ? left : std::chrono::duration_cast<Duration>(left * kShare);
  time = std::min(left, std::max(time, cut + cut / 4));
  if (timeout > milliseconds(0)) time = std::min<Duration>(time, timeout);
  return time;
}

milliseconds NextPauseMax(milliseconds previous, std::optional<milliseconds> retry_delay) {
  milliseconds next = previous < kPauseFirst ? kPauseFirst : Scaled(previous, kGrowth);
  // Above the cap only a backend can have asked for it, and it wants to be asked less often still.
  if (previous <= kPauseMax) next = std::min(next, kPauseMax);
  return std::max(next, retry_delay.value_or(milliseconds(0)));
}

milliseconds JitteredPause(milliseconds pause_max, std::optional<milliseconds> retry_delay,
                           std::minstd_rand& random) {
  std::uniform_real_distribution<double> unit(0, 1);
  if (!retry_delay.has_value()) return Scaled(pause_max, unit(random));
  const milliseconds least = *retry_delay;
  const milliseconds most = std::max(pause_max, least + Scaled(least, 0.2));
  return least + Scaled(most - least, unit(random));
}

bool IsTooLargeForBackend(const ShardOutcome& outcome) {
  return outcome.kind == ShardOutcome::Kind::kPermanent &&
         SaysTooLarge(outcome.code, outcome.message);
}

}  // namespace router
