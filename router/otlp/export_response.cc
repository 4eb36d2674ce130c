#include "router/otlp/export_response.h"

#include <algorithm>
#include <limits>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "router/otlp/ascii_text.h"

namespace router {
namespace {

namespace proto = opentelemetry::proto::collector::trace::v1;

constexpr std::string_view kSeparator = "; ";
constexpr std::string_view kMore = "; ...";

bool HoldsMessage(std::string_view joined, std::string_view message) {
  for (std::size_t at = joined.find(message); at != std::string_view::npos;
       at = joined.find(message, at + 1)) {
    const std::string_view after = joined.substr(at + message.size());
    const bool begins = at == 0 || joined.substr(0, at).ends_with(kSeparator);
    if (begins && (after.empty() || after.starts_with(kSeparator))) return true;
  }
  return false;
}

}  // namespace

ExportResponse ParseExportResponse(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return {};
  proto::ExportTraceServiceResponse response;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {ExportOutcome::kMalformed, {}};
  }
  PartialSuccess partial{
      std::max<std::int64_t>(0, response.partial_success().rejected_spans()),
      AsciiSafe(response.partial_success().error_message(), kPartialMessageBytesMax)};
  if (partial.IsFullSuccess()) return {};
  return {ExportOutcome::kPartial, std::move(partial)};
}

std::string SerializeExportResponse(const PartialSuccess& partial) {
  if (partial.IsFullSuccess()) return {};
  proto::ExportTraceServiceResponse response;
  proto::ExportTracePartialSuccess& answer = *response.mutable_partial_success();
  answer.set_rejected_spans(std::max<std::int64_t>(0, partial.rejected_spans));
  answer.set_error_message(partial.message.empty()
                               ? std::string(kNoReasonGiven)
                               : AsciiSafe(partial.message, kJoinedMessageBytesMax));
  return response.SerializeAsString();
}

void AddPartialSuccess(PartialSuccess& into, const PartialSuccess& from) {
  const std::int64_t rejected = std::max<std::int64_t>(0, from.rejected_spans);
  const std::int64_t room = std::numeric_limits<std::int64_t>::max() - into.rejected_spans;
  into.rejected_spans += std::min(rejected, room);

  const std::string message = AsciiSafe(from.message, kPartialMessageBytesMax);
  if (message.empty() || HoldsMessage(into.message, message)) return;
  if (into.message.empty()) {
    into.message = message;
    return;
  }
  // Room for kMore stays free, so that an earlier cut is never followed by more text.
  if (into.message.ends_with(kMore)) return;
  const std::size_t joined = into.message.size() + kSeparator.size() + message.size();
  if (joined + kMore.size() > kJoinedMessageBytesMax) {
    into.message += kMore;
  } else {
    into.message.append(kSeparator).append(message);
  }
}

}  // namespace router
