// GrpcCode: the status codes of gRPC, and what OTLP says about trying again.
// Thread safety: pure functions.
// Source: gRPC status codes; OTLP 1.11 "Failures" (rule GC-09).
#pragma once

#include <cstdint>
#include <string_view>

namespace router {

enum class GrpcCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
inline constexpr int kGrpcCodeCount = 17;

// A code that is no code of gRPC counts as UNKNOWN.
GrpcCode GrpcCodeFromInt(std::uint64_t value);

// The upper-case name, as gRPC spells it: "RESOURCE_EXHAUSTED".
std::string_view GrpcCodeName(GrpcCode code);

// May a client send the same data again after this code? RESOURCE_EXHAUSTED only when the server
// said when
// (`has_retry_info`). OK is not retryable.
bool IsRetryable(GrpcCode code, bool has_retry_info);

}  // namespace router
