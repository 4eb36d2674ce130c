// Requests whose every byte can be checked where they arrive, and the check.
//
// A request is a function of a seed and its number. Every span ends in an attribute "f.sum" of
// three sums in hex: over the bytes of the span before it, over the shared fields of the
// ResourceSpans it was made in, and over the shared fields of its ScopeSpans. So a span that lost
// its resource, its scope or one bit says so by itself, whatever request it arrives in.
//
// Thread safety: free functions over values; a TraceWindow belongs to one thread.
// Invariants: span number = request number * kSpansPerRequestMax + index; equal seeds and calls
// give equal bytes. Independent of router/: it must not share its mistakes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/random.h"

namespace faults {

inline constexpr std::uint64_t kSpansPerRequestMax = 256;

// Traces under way, drawn from at random: a request mixes traces, a trace is spread over requests.
class TraceWindow {
 public:
  TraceWindow(std::uint64_t seed, std::uint64_t first_trace_number);
  // Nothing but this one trace.
  static TraceWindow Of(std::uint64_t trace_number);
  std::uint64_t Next();

 private:
  explicit TraceWindow(std::uint64_t trace_number) : random_(0), next_(0), active_{trace_number} {}
  bench::Random random_;
  std::uint64_t next_;
  std::vector<std::uint64_t> active_;
};

// REQUIRES: 0 < spans <= kSpansPerRequestMax. `seed` decides everything but the trace numbers.
std::string MakeRequest(std::uint64_t seed, std::uint64_t request_number, std::size_t spans,
                        TraceWindow& traces);

struct SeenSpan {
  std::optional<std::uint64_t> trace_number;  // none: the ID was never made here
  std::uint64_t span_number = 0;
  bool is_sum_right = false;
  bool is_resource_right = false;
  bool is_scope_right = false;

  bool IsIntact() const {
    return trace_number.has_value() && is_sum_right && is_resource_right && is_scope_right;
  }
};

// All spans of a request in order; nullopt if it is no ExportTraceServiceRequest.
std::optional<std::vector<SeenSpan>> ReadRequest(std::string_view bytes);

}  // namespace faults
