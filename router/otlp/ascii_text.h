// AsciiSafe: text from a peer made fit for an error_message, a grpc-message or a log line
// (GS-09).
//
// Thread safety: pure function. Control characters become spaces, every other character outside
// printable ASCII becomes one '?'. Longer text is cut and ends in "...".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace router {

// At most `bytes_max` bytes. REQUIRES: bytes_max >= 3.
std::string AsciiSafe(std::string_view text, std::size_t bytes_max);

}  // namespace router
