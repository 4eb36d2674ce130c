#include "router/ingress/health_service.h"

#include "grpc/health/v1/health.pb.h"

namespace router {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

bool IsKnown(std::string_view service) {
  return service.empty() || service == "opentelemetry.proto.collector.trace.v1.TraceService";
}

}  // namespace

std::string HealthService::StateOf(std::string_view service) const {
  HealthCheckResponse response;
  if (!IsKnown(service)) {
    response.set_status(HealthCheckResponse::SERVICE_UNKNOWN);
  } else {
    response.set_status(is_serving_ ? HealthCheckResponse::SERVING
                                    : HealthCheckResponse::NOT_SERVING);
  }
  return response.SerializeAsString();
}

std::optional<std::string> HealthService::Check(std::string_view service) const {
  if (!IsKnown(service)) return std::nullopt;
  return StateOf(service);
}

void HealthService::Watch(ServerStream& stream, std::string_view service) {
  watchers_.emplace(&stream, service);
  stream.Push(StateOf(service));
}

void HealthService::Unwatch(ServerStream& stream) { watchers_.erase(&stream); }

void HealthService::SetServing(bool is_serving) {
  if (is_serving_ == is_serving) return;
  is_serving_ = is_serving;
  for (const auto& [stream, service] : watchers_) {
    if (IsKnown(service)) stream->Push(StateOf(service));
  }
}

void HealthService::EndWatches() {
  for (const auto& [stream, service] : watchers_) {
    stream->Finish(GrpcCode::kUnavailable, "the server is shutting down");
  }
  watchers_.clear();
}

std::optional<std::string> HealthService::ParseService(std::span<const std::uint8_t> request) {
  HealthCheckRequest parsed;
  if (!parsed.ParseFromArray(request.data(), static_cast<int>(request.size()))) return std::nullopt;
  return parsed.service();
}

}  // namespace router
