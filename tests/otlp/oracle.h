// What Protobuf itself says about a request: the judge of the splitter tests and of the fuzz
// target.
//
// Field 1000 of ResourceSpans is judged as the ScopeSpans it once was.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace router::test {

using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::trace::v1::ResourceSpans;
using opentelemetry::proto::trace::v1::ScopeSpans;

inline constexpr int kOldScopeSpansField = 1000;
inline constexpr int kDepthBelowResourceSpans = 98;

inline std::span<const std::uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline bool ParseOldScopeSpans(const std::string& bytes, ScopeSpans& out) {
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kDepthBelowResourceSpans);
  return out.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
}

// One ScopeSpans of a ResourceSpans, of either field.
struct Scope {
  bool is_old = false;
  ScopeSpans spans;
};

// The ScopeSpans of both fields, and the other unknown fields of `resource` as bytes.
inline bool ScopesOf(const ResourceSpans& resource, std::vector<Scope>& scopes,
                     std::string& unknown) {
  for (const ScopeSpans& scope : resource.scope_spans()) scopes.push_back({false, scope});
  google::protobuf::UnknownFieldSet others;
  const auto& fields = resource.GetReflection()->GetUnknownFields(resource);
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    if (field.number() != kOldScopeSpansField ||
        field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      others.AddField(field);
      continue;
    }
    scopes.push_back({true, {}});
    if (!ParseOldScopeSpans(field.length_delimited(), scopes.back().spans)) return false;
  }
  return others.SerializeToString(&unknown);
}

template <typename Message>
std::string UnknownFieldsOf(const Message& message) {
  std::string bytes;
  message.GetReflection()->GetUnknownFields(message).SerializeToString(&bytes);
  return bytes;
}

// A request taken apart into what must survive splitting.
struct Flattened {
  // One line per span: everything above it and itself, as Protobuf re-encodes them. Sorted.
  std::vector<std::string> spans;
  // Per trace ID and field (new, old): the spans' encodings in order.
  std::map<std::string, std::vector<std::string>> traces;
  std::string unknown;  // of the request

  void Add(const Flattened& other) {
    spans.insert(spans.end(), other.spans.begin(), other.spans.end());
    for (const auto& [trace, list] : other.traces) {
      traces[trace].insert(traces[trace].end(), list.begin(), list.end());
    }
    unknown += other.unknown;
  }
  void Sort() { std::sort(spans.begin(), spans.end()); }
};

inline void AppendField(std::string& line, std::string_view bytes) {
  line += std::to_string(bytes.size());
  line += ':';
  line += bytes;
}

// False: Protobuf refuses the bytes. `out` may be null when only the verdict matters.
inline bool Flatten(std::string_view bytes, Flattened* out) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  if (out != nullptr) out->unknown = UnknownFieldsOf(request);
  for (const ResourceSpans& resource : request.resource_spans()) {
    std::vector<Scope> scopes;
    std::string unknown;
    if (!ScopesOf(resource, scopes, unknown)) return false;
    if (out == nullptr) continue;
    std::string resource_line = resource.has_resource() ? "R" : "-";
    AppendField(resource_line, resource.resource().SerializeAsString());
    AppendField(resource_line, resource.schema_url());
    AppendField(resource_line, unknown);
    for (const Scope& scope : scopes) {
      std::string scope_line = resource_line + (scope.is_old ? "O" : "N");
      scope_line += scope.spans.has_scope() ? "S" : "-";
      AppendField(scope_line, scope.spans.scope().SerializeAsString());
      AppendField(scope_line, scope.spans.schema_url());
      AppendField(scope_line, UnknownFieldsOf(scope.spans));
      for (const auto& span : scope.spans.spans()) {
        const std::string encoded = span.SerializeAsString();
        out->traces[(scope.is_old ? "O" : "N") + span.trace_id()].push_back(encoded);
        out->spans.push_back(scope_line + encoded);
      }
    }
  }
  return true;
}

inline bool ProtobufAccepts(std::string_view bytes) { return Flatten(bytes, nullptr); }

}  // namespace router::test
