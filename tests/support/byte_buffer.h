// Between gRPC's byte buffers and strings, and status details to and from google.rpc messages.
// Thread safety: pure functions.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace router::test {

grpc::ByteBuffer ToByteBuffer(std::string_view bytes);
std::string ToString(const grpc::ByteBuffer& buffer);

// The bytes of a google.rpc.Status with one RetryInfo, as `grpc-status-details-bin` carries it.
std::string DetailsWithRetryInfo(int code, std::string_view message,
                                 std::chrono::milliseconds retry_delay);
// The delay of the first RetryInfo in such bytes; nullopt when there is none or the bytes are no
// Status.
std::optional<std::chrono::milliseconds> RetryDelayIn(const std::string& details);

}  // namespace router::test
