// Rings: nanoseconds per lookup and per build, next to what the time buys: peak/mean load and moved
// keys. Run: ring_bench --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "router/ring/ring.h"

namespace router {
namespace {

constexpr std::size_t kIds = 4096;
using TraceId = std::array<std::uint8_t, kTraceIdBytes>;

std::vector<TraceId> RandomIds(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<TraceId> ids(count);
  for (TraceId& id : ids) {
    for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
  }
  return ids;
}

std::vector<RingMember> Members(std::size_t count) {
  std::vector<RingMember> members;
  for (std::size_t i = 0; i < count; ++i) {
    members.push_back(
        {"10.1." + std::to_string(i / 256) + '.' + std::to_string(i % 256) + ":4317"});
  }
  return members;
}

Ring BuildRing(RingAlgorithm algorithm, std::size_t members) {
  return *Ring::Build(Members(members), {.algorithm = algorithm});
}

void BM_OwnerOf(benchmark::State& state, RingAlgorithm algorithm) {
  const Ring ring = BuildRing(algorithm, static_cast<std::size_t>(state.range(0)));
  const auto ids = RandomIds(kIds);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring.OwnerOf(ids[i++ % kIds]));
  state.SetItemsProcessed(state.iterations());
}

// Each lookup waits for the one before: what a single span pays.
void BM_OwnerOfLatency(benchmark::State& state, RingAlgorithm algorithm) {
  const Ring ring = BuildRing(algorithm, static_cast<std::size_t>(state.range(0)));
  auto ids = RandomIds(kIds);
  std::size_t i = 0;
  for (auto _ : state) {
    const std::uint16_t owner = ring.OwnerOf(ids[i % kIds]);
    i += 1 + owner;
  }
  benchmark::DoNotOptimize(i);
}

// The part of `ids` whose owner is another one in `after`.
double MovedBetween(const Ring& before, const Ring& after, const std::vector<TraceId>& ids) {
  std::size_t moved = 0;
  for (const TraceId& id : ids) {
    if (before.members()[before.OwnerOf(id)] != after.members()[after.OwnerOf(id)]) ++moved;
  }
  return static_cast<double>(moved) / static_cast<double>(ids.size());
}

// peak/mean over a million IDs; moved_x_ideal: keys moved by one more member, 1.0 = 1 / (N + 1).
void BM_Build(benchmark::State& state, RingAlgorithm algorithm) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(BuildRing(algorithm, count));

  const Ring ring = BuildRing(algorithm, count);
  const auto ids = RandomIds(1u << 20);
  std::vector<double> load(count);
  for (const TraceId& id : ids) ++load[ring.OwnerOf(id)];
  const double peak = *std::max_element(load.begin(), load.end());
  state.counters["peak/mean"] = peak * static_cast<double>(count) / static_cast<double>(ids.size());
  state.counters["moved_x_ideal"] =
      MovedBetween(ring, BuildRing(algorithm, count + 1), ids) * static_cast<double>(count + 1);
}

#define RING_BENCH(function, ...)                                                     \
  BENCHMARK_CAPTURE(function, spanring, RingAlgorithm::kSpanring) __VA_ARGS__;        \
  BENCHMARK_CAPTURE(function, collector_v1, RingAlgorithm::kCollectorV1) __VA_ARGS__; \
  BENCHMARK_CAPTURE(function, collector_v2, RingAlgorithm::kCollectorV2) __VA_ARGS__; \
  BENCHMARK_CAPTURE(function, collector_v3, RingAlgorithm::kCollectorV3) __VA_ARGS__

RING_BENCH(BM_OwnerOf, ->Arg(10)->Arg(1000));
RING_BENCH(BM_OwnerOfLatency, ->Arg(10));
RING_BENCH(
    BM_Build, ->Arg(5)->Arg(10)->Arg(50)->Arg(200)->Arg(1000)->Unit(benchmark::kMillisecond));

}  // namespace
}  // namespace router

BENCHMARK_MAIN();
