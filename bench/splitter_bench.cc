// The splitter alone: walk (every field of every level checked), plan, and walk with copy into
// exact-size buffers.
//
// Counters: ns_per_span, bytes_per_span (of the input), copied_per_span (of the shards; the quality
// number: its excess over bytes_per_span is what repeated resources and scopes cost), allocations
// are held by otlp_test. Reach: walk <= 35 ns per span of about 500 bytes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/typical_request.h"
#include "router/otlp/span_index.h"
#include "router/otlp/splitter.h"

namespace {

using bench::Request;
using bench::TypicalRequest;
using router::SpanIndex;
using router::Splitter;

constexpr std::size_t kShards = 4;

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
  const std::string body = TypicalRequest(static_cast<int>(state.range(0))).SerializeAsString();
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
  const std::string body = TypicalRequest(static_cast<int>(state.range(0))).SerializeAsString();
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
  const std::string body = TypicalRequest(static_cast<int>(state.range(0))).SerializeAsString();
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
