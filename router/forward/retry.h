// Retry: when a failed shard is tried again, and how long an attempt may take.
//
// Thread safety: pure functions (the generator is the caller's).
// Source: rules GC-10…GC-12, X-01, section 10.
#pragma once

#include <optional>
#include <random>

#include "router/base/clock.h"
#include "router/forward/verdict.h"

namespace router {

// With less than this left, another attempt is not begun.
inline constexpr milliseconds kAttemptTimeMin{30};
inline constexpr milliseconds kPauseFirst{50};
inline constexpr milliseconds kPauseMax{1000};

// Of `left` until the request's deadline, 40 %, so that a second attempt has a chance; all of it
// when it is short (200 ms). After an attempt at the same backend that was cut off after `cut`, a
// quarter more than that, as far as there is: the same time would be too short again. Never more
// than `timeout`, unless that is 0.
Duration AttemptTime(Duration left, milliseconds timeout, Duration cut = Duration::zero());

// The bound of the next pause: 50 ms, then 1.6 times as much each time up to 1 s; never less than
// what the backend asked for, and growing from there, beyond 1 s too.
milliseconds NextPauseMax(milliseconds previous, std::optional<milliseconds> retry_delay);

// Full jitter: anything from 0 to `pause_max`. What the backend asked for is waited in full; then
// anything up to `pause_max`, or a fifth more than was asked for.
milliseconds JitteredPause(milliseconds pause_max, std::optional<milliseconds> retry_delay,
                           std::minstd_rand& random);

// The backend said that the message is over its size limit (SaysTooLarge): smaller ones may pass.
bool IsTooLargeForBackend(const ShardOutcome& outcome);

}  // namespace router
