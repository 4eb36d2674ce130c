#include "router/ingress/grpc_stream.h"

#include <cassert>
#include <utility>
#include <variant>

#include "router/base/limits.h"
#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"

namespace router {
namespace {

Verdict ProtocolError(GrpcCode code, std::string message) {
  return Rejection(code, RejectIndex(RejectReason::kProtocol), std::move(message));
}

Verdict TooLarge(std::size_t limit_bytes) {
  return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                   "the request is larger than " + std::to_string(limit_bytes) +
                       " bytes (after decompression); send smaller batches or raise "
                       "max_recv_msg_size_mib");
}

}  // namespace

GrpcStream::GrpcStream(IngressContext& context, ServerStream& stream)
    : context_(context), stream_(stream), body_(context.memory) {}

GrpcStream::~GrpcStream() {
  assert(call_ == nullptr);
  if (state_ == State::kWatching) context_.health.Unwatch(stream_);  // ended by the server
}

void GrpcStream::OnHeader(std::string_view name, std::string_view value) { head_.Add(name, value); }

void GrpcStream::OnHeadersEnd() {
  if (!head_.is_post) {
    state_ = State::kDone;
    stream_.RespondHttp(405, "this port speaks OTLP over gRPC: POST only\n");
    return;
  }
  if (!head_.is_grpc) {
    state_ = State::kDone;
    stream_.RespondHttp(415, "this port speaks OTLP over gRPC: content-type application/grpc\n");
    return;
  }
  switch (head_.route) {
    case Route::kTraceExport:
      BeginExport();
      return;
    case Route::kHealthCheck:
    case Route::kHealthWatch:
      reader_.emplace(body_, kHealthRequestBytesMax);
      return;
    case Route::kUnknown:
      Fail(GrpcCode::kUnimplemented,
           "spanring serves traces only: opentelemetry.proto.collector.trace.v1.TraceService");
      return;
  }
}

// ---- export ------------------------------------------------------------------------------------

void GrpcStream::BeginExport() {
  LedgerColumn& requests = context_.forwarder.ledger().requests;
  requests.received.Add();
  requests.in_flight.Add();
  is_counted_ = true;
  if (head_.is_json_grpc) {
    EndEarly(ProtocolError(GrpcCode::kUnimplemented, "only application/grpc+proto is served"));
    return;
  }
  if (head_.encoding == Encoding::kUnsupported) {
    EndEarly(ProtocolError(GrpcCode::kUnimplemented,
                           "grpc-encoding is not supported; use identity or gzip"));
    return;
  }
  if (head_.has_bad_timeout) {
    EndEarly(ProtocolError(GrpcCode::kInternal, "grpc-timeout is malformed"));
    return;
  }
  const milliseconds budget = RequestBudget(head_.timeout, context_.options.deadline);
  if (budget <= milliseconds(0)) {
    EndEarly(Expiry("the deadline had passed when the request arrived"));
    return;
  }
  is_entered_ = context_.forwarder.admission().TryEnter(budget);
  if (!is_entered_) {
    EndEarly(context_.forwarder.Refuse(RefuseReason::kOverload,
                                       "more arrives than can be taken in time"));
    return;
  }
  deadline_ = context_.loop.Now() + budget;
  context_.loop.SetTimer(timer_, deadline_);
  reader_.emplace(body_, context_.options.request_bytes_max);
}

void GrpcStream::OnData(std::span<const std::uint8_t> bytes) {
  if (state_ != State::kReading) return;
  const auto status = reader_->Feed(bytes);
  if (status != GrpcMessageReader::Status::kOk) OnBadFrame(status);
}

void GrpcStream::OnBadFrame(GrpcMessageReader::Status status) {
  Verdict verdict;
  switch (status) {
    case GrpcMessageReader::Status::kTooLarge:
      verdict = is_export() ? TooLarge(context_.options.request_bytes_max)
                            : ProtocolError(GrpcCode::kResourceExhausted, "not a health request");
      break;
    case GrpcMessageReader::Status::kNoMemory:
      verdict = context_.forwarder.Refuse(RefuseReason::kOverload, "the memory budget is full");
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
    EndEarly(verdict);
  } else {
    Fail(verdict.code, verdict.message);
  }
}

void GrpcStream::OnRequestEnd() {
  if (state_ != State::kReading) return;
  if (const auto status = reader_->Finish(); status != GrpcMessageReader::Status::kOk) {
    OnBadFrame(status);
  } else if (is_export()) {
    EndExport();
  } else {
    EndHealth();
  }
}

void GrpcStream::EndExport() {
  timer_.Cancel();
  LeaveAdmission(true);
  if (reader_->is_compressed()) {
    Body plain(context_.memory);
    if (!Inflate(&plain)) return;
    body_ = std::move(plain);
  }
  state_ = State::kForwarding;
  auto started = context_.forwarder.Start(std::move(body_), deadline_, *this);
  if (const Verdict* verdict = std::get_if<Verdict>(&started)) {
    EndEarly(*verdict);
    return;
  }
  is_counted_ = false;  // the call books it from here on
  call_ = std::get<ExportCall*>(started);
}

bool GrpcStream::Inflate(Body* plain) {
  if (head_.encoding != Encoding::kGzip) {
    EndEarly(ProtocolError(GrpcCode::kInternal,
                           "the compressed flag is set but grpc-encoding names no compression"));
    return false;
  }
  const std::size_t limit = context_.options.request_bytes_max;
  const auto error = context_.codec.Inflate(Compression::kGzip, body_.bytes(),
                                            {.output_bytes_max = limit}, *plain);
  if (!error.has_value()) return true;
  switch (*error) {
    case InflateError::kTooLarge:
    case InflateError::kRatio:
      EndEarly(TooLarge(limit));
      break;
    case InflateError::kNoMemory:
      EndEarly(context_.forwarder.Refuse(RefuseReason::kOverload, "the memory budget is full"));
      break;
    case InflateError::kMalformed:
    case InflateError::kTruncated:
      EndEarly(Rejection(GrpcCode::kInvalidArgument, RejectIndex(RejectReason::kMalformed),
                         "the gzip data of the request is damaged"));
      break;
  }
  return false;
}

void GrpcStream::OnDeadline() {
  EndEarly(Expiry("the request did not arrive within its deadline"));
}

void GrpcStream::OnVerdict(const Verdict& verdict) {
  call_ = nullptr;
  Answer(verdict);
}

void GrpcStream::LeaveAdmission(bool is_whole) {
  if (std::exchange(is_entered_, false)) context_.forwarder.admission().Leave(is_whole);
}

void GrpcStream::EndEarly(const Verdict& verdict) {
  LeaveAdmission(false);
  is_counted_ = false;
  BookRequest(verdict, context_.forwarder.ledger().requests);
  Answer(verdict);
}

void GrpcStream::Answer(const Verdict& verdict) {
  state_ = State::kDone;
  timer_.Cancel();
  body_.Reset();
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
           verdict.code == GrpcCode::kUnimplemented ? kAcceptedEncodings : std::string_view()});
}

void GrpcStream::OnReset() {
  timer_.Cancel();
  LeaveAdmission(false);
  if (call_ != nullptr) {
    context_.forwarder.Cancel(*std::exchange(call_, nullptr));
  } else if (is_counted_) {
    LedgerColumn& requests = context_.forwarder.ledger().requests;
    requests.in_flight.Subtract();
    requests.cancelled.Add();
  }
  if (state_ == State::kWatching) context_.health.Unwatch(stream_);
  state_ = State::kDone;
}

// ---- health ------------------------------------------------------------------------------------

void GrpcStream::EndHealth() {
  const auto service = HealthService::ParseService(body_.bytes());
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
  state_ = State::kDone;
  stream_.RespondStatus({.code = code, .message = message});
}

}  // namespace router
