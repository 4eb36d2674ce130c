// JSON as the tests hand it in, and what came out as Protobuf reads it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "router/otlp/json_codec.h"
#include "tests/otlp/oracle.h"

namespace router::test {

// One codec for all calls, as in a worker: one request must not taint the next.
class JsonToWire {
 public:
  static constexpr std::size_t kLimit = 64 << 20;

  // The fault's message; empty on success, and then request() is what Protobuf read.
  std::string Convert(std::string_view json, std::size_t output_bytes_max = kLimit) {
    Body body(account_);
    fault_ = codec_.ToWire(AsBytes(json), output_bytes_max, body);
    is_allocated_ = body.capacity() > 0;
    wire_.assign(body.bytes().begin(), body.bytes().end());
    if (account_.charged() != body.capacity()) return "charge is not what the body has";
    if (fault_) return body.capacity() == 0 ? fault_->message : "a failed call keeps memory";
    return request_.ParseFromString(wire_) ? "" : "Protobuf does not read what was written";
  }

  bool is_allocated() const { return is_allocated_; }
  const JsonFault& fault() const { return *fault_; }
  bool is_fault() const { return fault_.has_value(); }
  const std::string& wire() const { return wire_; }
  const Request& request() const { return request_; }
  const opentelemetry::proto::trace::v1::Span& span() const {
    return request_.resource_spans(0).scope_spans(0).spans(0);
  }

 private:
  MemoryBudget budget_{std::size_t{1} << 30};
  MemoryAccount account_{budget_};
  JsonCodec codec_;
  std::optional<JsonFault> fault_;
  std::string wire_;
  bool is_allocated_ = false;
  Request request_;
};

// Requests of one span.
class JsonCodecFixture : public testing::Test {
 protected:
  // The fault of a request of one span with these fields; empty on success.
  std::string Span(std::string_view fields) {
    return to_wire_.Convert(std::string(R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)")
                                .append(fields)
                                .append("}]}]}]}"));
  }
  // The same of a span with one attribute of this value.
  std::string Attribute(std::string_view value) {
    return Span(std::string(R"("attributes":[{"key":"k","value":)").append(value).append("}]"));
  }
  const opentelemetry::proto::trace::v1::Span& span() const { return to_wire_.span(); }
  const opentelemetry::proto::common::v1::AnyValue& value() const {
    return to_wire_.span().attributes(0).value();
  }

  JsonToWire to_wire_;
};

}  // namespace router::test
