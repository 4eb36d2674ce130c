// TypicalRequest: what the micro-benchmarks are fed with.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace bench {

using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

template <typename Message>
inline void AddAttribute(Message& to, const std::string& key, const std::string& value) {
  auto& attribute = *to.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
}

template <typename Message>
inline void AddAttribute(Message& to, const std::string& key, std::int64_t value) {
  auto& attribute = *to.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_int_value(value);
}

// Spans of an HTTP server as an SDK sends them, about 500 bytes each; three spans to a trace.
inline Request TypicalRequest(int spans) {
  std::mt19937_64 random(1);
  const auto random_id = [&random](std::size_t size) {
    std::string id(size, '\0');
    for (char& byte : id) byte = static_cast<char>(random());
    return id;
  };
  Request request;
  auto& resource_spans = *request.add_resource_spans();
  AddAttribute(*resource_spans.mutable_resource(), "service.name", "checkout");
  AddAttribute(*resource_spans.mutable_resource(), "host.name", "node-17.example.org");
  auto& scope_spans = *resource_spans.add_scope_spans();
  scope_spans.mutable_scope()->set_name("io.opentelemetry.http");
  std::string trace_id;
  for (int i = 0; i < spans; ++i) {
    if (i % 3 == 0) trace_id = random_id(16);
    auto& span = *scope_spans.add_spans();
    span.set_trace_id(trace_id);
    span.set_span_id(random_id(8));
    span.set_parent_span_id(random_id(8));
    span.set_name("GET /api/v1/customers/{id}/orders");
    span.set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
    span.set_start_time_unix_nano(1'700'000'000'000'000'000);
    span.set_end_time_unix_nano(1'700'000'000'012'345'678);
    AddAttribute(span, "http.request.method", "GET");
    AddAttribute(span, "url.path", "/api/v1/customers/4711/orders");
    AddAttribute(span, "url.scheme", "https");
    AddAttribute(span, "http.response.status_code", std::int64_t{200});
    AddAttribute(span, "server.address", "shop.example.org");
    AddAttribute(span, "user_agent.original",
                 "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0");
    AddAttribute(span, "network.peer.port", std::int64_t{51234});
    AddAttribute(span, "client.address", "203.0.113.195");
    span.mutable_status()->set_code(opentelemetry::proto::trace::v1::Status::STATUS_CODE_OK);
  }
  return request;
}

}  // namespace bench
