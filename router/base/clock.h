// Clock: the monotonic time every deadline and timer uses. Wall time is for log lines only.
// Thread safety: pure.
#pragma once

#include <chrono>

namespace router {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using std::chrono::milliseconds;

}  // namespace router
