// GrpcStream: one request of a client over gRPC, from its first header to the answer.
//
// Judges the headers, takes the one message out of its framing, and hands it to an ExportIntake;
// or answers a health check.
// Thread safety: its worker only.
// Ownership: the connection's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "router/base/timer_wheel.h"
#include "router/http2/grpc_frame.h"
#include "router/http2/server_connection.h"
#include "router/ingress/export_intake.h"
#include "router/ingress/ingress_context.h"
#include "router/ingress/request_head.h"

namespace router {

class GrpcStream final : public StreamHandler, private IntakeFace {
 public:
  GrpcStream(IngressContext& context, ServerStream& stream);
  ~GrpcStream() override;

  void OnHeader(std::string_view name, std::string_view value) override;
  void OnHeadersEnd() override;
  void OnData(std::span<const std::uint8_t> bytes) override;
  void OnRequestEnd() override;
  void OnReset() override;

 private:
  enum class State : std::uint8_t { kReading, kWaiting, kWatching, kDone };

  void BeginExport();
  void BeginHealth();
  void EndHealth();
  void OnHealthDeadline();
  void OnBadFrame(GrpcMessageReader::Status status);
  void OnVerdict(const Verdict& verdict) override;
  void HoldBody(bool is_held) override { stream_.HoldBody(is_held); }
  void Fail(GrpcCode code, std::string_view message);
  // For what is not gRPC.
  void FailHttp(int status, std::string_view text);
  bool is_export() const { return head_.route == Route::kTraceExport; }

  IngressContext& context_;
  ServerStream& stream_;
  RequestHead head_;
  State state_ = State::kReading;
  ExportIntake intake_;  // holds the body of a health request too, but is told nothing of it
  std::optional<GrpcMessageReader> reader_;
  // While a health request arrives; an export has the intake's.
  MemberTimer<GrpcStream, &GrpcStream::OnHealthDeadline> health_timer_{*this};
};

}  // namespace router
