// WireError: why a request's bytes are refused.
//
// Thread safety: pure functions. Texts are static and hold nothing of the payload (GS-09).
#pragma once

#include <cstdint>
#include <string_view>

namespace router {

enum class WireError : std::uint8_t {
  kTruncated,        // a field runs past the end of its message
  kBadTag,           // field number 0, or a tag of more than 5 bytes
  kBadVarint,        // more than 10 bytes
  kBadLength,        // a length of more than 5 bytes, or near 2 GiB and above
  kBadWireType,      // wire type 6 or 7
  kUnmatchedGroup,   // a group that does not end, or an end that no group began
  kTooDeep,          // messages nested deeper than the limit
  kInvalidUtf8,      // a proto3 string that is not UTF-8
  kTooManySpans,     // IndexLimits::spans_max
  kTooManyParts,     // IndexLimits::parts_max
  kRequestTooLarge,  // the body cannot be indexed: 2 GiB and above
};
inline constexpr int kWireErrorCount = 11;

// For the message of an INVALID_ARGUMENT answer.
std::string_view WireErrorText(WireError error);

// True when the bytes may be well-formed but pass a limit of ours: the answer is RESOURCE_EXHAUSTED
// without RetryInfo rather than INVALID_ARGUMENT (GS-04).
bool IsOverLimit(WireError error);

}  // namespace router
