// Durations as Go writes them: `300ms`, `1.5s`, `1h30m`, `0`.
// Thread safety: pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "router/base/result.h"

namespace router {

// Units: ns us µs ms s m h. A number without a unit is an error, except 0: to the Collector it
// would mean nanoseconds, which nobody wants.
Result<std::chrono::nanoseconds> ParseGoDuration(std::string_view text);

// The shortest form of whole hours, minutes, seconds and milliseconds: `1h30m`, `1m`, `1s500ms`,
// `0s`.
std::string FormatGoDuration(std::chrono::milliseconds duration);

}  // namespace router
