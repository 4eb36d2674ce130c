// OTLP/JSON into the wire form, beside what it replaces: libprotobuf's JSON parser with objects in
// between.
//
// Counters: bytes_per_second (of JSON), ns_per_span. The IDs of the JSON that libprotobuf gets are
// in base64, as it wants them; that aside both read the same text.
#include <benchmark/benchmark.h>
#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <string>

#include "bench/typical_request.h"
#include "router/otlp/json_codec.h"

namespace {

std::string JsonOf(const bench::Request& request) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_enums_as_ints = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(request, &json, options);
  return json;
}

// A base64 ID of 16 or 8 bytes becomes as many hexadecimal digits.
std::string WithHexIds(std::string json) {
  for (const std::string name : {"traceId", "spanId", "parentSpanId"}) {
    const std::string begin = "\"" + name + "\":\"";
    const std::string id(name == "traceId" ? 32 : 16, 'a');
    for (std::size_t at = json.find(begin); at != std::string::npos; at = json.find(begin, at)) {
      at += begin.size();
      json.replace(at, json.find('"', at) - at, id);
    }
  }
  return json;
}

void Report(benchmark::State& state, const std::string& json, std::size_t wire_bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * json.size()));
  state.counters["ns_per_span"] = benchmark::Counter(
      static_cast<double>(state.range(0)) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["json_bytes"] = static_cast<double>(json.size());
  state.counters["wire_bytes"] = static_cast<double>(wire_bytes);
}

void BM_JsonToWire(benchmark::State& state) {
  const std::string json =
      WithHexIds(JsonOf(bench::TypicalRequest(static_cast<int>(state.range(0)))));
  router::MemoryBudget budget(std::size_t{1} << 30);
  router::MemoryAccount account(budget);
  router::JsonCodec codec;
  std::size_t wire_bytes = 0;
  for (auto _ : state) {
    router::Body body(account);
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(json.data()), json.size());
    if (codec.ToWire(bytes, 64 << 20, body)) state.SkipWithError("refused");
    wire_bytes = body.size();
  }
  Report(state, json, wire_bytes);
}
BENCHMARK(BM_JsonToWire)->ArgName("spans")->Arg(1)->Arg(100)->Arg(5000);

void BM_ProtobufJson(benchmark::State& state) {
  const std::string json = JsonOf(bench::TypicalRequest(static_cast<int>(state.range(0))));
  std::string wire;
  for (auto _ : state) {
    bench::Request request;
    if (!google::protobuf::util::JsonStringToMessage(json, &request).ok() ||
        !request.SerializeToString(&wire)) {
      state.SkipWithError("refused");
    }
  }
  Report(state, json, wire.size());
}
BENCHMARK(BM_ProtobufJson)->ArgName("spans")->Arg(1)->Arg(100)->Arg(5000);

}  // namespace

BENCHMARK_MAIN();
