#include "router/base/grpc_code.h"

#include <array>

namespace router {

GrpcCode GrpcCodeFromInt(std::uint64_t value) {
  return value < kGrpcCodeCount ? static_cast<GrpcCode>(value) : GrpcCode::kUnknown;
}

std::string_view GrpcCodeName(GrpcCode code) {
  static constexpr std::array<std::string_view, kGrpcCodeCount> kNames = {"OK",
                                                                          "CANCELLED",
                                                                          "UNKNOWN",
                                                                          "INVALID_ARGUMENT",
                                                                          "DEADLINE_EXCEEDED",
                                                                          "NOT_FOUND",
                                                                          "ALREADY_EXISTS",
                                                                          "PERMISSION_DENIED",
                                                                          "RESOURCE_EXHAUSTED",
                                                                          "FAILED_PRECONDITION",
                                                                          "ABORTED",
                                                                          "OUT_OF_RANGE",
                                                                          "UNIMPLEMENTED",
                                                                          "INTERNAL",
                                                                          "UNAVAILABLE",
                                                                          "DATA_LOSS",
                                                                          "UNAUTHENTICATED"};
  return kNames[static_cast<std::size_t>(code)];
}

bool IsRetryable(GrpcCode code, bool has_retry_info) {
  switch (code) {
    case GrpcCode::kCancelled:
    case GrpcCode::kDeadlineExceeded:
    case GrpcCode::kAborted:
    case GrpcCode::kOutOfRange:
    case GrpcCode::kUnavailable:
    case GrpcCode::kDataLoss:
      return true;
    case GrpcCode::kResourceExhausted:
      return has_retry_info;
    default:
      return false;
  }
}

}  // namespace router
