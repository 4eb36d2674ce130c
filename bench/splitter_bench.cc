// The splitter alone: walk (every field of every level checked), plan, and walk with copy into
// exact-size buffers.
//
// Counters: ns_per_span, bytes_per_span (of the input), copied_per_span (of the shards; the quality
// number: its excess over bytes_per_span is what repeated resources and scopes cost), allocations
// are held by otlp_test. Reach: walk <= 35 ns per span of about 500 bytes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "router/otlp/span_index.h"
#include "router/otlp/splitter.h"

namespace {

using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using router::SpanIndex;
using router::Splitter;

constexpr std::size_t kShards = 4;

template <typename Message>
void AddAttribute(Message& to, const std::string& key, const std::string& value) {
  auto& attribute = *to.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
}

template <typename Message>
void AddAttribute(Message& to, const std::string& key, std::int64_t value) {
  auto& attribute = *to.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_int_value(value);
}

// Spans of an HTTP server as an SDK sends them, about 500 bytes each; three spans to a trace.
std::string RequestOf(int spans) {
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
  return request.SerializeAsString();
}

std::span<const std::uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void Report(benchmark::State& state, std::size_t spans, std::size_t body_bytes) {
  const double count = static_cast<double>(spans);
  state.counters["ns_per_span"] = benchmark::Counter(
      count * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_span"] = static_cast<double>(body_bytes) / count;
}

void Owners(const SpanIndex& index, std::vector<std::uint16_t>& owners) {
  owners.resize(index.span_count());
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const auto id = index.trace_id(i);
    owners[i] = static_cast<std::uint16_t>(id[15] % kShards);
  }
}

void BM_Walk(benchmark::State& state) {
  const std::string body = RequestOf(static_cast<int>(state.range(0)));
  router::IndexLimits limits;
  limits.check_utf8 = state.range(1) != 0;
  SpanIndex index;
  for (auto _ : state) {
    if (index.Parse(AsBytes(body), limits)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(index.spans().data());
  }
  Report(state, index.span_count(), body.size());
}
BENCHMARK(BM_Walk)->ArgNames({"spans", "utf8"})->ArgsProduct({{100, 1000}, {1, 0}});

void BM_WalkAndCopy(benchmark::State& state) {
  const std::string body = RequestOf(static_cast<int>(state.range(0)));
  SpanIndex index;
  Splitter splitter;
  std::vector<std::uint16_t> owners;
  std::vector<std::vector<std::uint8_t>> shards(kShards);
  std::vector<std::uint8_t*> out(kShards);
  for (auto& shard : shards) shard.resize(body.size());
  for (std::size_t s = 0; s < kShards; ++s) out[s] = shards[s].data();
  for (auto _ : state) {
    if (index.Parse(AsBytes(body), {})) state.SkipWithError("refused");
    Owners(index, owners);
    splitter.Plan(index, owners, kShards);
    splitter.Write(out);
    benchmark::ClobberMemory();
  }
  Report(state, index.span_count(), body.size());
  state.counters["copied_per_span"] =
      static_cast<double>(splitter.total_bytes()) / static_cast<double>(index.span_count());
}
BENCHMARK(BM_WalkAndCopy)->ArgName("spans")->Arg(100)->Arg(1000);

// What the walk replaces: Protobuf objects.
void BM_ProtobufParse(benchmark::State& state) {
  const std::string body = RequestOf(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    Request request;
    if (!request.ParseFromString(body)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(request);
  }
  Report(state, static_cast<std::size_t>(state.range(0)), body.size());
}
BENCHMARK(BM_ProtobufParse)->ArgName("spans")->Arg(100)->Arg(1000);

}  // namespace

BENCHMARK_MAIN();
