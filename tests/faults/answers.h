// Answers: what a fault backend says to one export request, as HTTP/2 frames.
//
// Thread safety: free functions over values.
#pragma once

#include <cstdint>
#include <string>

namespace faults {

// HEADERS, DATA and, unless `without_trailers`, trailers with grpc-status 0. `rejected` > 0 adds
// partial_success.
void AppendAcceptance(std::uint32_t stream_id, std::uint64_t rejected, bool without_trailers,
                      std::string& out);
// Only the first HEADERS frame of the same.
void AppendHalfAcceptance(std::uint32_t stream_id, std::string& out);
// Trailers only. retry_ms >= 0 adds RetryInfo.
void AppendRefusal(std::uint32_t stream_id, int grpc_code, int retry_ms, const std::string& message,
                   std::string& out);
void AppendReset(std::uint32_t stream_id, std::uint32_t error, std::string& out);
void AppendGoAway(std::uint32_t last_stream_id, std::string& out);

}  // namespace faults
