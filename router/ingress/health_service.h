// HealthService: grpc.health.v1.Health on the OTLP port, one per worker (rule P-16).
//
// Serves "" and the trace service; both are SERVING until the process drains.
// Thread safety: its worker only.
// Ownership: borrows the streams that watch, until Unwatch().
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "router/http2/server_connection.h"

namespace router {

class HealthService {
 public:
  // The answer to Check: a HealthCheckResponse, or nothing for a service that is not known
  // (NOT_FOUND).
  std::optional<std::string> Check(std::string_view service) const;
  // Sends the state now and at every change.
  void Watch(ServerStream& stream, std::string_view service);
  void Unwatch(ServerStream& stream);
  void SetServing(bool is_serving);
  // Ends every watch with UNAVAILABLE: a stream without an end must not hold up a drain.
  void EndWatches();

  // The `service` of a HealthCheckRequest; nothing when the bytes are not one.
  static std::optional<std::string> ParseService(std::span<const std::uint8_t> request);

 private:
  std::string StateOf(std::string_view service) const;

  bool is_serving_ = true;
  std::unordered_map<ServerStream*, std::string> watchers_;
};

}  // namespace router
