#include "router/ingress/grpc_stream.h"

#include <string>

#include "router/base/limits.h"
#include "router/forward/deadline.h"
#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"

namespace router {
namespace {

Verdict ProtocolError(GrpcCode code, std::string message) {
  return Rejection(code, RejectIndex(RejectReason::kProtocol), std::move(message));
}

}  // namespace

GrpcStream::GrpcStream(IngressContext& context, ServerStream& stream)
    : context_(context),
      stream_(stream),
      intake_(context, *this,
              {.bytes_max = context.options.request_bytes_max, .key = "max_recv_msg_size_mib"}) {}

GrpcStream::~GrpcStream() {
  if (state_ == State::kWatching) context_.health.Unwatch(stream_);  // ended by the server
}

void GrpcStream::OnHeader(std::string_view name, std::string_view value) {
  head_.Add(name, value);
  intake_.OnHeader(name, value);
}

void GrpcStream::OnHeadersEnd() {
  if (!head_.is_post) {
    FailHttp(405, "this port speaks OTLP over gRPC: POST only\n");
    return;
  }
  if (!head_.is_grpc) {
    FailHttp(415, "this port speaks OTLP over gRPC: content-type application/grpc\n");
    return;
  }
  switch (head_.route) {
    case Route::kTraceExport:
      BeginExport();
      return;
    case Route::kHealthCheck:
    case Route::kHealthWatch:
      BeginHealth();
      return;
    case Route::kUnknown:
      Fail(GrpcCode::kUnimplemented,
           "spanring serves traces only: opentelemetry.proto.collector.trace.v1.TraceService");
      return;
  }
}

// ---- export ------------------------------------------------------------------------------------

void GrpcStream::BeginExport() {
  intake_.Count();
  if (head_.is_json_grpc) {
    intake_.EndEarly(
        ProtocolError(GrpcCode::kUnimplemented, "only application/grpc+proto is served"));
    return;
  }
  if (!head_.encoding.has_value()) {
    intake_.EndEarly(ProtocolError(
        GrpcCode::kUnimplemented,
        "grpc-encoding is not supported; use one of " + std::string(AcceptedEncodings())));
    return;
  }
  if (head_.has_bad_timeout) {
    intake_.EndEarly(ProtocolError(GrpcCode::kInternal, "grpc-timeout is malformed"));
    return;
  }
  if (intake_.Begin(head_.timeout)) {
    reader_.emplace(intake_.body(), context_.options.request_bytes_max);
  }
}

void GrpcStream::OnData(std::span<const std::uint8_t> bytes) {
  if (state_ != State::kReading) return;
  const auto status = reader_->Feed(bytes);
  if (status != GrpcMessageReader::Status::kOk) {
    OnBadFrame(status);
  } else if (is_export()) {
    intake_.OnBodyGrown();
  }
}

void GrpcStream::OnBadFrame(GrpcMessageReader::Status status) {
  Verdict verdict;
  switch (status) {
    case GrpcMessageReader::Status::kTooLarge:
      verdict = is_export() ? intake_.TooLarge()
                            : ProtocolError(GrpcCode::kResourceExhausted, "not a health request");
      break;
    case GrpcMessageReader::Status::kNoMemory:
      verdict = intake_.NoMemory();
      break;
    case GrpcMessageReader::Status::kSecondMessage:
      verdict = ProtocolError(GrpcCode::kInternal, "bytes after the one message of a unary call");
      break;
    case GrpcMessageReader::Status::kNoMessage:
      verdict = ProtocolError(GrpcCode::kInternal, "the call ended without a message");
      break;
    case GrpcMessageReader::Status::kTruncated:
      verdict = ProtocolError(GrpcCode::kInternal, "the call ended inside its message");
      break;
    case GrpcMessageReader::Status::kBadFlag:
    case GrpcMessageReader::Status::kOk:
      verdict = ProtocolError(GrpcCode::kInternal, "the compressed flag is neither 0 nor 1");
      break;
  }
  if (is_export()) {
    intake_.EndEarly(verdict);
  } else {
    Fail(verdict.code, verdict.message);
  }
}

void GrpcStream::OnRequestEnd() {
  if (state_ != State::kReading) return;
  if (const auto status = reader_->Finish(); status != GrpcMessageReader::Status::kOk) {
    OnBadFrame(status);
  } else if (!is_export()) {
    EndHealth();
  } else if (reader_->is_compressed() && *head_.encoding == Compression::kNone) {
    intake_.EndEarly(ProtocolError(
        GrpcCode::kInternal, "the compressed flag is set but grpc-encoding names no compression"));
  } else {
    state_ = State::kWaiting;
    intake_.End({.compression = reader_->is_compressed() ? *head_.encoding : Compression::kNone,
                 .may_hide_gzip = *head_.encoding == Compression::kGzip});
  }
}

void GrpcStream::OnVerdict(const Verdict& verdict) {
  state_ = State::kDone;
  if (verdict.code == GrpcCode::kOk) {
    stream_.RespondMessage(SerializeExportResponse(verdict.partial));
    return;
  }
  std::string details;
  if (verdict.retry_delay.has_value()) {
    details = DetailsWithRetryDelay(verdict.code, verdict.message, *verdict.retry_delay);
  }
  stream_.RespondStatus(
      {.code = verdict.code,
       .message = std::string_view(verdict.message).substr(0, kErrorMessageBytesMax),
       .details = details,
       .accept_encoding =
           verdict.code == GrpcCode::kUnimplemented ? AcceptedEncodings() : std::string_view()});
}

void GrpcStream::OnReset() {
  intake_.Cancel();
  health_timer_.Cancel();
  if (state_ == State::kWatching) context_.health.Unwatch(stream_);
  state_ = State::kDone;
}

// ---- health ------------------------------------------------------------------------------------

void GrpcStream::BeginHealth() {
  const milliseconds budget = RequestBudget(head_.timeout, context_.options.deadline);
  context_.loop.SetTimer(health_timer_, context_.loop.Now() + budget);
  reader_.emplace(intake_.body(), kHealthRequestBytesMax);
}

void GrpcStream::OnHealthDeadline() {
  Fail(GrpcCode::kDeadlineExceeded, "the request did not arrive within its deadline");
}

void GrpcStream::EndHealth() {
  health_timer_.Cancel();
  const auto service = HealthService::ParseService(intake_.body().bytes());
  if (!service.has_value() || reader_->is_compressed()) {
    Fail(GrpcCode::kInvalidArgument, "not a plain HealthCheckRequest");
    return;
  }
  if (head_.route == Route::kHealthWatch) {
    state_ = State::kWatching;
    context_.health.Watch(stream_, *service);
    return;
  }
  const auto answer = context_.health.Check(*service);
  if (!answer.has_value()) {
    Fail(GrpcCode::kNotFound, "unknown service");
    return;
  }
  state_ = State::kDone;
  stream_.RespondMessage(*answer);
}

void GrpcStream::Fail(GrpcCode code, std::string_view message) {
  health_timer_.Cancel();
  state_ = State::kDone;
  stream_.RespondStatus({.code = code, .message = message});
}

void GrpcStream::FailHttp(int status, std::string_view text) {
  state_ = State::kDone;
  const HttpField type{"content-type", "text/plain"};
  stream_.Respond(status, {&type, 1}, std::string(text));
}

}  // namespace router
