#include "router/otlp/json_answer.h"

#include <algorithm>
#include <cstdint>

#include "google/rpc/status.pb.h"
#include "router/otlp/ascii_text.h"

namespace router {
namespace {

// `text` as a JSON string, quotes included. REQUIRES: printable ASCII.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') quoted += '\\';
    quoted += character;
  }
  return quoted + '"';
}

}  // namespace

std::string ExportResponseJson(const PartialSuccess& partial) {
  if (partial.IsFullSuccess()) return "{}";
  const std::string message =
      AsciiSafe(partial.message.empty() ? kNoReasonGiven : partial.message, kJoinedMessageBytesMax);
  std::string json = "{\"partialSuccess\":{";
  if (partial.rejected_spans > 0) {
    json += "\"rejectedSpans\":\"" + std::to_string(partial.rejected_spans) + "\",";
  }
  return json + "\"errorMessage\":" + Quoted(message) + "}}";
}

std::string StatusJson(GrpcCode code, std::string_view message) {
  return "{\"code\":" + std::to_string(static_cast<int>(code)) +
         ",\"message\":" + Quoted(AsciiSafe(message, kJoinedMessageBytesMax)) + "}";
}

std::string SerializeStatus(GrpcCode code, std::string_view message) {
  google::rpc::Status status;
  status.set_code(static_cast<std::int32_t>(code));
  status.set_message(AsciiSafe(message, kJoinedMessageBytesMax));
  return status.SerializeAsString();
}

}  // namespace router
