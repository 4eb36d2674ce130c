// SpanLedger: what the sinks have seen, to the span: one bit per span number, two octets per trace
// number.
//
// Thread safety: one thread.
// Invariants: distinct + duplicates + foreign = number of Record calls. A trace is misplaced once
// it was seen by two listeners, and counted once however often.
// Cost: 10 million spans take 1.25 MB of bits and two octets per trace; Record is O(1).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "bench/load/identity.h"

namespace bench {

class SpanLedger {
 public:
  // Numbers at or above this are not from our generator: a corrupted ID, not a huge bitmap.
  static constexpr std::uint64_t kNumbersMax = 400'000'000;
  static constexpr std::size_t kListenersMax = 65'000;

  // REQUIRES: listener < kListenersMax.
  void Record(std::size_t listener, const TraceId& trace_id, const SpanId& span_id);

  std::uint64_t distinct() const { return distinct_; }
  std::uint64_t duplicates() const { return duplicates_; }
  // Spans whose IDs our generator never made.
  std::uint64_t foreign() const { return foreign_; }
  std::uint64_t traces() const { return traces_; }
  std::uint64_t misplaced_traces() const { return misplaced_traces_; }

  // The listener of the first `count` traces by number, for a comparison with `spanring owner`.
  std::vector<std::pair<TraceId, std::size_t>> Sample(std::size_t count) const;

 private:
  std::vector<std::uint64_t> seen_;  // bit n: span n
  std::vector<std::uint16_t>
      listener_of_;  // by trace number: 0 unseen, listener + 1, or kMisplaced
  std::uint64_t distinct_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t traces_ = 0;
  std::uint64_t misplaced_traces_ = 0;
};

}  // namespace bench
