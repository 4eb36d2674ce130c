// SpanScanner: finds the spans of an ExportTraceServiceRequest while its bytes go by.
//
// A body is fed in pieces of any size and is never kept: only field headers are looked at, and of a
// span only its trace ID and span ID, so that counting costs a few nanoseconds per span.
//
// Thread safety: one thread.
// Invariants: OnSpan is called once per span, in order, whatever the cuts between pieces.
// Failure: Feed returns false at the first byte that cannot be OTLP; the scanner is then useless.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/load/identity.h"

namespace bench {

class SpanObserver {
 public:
  virtual ~SpanObserver() = default;
  // IDs are all zero if the span had none of the right length.
  virtual void OnSpan(const TraceId& trace_id, const SpanId& span_id) = 0;
};

class SpanScanner {
 public:
  // read_ids: look into each span; otherwise spans are only counted and reported with zero IDs.
  explicit SpanScanner(bool read_ids) : read_ids_(read_ids) {}

  [[nodiscard]] bool Feed(std::span<const std::uint8_t> piece, SpanObserver& observer);
  // Whether the body may end here: no field or message is open.
  bool AtEnd() const;

 private:
  enum class State : std::uint8_t { kTag, kVarint, kLength, kSkip, kCapture };
  // Depths: 0 request, 1 ResourceSpans, 2 ScopeSpans, 3 Span.
  static constexpr int kSpanDepth = 3;

  bool TakeVarintByte(std::uint8_t byte, bool& complete);
  bool OnTag();
  bool OnLength(SpanObserver& observer);
  void CloseMessages(SpanObserver& observer);

  bool read_ids_;
  State state_ = State::kTag;
  int depth_ = 0;
  std::uint64_t position_ = 0;           // bytes seen so far
  std::array<std::uint64_t, 4> ends_{};  // where the message of each depth ends; [0] unused
  std::uint64_t varint_ = 0;
  int varint_shift_ = 0;
  std::uint64_t field_ = 0;
  std::uint64_t left_ = 0;           // bytes to skip or capture
  std::uint8_t* capture_ = nullptr;  // where captured bytes go: into trace_id_ or span_id_
  TraceId trace_id_{};
  SpanId span_id_{};
};

}  // namespace bench
