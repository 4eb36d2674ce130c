#include "tests/integration/requests.h"

#include <google/protobuf/unknown_field_set.h>

#include <atomic>

namespace router::test {
namespace {

constexpr int kUnknownField = 5000;

std::string NextSpanId() {
  static std::atomic<std::uint64_t> next = 1;
  const std::uint64_t id = next++ * 0x9E3779B97F4A7C15;
  return std::string(reinterpret_cast<const char*>(&id), sizeof(id));
}

void AddString(google::protobuf::RepeatedPtrField<opentelemetry::proto::common::v1::KeyValue>& to,
               const std::string& key, std::string value) {
  auto* attribute = to.Add();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(std::move(value));
}

Span* AddSpan(opentelemetry::proto::trace::v1::ScopeSpans& scope_spans, std::uint64_t trace) {
  Span* span = scope_spans.add_spans();
  span->set_trace_id(TraceIdOf(trace));
  span->set_span_id(NextSpanId());
  span->set_name("GET /orders");
  span->set_kind(Span::SPAN_KIND_SERVER);
  span->set_start_time_unix_nano(1'700'000'000'000'000'000);
  span->set_end_time_unix_nano(1'700'000'000'100'000'000);
  AddString(*span->mutable_attributes(), "http.route", "/orders");
  return span;
}

opentelemetry::proto::trace::v1::ScopeSpans& AddScope(ExportRequest& request) {
  auto* resource_spans = request.add_resource_spans();
  AddString(*resource_spans->mutable_resource()->mutable_attributes(), "service.name", "orders");
  resource_spans->set_schema_url("https://opentelemetry.io/schemas/1.26.0");
  auto* scope_spans = resource_spans->add_scope_spans();
  scope_spans->mutable_scope()->set_name("integration");
  scope_spans->mutable_scope()->set_version("1");
  return *scope_spans;
}

// A varint, both fixed widths, a length-delimited field and a group that no schema knows.
void AddUnknown(google::protobuf::Message& message) {
  auto* unknown = message.GetReflection()->MutableUnknownFields(&message);
  unknown->AddVarint(kUnknownField, 300);
  unknown->AddFixed32(kUnknownField + 1, 7);
  unknown->AddFixed64(kUnknownField + 2, 8);
  unknown->AddLengthDelimited(kUnknownField + 3, "later");
  unknown->AddGroup(kUnknownField + 4)->AddVarint(1, 1);
}

}  // namespace

std::string TraceIdOf(std::uint64_t number) {
  std::uint64_t state = number;
  std::string id;
  for (int half = 0; half < 2; ++half) {
    std::uint64_t mixed = (state += 0x9E3779B97F4A7C15);
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    mixed ^= mixed >> 31;
    id.append(reinterpret_cast<const char*>(&mixed), sizeof(mixed));
  }
  return id;
}

ExportRequest RequestFor(const std::vector<std::uint64_t>& trace_numbers, int spans_each) {
  ExportRequest request;
  auto& scope_spans = AddScope(request);
  for (const std::uint64_t trace : trace_numbers) {
    for (int i = 0; i < spans_each; ++i) AddSpan(scope_spans, trace);
  }
  return request;
}

ExportRequest RequestOfSize(std::size_t bytes, std::uint64_t trace_number) {
  ExportRequest request;
  Span* span = AddSpan(AddScope(request), trace_number);
  std::string& padding = *span->add_attributes()->mutable_value()->mutable_string_value();
  padding.resize(bytes / 2, 'x');
  // The lengths around the padding grow with it: a few steps reach the size exactly.
  for (int step = 0; step < 16 && request.ByteSizeLong() != bytes; ++step) {
    padding.resize(padding.size() + bytes - request.ByteSizeLong(), 'x');
  }
  return request;
}

ExportRequest RequestWithUnknownFields(const std::vector<std::uint64_t>& trace_numbers) {
  ExportRequest request;
  auto& scope_spans = AddScope(request);
  for (const std::uint64_t trace : trace_numbers) {
    Span* span = AddSpan(scope_spans, trace);
    AddUnknown(*span);
    AddUnknown(*span->mutable_attributes(0));
    AddUnknown(*span->mutable_attributes(0)->mutable_value());
    AddUnknown(*span->mutable_status());
    AddUnknown(*span->add_events());
    AddUnknown(*span->add_links());
  }
  AddUnknown(scope_spans);
  AddUnknown(*scope_spans.mutable_scope());
  AddUnknown(*request.mutable_resource_spans(0));
  AddUnknown(*request.mutable_resource_spans(0)->mutable_resource());
  AddUnknown(request);
  return request;
}

int UnknownFieldCount(const google::protobuf::Message& message) {
  return message.GetReflection()->GetUnknownFields(message).field_count();
}

}  // namespace router::test
