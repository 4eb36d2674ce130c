// JsonSchema: the messages of an OTLP trace request by their JSON names.
// Thread safety: constants.
// Source: proto/opentelemetry; a test compares it with the descriptors.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace router {

enum class JsonMessage : std::uint8_t {
  kRequest,
  kResourceSpans,
  kResource,
  kEntityRef,
  kScopeSpans,
  kScope,
  kSpan,
  kEvent,
  kLink,
  kStatus,
  kKeyValue,
  kAnyValue,
  kArrayValue,
  kKeyValueList,
};
inline constexpr std::size_t kJsonMessageCount = 14;

enum class JsonKind : std::uint8_t {
  kString,
  kTraceId,  // 16 bytes in hexadecimal, or none
  kSpanId,   // 8
  kBytes,    // base64
  kBool,
  kDouble,
  kInt32,
  kInt64,
  kUint32,
  kEnum,
  kFixed32,
  kFixed64,
  kMessage,
};

struct JsonField {
  std::string_view name;
  std::uint8_t number;
  JsonKind kind;
  bool is_repeated = false;
  JsonMessage message = JsonMessage::kRequest;  // of a kMessage
};

// In the order in which exporters write them, most often.
std::span<const JsonField> JsonFieldsOf(JsonMessage message);
inline constexpr std::size_t kJsonFieldsMax = 16;

// All fields are members of one oneof: at most one may be set, and then it is written even when
// empty.
constexpr bool IsOneof(JsonMessage message) { return message == JsonMessage::kAnyValue; }

}  // namespace router
