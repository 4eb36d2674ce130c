// GrpcStream: one request of a client, from its first header to the answer.
//
// Order of refusal, cheapest first: headers (path, type, encoding, deadline, memory), then the
// length prefix, then the body as it grows, then its decompression, then its content. What is
// refused early costs nobody else anything.
// Thread safety: its worker only.
// Ownership: the connection's; an export call in flight outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "router/base/body.h"
#include "router/base/timer_wheel.h"
#include "router/forward/deadline.h"
#include "router/forward/forwarder.h"
#include "router/http2/grpc_frame.h"
#include "router/http2/server_connection.h"
#include "router/ingress/health_service.h"
#include "router/ingress/request_head.h"

namespace router {

struct IngressOptions {
  std::size_t request_bytes_max = std::size_t{64} << 20;  // also after decompression (rule GS-02)
  DeadlineOptions deadline;
  ServerConnectionOptions connection;
};

// What every stream of a worker needs. All outlive the streams.
struct IngressContext {
  WorkerLoop& loop;
  MemoryAccount& memory;
  Codec& codec;
  Forwarder& forwarder;
  HealthService& health;
  const IngressOptions& options;
};

class GrpcStream final : public StreamHandler, private ExportSink {
 public:
  GrpcStream(IngressContext& context, ServerStream& stream);
  ~GrpcStream() override;

  void OnHeader(std::string_view name, std::string_view value) override;
  void OnHeadersEnd() override;
  void OnData(std::span<const std::uint8_t> bytes) override;
  void OnRequestEnd() override;
  void OnReset() override;

 private:
  enum class State : std::uint8_t { kReading, kForwarding, kWatching, kDone };

  void BeginExport();
  void EndExport();
  void EndHealth();
  [[nodiscard]] bool Inflate(Body* plain);
  void OnDeadline();
  void OnVerdict(const Verdict& verdict) override;
  void OnBadFrame(GrpcMessageReader::Status status);
  void LeaveAdmission(bool is_whole);
  // The end of an export request that never reached the forwarder.
  void EndEarly(const Verdict& verdict);
  void Answer(const Verdict& verdict);
  void Fail(GrpcCode code, std::string_view message);
  bool is_export() const { return head_.route == Route::kTraceExport; }

  IngressContext& context_;
  ServerStream& stream_;
  RequestHead head_;
  State state_ = State::kReading;
  bool is_entered_ = false;  // admission waits for the rest of it
  bool is_counted_ = false;  // an export request that the ledger holds as in flight
  Body body_;
  std::optional<GrpcMessageReader> reader_;
  TimePoint deadline_{};
  ExportCall* call_ = nullptr;
  MemberTimer<GrpcStream, &GrpcStream::OnDeadline> timer_{*this};  // while the body arrives
};

}  // namespace router
