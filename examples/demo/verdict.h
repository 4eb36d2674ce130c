// The verdict: what was planned against what the backends hold.
// Thread safety: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "examples/demo/arrivals.h"
#include "examples/demo/order_flow.h"

namespace router::demo {

struct BackendTally {
  std::uint64_t spans = 0;   // copies included
  std::uint64_t traces = 0;  // of which it holds at least one span
};

struct Verdict {
  std::uint64_t traces = 0;
  std::uint64_t whole = 0;  // every span of the trace has arrived, all at one backend
  std::uint64_t torn = 0;   // spans at two backends or more
  std::uint64_t sent = 0;
  std::uint64_t received = 0;    // distinct planned spans
  std::uint64_t lost = 0;        // planned, arrived nowhere
  std::uint64_t duplicated = 0;  // copies beyond the first
  std::uint64_t altered = 0;     // arrived with other bytes in or around them
  std::uint64_t unexpected = 0;  // arrived, never planned
  std::uint64_t links = 0;
  std::uint64_t links_intact =
      0;                          // the linking span arrived unaltered, and so did the one it names
  double requests_per_trace = 0;  // in how many requests the spans of a trace arrived, on average
  std::chrono::milliseconds apart_max{0};  // between the first and the last span of one trace
  std::vector<BackendTally> backends;

  // Every trace whole, nothing lost, duplicated, altered or unexpected, all links intact.
  bool IsClean() const;
};

// `arrivals[b]` is the journal of backend b.
Verdict Judge(const FlowOptions& flow, const std::vector<std::vector<Arrival>>& arrivals);

}  // namespace router::demo
