// Identities that count: trace n and span n have random-looking IDs from which n can be computed
// again, so a sink can keep one bit per span instead of a set of IDs.
//
// Thread safety: free functions over values.
// Invariants: SpanNumber(SpanId(n)) == n and TraceNumber(TraceId(n)) == n for n < 2^63; an ID that
// was not made here is recognised (with a chance of 2^-64 of error for traces; spans are bounded by
// the caller's knowledge of how many it made).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace bench {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

TraceId MakeTraceId(std::uint64_t trace_number);
SpanId MakeSpanId(std::uint64_t span_number);

std::optional<std::uint64_t> TraceNumber(const std::uint8_t* trace_id);
std::uint64_t SpanNumber(const std::uint8_t* span_id);

}  // namespace bench
