// Any bytes as an ExportTraceServiceRequest: the verdict is Protobuf's (CP-4); what is accepted is
// split by trace into several shards whose sum is the input (CP-1) and each of which holds its own
// traces only (CP-2).
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "router/otlp/span_index.h"
#include "router/otlp/splitter.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/split_request.h"

namespace {

using namespace router;        // NOLINT
using namespace router::test;  // NOLINT

void Require(bool condition, const char* law) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", law);
  std::abort();
}

void CheckShards(const SpanIndex& index, std::string_view body, std::size_t shard_count,
                 Flattened whole) {
  static Splitter splitter;
  const std::vector<std::uint16_t> owners = ShardsByTrace(index, shard_count);
  const std::vector<std::string> shards = Split(splitter, index, owners, shard_count);
  Flattened merged;
  for (std::size_t s = 0; s < shard_count; ++s) {
    Flattened part;
    Require(Flatten(shards[s], &part), "a shard is well-formed");
    Require(shards[s].size() <= body.size(), "no shard exceeds the input");
    Require(part.spans.size() == splitter.shard_spans(s), "shard_spans is exact");
    for (const auto& [trace, list] : part.traces) {
      Require(ShardOf(AsBytes(std::string_view(trace).substr(1)), shard_count) == s, "CP-2");
    }
    merged.Add(part);
  }
  merged.Sort();
  whole.Sort();
  Require(merged.spans == whole.spans, "CP-1: spans with their groups");
  Require(merged.traces == whole.traces, "CP-1: order inside a trace");
  Require(whole.spans.empty() || merged.unknown == whole.unknown, "CP-1: unknown fields");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static google::protobuf::LogSilencer silence;
  static SpanIndex index;
  // A heap block of the exact size, so that a sanitizer sees a read past the end.
  const std::vector<std::uint8_t> exact(data, data + size);
  const std::string_view body(reinterpret_cast<const char*>(exact.data()), size);
  Flattened whole;
  const bool expected = Flatten(body, &whole);
  const bool is_accepted = !index.Parse(exact, {}).has_value();
  Require(is_accepted == expected, "CP-4: verdict");
  if (!is_accepted) return 0;
  Require(index.span_count() == whole.spans.size(), "span_count is exact");
  CheckShards(index, body, 1 + size % 4, whole);
  return 0;
}
