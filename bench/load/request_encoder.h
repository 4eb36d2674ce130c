// RequestEncoder: ExportTraceServiceRequests as an SDK would send them, about 510 bytes per span
// (an HTTP server span: name, kind, times, a dozen attributes, some with an event or a link), one
// resource of eight attributes and two scopes, at memory speed: spans are copied from ready-made
// ones and get their IDs.
//
// Thread safety: one thread.
// Invariants: every span gets the next span number and so a distinct ID; equal seeds and calls give
// equal bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/load/random.h"

namespace bench {

// Which trace the next span belongs to: a window of traces that are under way, drawn from at
// random, so that one request mixes traces and one trace is spread over many requests.
class TraceMix {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::uint64_t first_trace_number = 0;
    std::uint32_t active_traces = 20;
    // A trace makes way for a new one after a span with a chance of 1 / this; 0: never.
    std::uint32_t mean_spans_per_trace = 0;
  };
  explicit TraceMix(const Options& options);

  std::uint64_t Next();
  // One more than the highest trace number in use.
  std::uint64_t end_trace_number() const { return next_trace_number_; }

 private:
  Random random_;
  std::uint32_t mean_spans_per_trace_;
  std::uint64_t next_trace_number_;
  std::vector<std::uint64_t> active_;
};

class RequestEncoder {
 public:
  explicit RequestEncoder(std::uint64_t seed);

  // Replaces `out` by a request of `spans` spans in `resources` ResourceSpans of two scopes each.
  void Encode(std::uint32_t spans, std::uint32_t resources, TraceMix& mix,
              std::vector<std::uint8_t>& out);

  // One more than the highest span number given out.
  std::uint64_t end_span_number() const { return next_span_number_; }

 private:
  void AppendScopeSpans(std::uint32_t spans, TraceMix& mix, std::vector<std::uint8_t>& out);

  Random random_;
  std::uint64_t next_span_number_ = 0;
  std::string resource_field_;
  std::string scope_field_;
  std::vector<std::string> spans_;    // ready-made Span messages with blank IDs
  std::vector<std::uint32_t> picks_;  // of the scope being encoded
};

}  // namespace bench
