// The time as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
// Thread safety: pure functions.
#pragma once

#include <array>
#include <ctime>

namespace router {

using HttpDate = std::array<char, 29>;

HttpDate HttpDateOf(std::time_t time);
// Of the wall clock: for people only, nothing here depends on it.
HttpDate HttpDateNow();

}  // namespace router
