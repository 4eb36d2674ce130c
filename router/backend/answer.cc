#include "router/backend/answer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "router/base/limits.h"
#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"

namespace router {
namespace {

// Of a message that says it is compressed; kNone: in no way that we know. A server of grpc-go
// answers in the request's encoding, whatever it was told to use.
Compression CompressionOf(const GrpcResponse& response) {
  if (response.encoding.empty()) return Compression::kGzip;
  return CompressionFrom(response.encoding).value_or(Compression::kNone);
}

// OK was said; the message only tells what the backend left out.
AttemptResult AcceptanceOf(const GrpcResponse& response, Codec& codec) {
  AttemptResult result{.kind = AttemptResult::Kind::kAccepted, .code = GrpcCode::kOk};
  if (response.body.size() <= Body::kHeadroomBytes) return result;
  std::span<const std::uint8_t> message = std::span(response.body).subspan(Body::kHeadroomBytes);
  MemoryBudget budget(4 * kResponseBytesMax);  // the answer, and what a decoder holds
  MemoryAccount account(budget);
  Body inflated(account);
  if (response.body[0] != 0) {
    const Compression compression = CompressionOf(response);
    if (compression == Compression::kNone ||
        codec.Inflate(compression, message, {.output_bytes_max = kResponseBytesMax}, inflated)) {
      return {.kind = AttemptResult::Kind::kPermanent,
              .code = GrpcCode::kInternal,
              .was_taken = true,
              .message = "the backend's answer cannot be decompressed within 4 MiB"};
    }
    message = inflated.bytes();
  }
  ExportResponse parsed = ParseExportResponse(message);
  if (parsed.outcome == ExportOutcome::kPartial) {
    result.rejected_spans = static_cast<std::uint64_t>(parsed.partial.rejected_spans);
    result.message = std::move(parsed.partial.message);
  }
  return result;
}

// It is kept for each attempt, outside the budget, for as long as that is tried again.
std::string Cut(std::string&& message) {
  if (message.size() <= kErrorMessageBytesMax) return std::move(message);
  return message.substr(0, kErrorMessageBytesMax);
}

AttemptResult Interpret(GrpcResponse&& response, Codec& codec) {
  AttemptResult result;
  if (response.kind != GrpcResponse::Kind::kStatus) {
    result.was_processed_maybe = response.kind == GrpcResponse::Kind::kBroken;
    result.code = response.code;
    result.message = std::move(response.message);
    return result;
  }
  if (response.code == GrpcCode::kOk) return AcceptanceOf(response, codec);
  result.code = response.code;
  result.message = std::move(response.message);
  if (!response.details.empty()) result.retry_delay = RetryDelayFromDetails(response.details);
  if (!IsRetryable(result.code, result.retry_delay.has_value()) ||
      SaysTooLarge(result.code, result.message)) {
    result.kind = AttemptResult::Kind::kPermanent;
  } else if (result.code == GrpcCode::kResourceExhausted) {
    result.kind = AttemptResult::Kind::kThrottled;
  }
  return result;
}

}  // namespace

AttemptResult ResultOf(GrpcResponse&& response, Codec& codec) {
  AttemptResult result = Interpret(std::move(response), codec);
  result.message = Cut(std::move(result.message));
  return result;
}

bool SaysTooLarge(GrpcCode code, std::string_view message) {
  const auto says = [message](std::string_view text) { return message.find(text) != message.npos; };
  if (code == GrpcCode::kOutOfRange) return says("message length too large");
  return code == GrpcCode::kResourceExhausted &&
         (says("larger than max") || says("exceeds maximum") ||
          says("exceeded while decompressing"));
}

void ApplyPushback(milliseconds pushback, AttemptResult& result) {
  const bool is_final = result.kind == AttemptResult::Kind::kAccepted ||
                        result.kind == AttemptResult::Kind::kPermanent;
  if (is_final) return;
  result.may_retry = pushback >= milliseconds(0);
  if (!result.may_retry) return;
  result.retry_delay =
      std::max(result.retry_delay.value_or(milliseconds(0)), std::min(pushback, kRetryDelayMax));
}

}  // namespace router
