// SpanIndex: where the spans of one ExportTraceServiceRequest lie in its bytes.
//
// One walk checks every field of every level and notes ranges: spans with their trace IDs, the
// groups that hold them (ResourceSpans, ScopeSpans), and the fields of a group that are no spans
// ("extras": resource, scope, schema_url, unknown fields). Protobuf objects are never built.
//
// Verdict: that of Protobuf C++ 3.21 on the same bytes (CP-4), with these differences, all
// refusals: the limits below, and the content of ResourceSpans field 1000 (the removed
// instrumentation_library_spans, laid out like ScopeSpans), which must be well-formed here while
// Protobuf takes it for an unknown field.
// Groups without spans are checked but not noted; nothing of them is forwarded (GC-15).
//
// Thread safety: its worker only. Reusable: Parse() starts anew and keeps the memory of earlier
// requests.
// Ownership: refers into the body given to Parse(), which outlives every use of the index until
// Clear() or the next Parse(). Copies nothing.
// Cost: linear in the bytes; no allocation once the vectors have grown to the size of the
// request. Memory at most 16 B per span, 8 B per part and 44 B per group with spans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "router/otlp/message_checker.h"
#include "router/otlp/wire_error.h"

namespace router {

inline constexpr std::size_t kSpansPerRequestMax = 1'000'000;
// Runs of extras: a request of spans_max spans, each in groups of its own, needs two to three per
// span.
inline constexpr std::size_t kPartsPerRequestMax = 4 * kSpansPerRequestMax;

struct IndexLimits {
  std::size_t spans_max = kSpansPerRequestMax;
  std::size_t parts_max = kPartsPerRequestMax;
  int depth_max = MessageChecker::kDepthMax;  // A-16; at most kDepthMax
  // Off: strings may hold anything, as for a Collector, which does not look.
  bool check_utf8 = true;
};

class SpanIndex {
 public:
  // Half-open range of byte offsets into the body.
  struct Range {
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t size() const { return end - begin; }
  };
  struct Span {
    Range field;  // tag, length and content
    std::uint32_t trace_id;
    std::uint32_t trace_id_bytes;
  };
  // What ScopeSpans and ResourceSpans have in common: extras [part_begin, part_end) of the matching
  // list.
  struct Group {
    std::uint32_t child_begin;  // spans() of a ScopeSpans, scopes() of a ResourceSpans
    std::uint32_t child_end;
    std::uint32_t part_begin;
    std::uint32_t part_end;
    std::uint32_t part_bytes;  // sum of the sizes of its extras
    std::uint32_t tag;         // its own: field 1, 2 or 1000
  };

  // Indexes `body`. On an error the index is empty.
  // REQUIRES: limits.depth_max <= MessageChecker::kDepthMax.
  [[nodiscard]] std::optional<WireError> Parse(std::span<const std::uint8_t> body,
                                               const IndexLimits& limits);
  // Forgets the body; frees scratch memory above kScratchKeptBytes, so that one huge request does
  // not stay with the worker for good.
  void Clear();

  std::size_t span_count() const { return spans_.size(); }
  // The value of the last trace_id field of span `i`, as the client sent it; empty when absent.
  std::span<const std::uint8_t> trace_id(std::size_t i) const {
    return {body_.data() + spans_[i].trace_id, spans_[i].trace_id_bytes};
  }
  // 16 bytes, not all zero. What else arrives is routed by the bytes that are there.
  bool has_valid_trace_id(std::size_t i) const {
    if (spans_[i].trace_id_bytes != 16) return false;
    std::uint64_t halves[2];
    std::memcpy(halves, body_.data() + spans_[i].trace_id, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
  }
  // What span `i` adds to a body, without the headers of its groups.
  std::size_t span_bytes(std::size_t i) const { return spans_[i].field.size(); }

  // For the splitter. All in the order of the body.
  std::span<const std::uint8_t> body() const { return body_; }
  std::span<const Span> spans() const { return spans_; }
  std::span<const Group> scopes() const { return scopes_; }
  std::span<const Group> resources() const { return resources_; }
  std::span<const Range> scope_parts() const { return scope_parts_; }
  std::span<const Range> resource_parts() const { return resource_parts_; }
  std::span<const Range> request_parts() const { return request_parts_; }

  // Memory held now, whether in use or kept for the next request.
  std::size_t scratch_bytes() const;
  static constexpr std::size_t kScratchKeptBytes = 1024 * 1024;

 private:
  using Bytes = const std::uint8_t*;

  bool ParseRequest(Bytes p, Bytes end);
  bool ParseResourceSpans(Bytes p, Bytes end);
  bool ParseScopeSpans(std::uint32_t tag, Bytes p, Bytes end);
  bool AddSpan(Bytes field, Bytes p, Bytes end);
  bool AddPart(std::vector<Range>& parts, std::size_t group_begin, Bytes begin, Bytes end);
  // The byte after the value of a field whose tag ended before `p`; null on an error.
  Bytes SkipValue(std::uint32_t tag, bool is_string, Bytes p, Bytes end, int depth_left);
  bool Fail(WireError error);
  std::uint32_t Offset(Bytes p) const { return static_cast<std::uint32_t>(p - body_.data()); }

  std::span<const std::uint8_t> body_;
  IndexLimits limits_;
  MessageChecker checker_{true};
  WireError error_ = WireError::kTruncated;
  std::vector<Span> spans_;
  std::vector<Group> scopes_;
  std::vector<Group> resources_;
  std::vector<Range> scope_parts_;
  std::vector<Range> resource_parts_;
  std::vector<Range> request_parts_;
};

}  // namespace router
