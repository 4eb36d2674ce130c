// ShardPlan: which spans of a request go out together: by owner, and cut where a backend would
// refuse the size.
//
// A backend takes requests up to a limit (4 MiB by default on a Collector); a larger shard is cut
// at span boundaries into several requests for the same owner. A single span over the limit stays a
// shard of its own, for the caller to reject. Spans that were delivered already go into a shard
// that nobody owns.
// Thread safety: its worker only. Reusable; keeps its scratch memory until Clear().
// Ownership: refers to the index, and through it to the body, until Clear().
// Cost: O(spans); requests within the limit are never looked at for cutting.
// Source: rule GC-01.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "router/otlp/span_index.h"
#include "router/otlp/splitter.h"
#include "router/routing/routing_table.h"

namespace router {

class ShardPlan {
 public:
  static constexpr std::uint16_t kNobody = 0xFFFF;

  // Plans `index` (with at least one span) for the ring of `routes` (not empty). `shard_bytes_max`
  // is the largest body. `delivered`: a flag per span, or null.
  void Build(const SpanIndex& index, const Routes& routes, std::size_t shard_bytes_max,
             const std::vector<bool>* delivered = nullptr);

  // The request goes out as it came: one owner, and not larger than allowed (or a single span).
  std::optional<std::uint16_t> PassThroughOwner() const { return pass_through_; }

  // Otherwise, shard by shard. Numbers are those of splitter().present_shards().
  std::uint16_t OwnerOf(std::uint16_t shard) const { return owner_of_shard_[shard]; }
  Splitter& splitter() { return splitter_; }
  std::size_t shard_count() const { return owner_of_shard_.size(); }
  std::size_t invalid_trace_ids() const { return invalid_trace_ids_; }
  // Spans that go to a successor, their owner being DOWN.
  std::size_t failover_spans() const { return failover_spans_; }

  void Clear();

 private:
  // The shard of one owner that still takes spans, while cutting.
  struct OpenShard {
    bool is_open = false;
    std::uint16_t number = 0;
    std::size_t bytes = 0;       // an upper bound of what it will have
    std::uint32_t resource = 0;  // the last ResourceSpans and ScopeSpans it has a header for
    std::uint32_t scope = 0;
  };

  void FindOwners(const SpanIndex& index, const Routes& routes, const std::vector<bool>* delivered);
  void Cut(const SpanIndex& index, std::size_t members, std::size_t shard_bytes_max);

  Splitter splitter_;
  std::vector<std::uint16_t> owners_;  // per span
  std::vector<std::uint16_t> shards_;  // per span, when cut
  std::vector<std::uint16_t> owner_of_shard_;
  std::vector<OpenShard> open_;  // per ring member, while cutting
  std::optional<std::uint16_t> pass_through_;
  std::size_t invalid_trace_ids_ = 0;
  std::size_t failover_spans_ = 0;
};

}  // namespace router
