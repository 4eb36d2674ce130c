// Answer: what a backend's response to a message means for the attempts that the message carried.
//
// Thread safety: pure functions; the codec is the caller's.
// Source: rules GC-02, GC-06, GC-08…GC-13, P-11.
#pragma once

#include <string_view>

#include "router/backend/attempt.h"
#include "router/base/clock.h"
#include "router/codec/codec.h"
#include "router/http2/client_connection.h"

namespace router {

// Accepted, in whole or but for some spans; refused for good; or to be tried again, and when. An
// OK whose message cannot be read is final: the spans may be there. Of what the backend says at
// most kErrorMessageBytesMax are kept.
AttemptResult ResultOf(GrpcResponse&& response, Codec& codec);

// The message is over the backend's size limit: grpc-go, grpc-java, gRPC C++ and tonic each word it
// in their way. A code alone may mean a quota, or a time.
bool SaysTooLarge(GrpcCode code, std::string_view message);

// grpc-retry-pushback-ms: it is about this call alone, and makes no final code retryable (gRPC
// proposal A6). Negative: not again.
void ApplyPushback(milliseconds pushback, AttemptResult& result);

}  // namespace router
