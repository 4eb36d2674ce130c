// grpc-status-details-bin: the one detail that matters here, RetryInfo, out of a trailer and
// into one.
//
// Thread safety: pure functions.
// Rules: GC-10, GC-12, GC-13, P-06, GS-12, GS-16. Whatever a backend sends, nothing worse
// happens than that the detail counts as absent.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "router/base/grpc_code.h"

namespace router {

inline constexpr std::size_t kStatusDetailsBytesMax = 64 * 1024;
inline constexpr std::chrono::milliseconds kRetryDelayMax = std::chrono::hours(1);

// The retry delay in the header's value: base64, padded or not; of several values joined by commas,
// the first. Rounded up to a millisecond, at most kRetryDelayMax; 0 for a RetryInfo without a
// delay. Nothing when there is no RetryInfo, when its delay is negative or no valid Duration, when
// anything around it is malformed, or when the value is longer than kStatusDetailsBytesMax.
std::optional<std::chrono::milliseconds> RetryDelayFromDetails(std::string_view base64);

// The header's value for an answer with a RetryInfo, base64 without padding. A negative delay
// counts as 0.
std::string DetailsWithRetryDelay(GrpcCode code, std::string_view message,
                                  std::chrono::milliseconds delay);

}  // namespace router
