// Verdicts as HTTP status codes.
//
// 429, 502, 503 and 504 are the only ones a client may retry, so exactly the verdicts that are
// worth a retry get one of them (rules HS-13, HS-14, HS-20; table in docs/life_of_a_request.md).
// Thread safety: pure functions.
#pragma once

#include <cstdint>

#include "router/base/clock.h"
#include "router/base/grpc_code.h"
#include "router/forward/verdict.h"

namespace router {

int HttpStatusOf(const Verdict& verdict);
// For the Status message in the body of an answer that has no verdict: 404, 405, …
GrpcCode GrpcCodeOfHttpStatus(int status);
// For `retry-after`: whole seconds, at least 1.
std::int64_t RetryAfterSeconds(milliseconds delay);

}  // namespace router
