// The header values of gRPC that need a parser: `grpc-timeout` and the percent-encoding of
// `grpc-message`.
// Thread safety: pure functions.
// Source: gRPC over HTTP/2 (rules P-05, P-07).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace router {

// 1 to 8 digits and one of H M S m u n. nullopt: malformed. Rounds down to milliseconds: what is
// left of less than one is spent (0). The result is at most 99,999,999 hours, which fits.
std::optional<std::chrono::milliseconds> ParseGrpcTimeout(std::string_view text);

// The shortest spelling with at most 8 digits that is not longer than `timeout`. Negative counts as
// 0.
std::string FormatGrpcTimeout(std::chrono::milliseconds timeout);

// Everything outside printable ASCII, and '%', becomes %XX.
std::string PercentEncode(std::string_view text);
// Invalid escapes stay as they are (never an error).
std::string PercentDecode(std::string_view text);

}  // namespace router
