#include "router/otlp/json_schema.h"

#include <array>

namespace router {
namespace {

using Kind = JsonKind;

constexpr JsonField Message(std::string_view name, std::uint8_t number, JsonMessage message) {
  return {name, number, Kind::kMessage, false, message};
}
constexpr JsonField Messages(std::string_view name, std::uint8_t number, JsonMessage message) {
  return {name, number, Kind::kMessage, true, message};
}

constexpr JsonField kRequest[] = {Messages("resourceSpans", 1, JsonMessage::kResourceSpans)};
constexpr JsonField kResourceSpans[] = {Message("resource", 1, JsonMessage::kResource),
                                        Messages("scopeSpans", 2, JsonMessage::kScopeSpans),
                                        {"schemaUrl", 3, Kind::kString}};
constexpr JsonField kResource[] = {Messages("attributes", 1, JsonMessage::kKeyValue),
                                   {"droppedAttributesCount", 2, Kind::kUint32},
                                   Messages("entityRefs", 3, JsonMessage::kEntityRef)};
constexpr JsonField kEntityRef[] = {{"schemaUrl", 1, Kind::kString},
                                    {"type", 2, Kind::kString},
                                    {"idKeys", 3, Kind::kString, true},
                                    {"descriptionKeys", 4, Kind::kString, true}};
constexpr JsonField kScopeSpans[] = {Message("scope", 1, JsonMessage::kScope),
                                     Messages("spans", 2, JsonMessage::kSpan),
                                     {"schemaUrl", 3, Kind::kString}};
constexpr JsonField kScope[] = {{"name", 1, Kind::kString},
                                {"version", 2, Kind::kString},
                                Messages("attributes", 3, JsonMessage::kKeyValue),
                                {"droppedAttributesCount", 4, Kind::kUint32}};
constexpr JsonField kSpan[] = {{"traceId", 1, Kind::kTraceId},
                               {"spanId", 2, Kind::kSpanId},
                               {"traceState", 3, Kind::kString},
                               {"parentSpanId", 4, Kind::kSpanId},
                               {"flags", 16, Kind::kFixed32},
                               {"name", 5, Kind::kString},
                               {"kind", 6, Kind::kEnum},
                               {"startTimeUnixNano", 7, Kind::kFixed64},
                               {"endTimeUnixNano", 8, Kind::kFixed64},
                               Messages("attributes", 9, JsonMessage::kKeyValue),
                               {"droppedAttributesCount", 10, Kind::kUint32},
                               Messages("events", 11, JsonMessage::kEvent),
                               {"droppedEventsCount", 12, Kind::kUint32},
                               Messages("links", 13, JsonMessage::kLink),
                               {"droppedLinksCount", 14, Kind::kUint32},
                               Message("status", 15, JsonMessage::kStatus)};
constexpr JsonField kEvent[] = {{"timeUnixNano", 1, Kind::kFixed64},
                                {"name", 2, Kind::kString},
                                Messages("attributes", 3, JsonMessage::kKeyValue),
                                {"droppedAttributesCount", 4, Kind::kUint32}};
constexpr JsonField kLink[] = {{"traceId", 1, Kind::kTraceId},
                               {"spanId", 2, Kind::kSpanId},
                               {"traceState", 3, Kind::kString},
                               Messages("attributes", 4, JsonMessage::kKeyValue),
                               {"droppedAttributesCount", 5, Kind::kUint32},
                               {"flags", 6, Kind::kFixed32}};
constexpr JsonField kStatus[] = {{"message", 2, Kind::kString}, {"code", 3, Kind::kEnum}};
constexpr JsonField kKeyValue[] = {{"key", 1, Kind::kString},
                                   Message("value", 2, JsonMessage::kAnyValue),
                                   {"keyStrindex", 3, Kind::kInt32}};
constexpr JsonField kAnyValue[] = {{"stringValue", 1, Kind::kString},
                                   {"boolValue", 2, Kind::kBool},
                                   {"intValue", 3, Kind::kInt64},
                                   {"doubleValue", 4, Kind::kDouble},
                                   Message("arrayValue", 5, JsonMessage::kArrayValue),
                                   Message("kvlistValue", 6, JsonMessage::kKeyValueList),
                                   {"bytesValue", 7, Kind::kBytes},
                                   {"stringValueStrindex", 8, Kind::kInt32}};
constexpr JsonField kArrayValue[] = {Messages("values", 1, JsonMessage::kAnyValue)};
constexpr JsonField kKeyValueList[] = {Messages("values", 1, JsonMessage::kKeyValue)};

// In the order of JsonMessage.
constexpr std::array<std::span<const JsonField>, kJsonMessageCount> kFields = {
    kRequest, kResourceSpans, kResource, kEntityRef, kScopeSpans, kScope,      kSpan,
    kEvent,   kLink,          kStatus,   kKeyValue,  kAnyValue,   kArrayValue, kKeyValueList};
static_assert(std::size(kSpan) <= kJsonFieldsMax);

}  // namespace

std::span<const JsonField> JsonFieldsOf(JsonMessage message) {
  return kFields[static_cast<std::size_t>(message)];
}

}  // namespace router
