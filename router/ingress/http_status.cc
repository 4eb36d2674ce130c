#include "router/ingress/http_status.h"

#include <algorithm>

namespace router {

int HttpStatusOf(const Verdict& verdict) {
  switch (verdict.code) {
    case GrpcCode::kOk:
      return 200;
    case GrpcCode::kInvalidArgument:
    case GrpcCode::kNotFound:
    case GrpcCode::kAlreadyExists:
    case GrpcCode::kFailedPrecondition:
      return 400;
    case GrpcCode::kUnauthenticated:
      return 401;
    case GrpcCode::kPermissionDenied:
      return 403;
    case GrpcCode::kResourceExhausted:
      return 413;  // never 429: without a delay it is final
    case GrpcCode::kUnimplemented:
      return 501;
    case GrpcCode::kUnknown:
    case GrpcCode::kInternal:
      return 500;
    case GrpcCode::kDeadlineExceeded:
      return 504;
    case GrpcCode::kUnavailable:
      return verdict.refuse_reason == RefuseReason::kThrottled ? 429 : 503;
    case GrpcCode::kCancelled:
    case GrpcCode::kAborted:
    case GrpcCode::kOutOfRange:
    case GrpcCode::kDataLoss:
      return 503;
  }
  return 500;
}

GrpcCode GrpcCodeOfHttpStatus(int status) {
  switch (status) {
    case 404:
      return GrpcCode::kNotFound;
    case 405:
    case 501:
    case 505:
      return GrpcCode::kUnimplemented;
    case 408:
    case 504:
      return GrpcCode::kDeadlineExceeded;
    case 413:
      return GrpcCode::kResourceExhausted;
    case 503:
      return GrpcCode::kUnavailable;
    default:
      return GrpcCode::kInvalidArgument;
  }
}

std::int64_t RetryAfterSeconds(milliseconds delay) {
  return std::max<std::int64_t>(1, (delay.count() + 999) / 1000);
}

}  // namespace router
