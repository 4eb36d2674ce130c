// Splitter: one request into one request per shard, by copying ranges of its bytes.
//
// Laws (CP-1…CP-3, CP-5): every span is in exactly one shard; the shards merged are the input
// under Protobuf semantics, unknown fields included; spans of one shard keep their order. A
// group's extras (resource, scope, schema_url, unknown fields) go to every shard that has a span
// of the group, before its spans and in their own order; a repeated `resource` is kept repeated.
// Unknown fields of the request go to the first shard that has a span. Tags of ScopeSpans are
// kept (2 or 1000). Groups without spans are dropped; a shard without spans is empty. Only the
// headers of rewritten groups are new bytes, never longer than the old ones: no shard exceeds
// the size of the input.
// A request with one owner is not for the splitter: its bytes pass through unchanged (CP-6,
// SoleOwner).
//
// Use: Plan(), allocate shard_bytes(s) for each shard with spans, Write(). Egress bytes are
// known before any is written: total_bytes().
// Thread safety: its worker only. Reusable; keeps its scratch memory.
// Ownership: refers to the index (and through it to the body) from Plan() until Write() or
// Clear().
// Cost: O(spans + groups × shards present in each group), independent of shard_count; no
// allocation once warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "router/otlp/span_index.h"

namespace router {

class Splitter {
 public:
  // The one shard all spans belong to; nothing when there are several, or no span.
  static std::optional<std::uint16_t> SoleOwner(std::span<const std::uint16_t> shard_of_span);

  // Computes exact sizes. REQUIRES: shard_of_span.size() == index.span_count(), every element <
  // shard_count.
  void Plan(const SpanIndex& index, std::span<const std::uint16_t> shard_of_span,
            std::size_t shard_count);

  // Valid after Plan().
  std::size_t shard_count() const { return shard_count_; }
  std::size_t shard_bytes(std::size_t shard) const { return shards_[shard].bytes; }
  std::size_t shard_spans(std::size_t shard) const { return shards_[shard].spans; }
  // The sum of all shard_bytes().
  std::size_t total_bytes() const { return total_bytes_; }
  // Shards that have spans, in the order of their first span.
  std::span<const std::uint16_t> present_shards() const { return present_; }

  // Writes shard_bytes(s) bytes to out[s], unless it is null: then the shard is left out. May be
  // called again. REQUIRES: out.size() == shard_count(); the index and shard_of_span of Plan()
  // still live.
  void Write(std::span<std::uint8_t* const> out);

  // Forgets the index; frees scratch memory above kScratchKeptBytes.
  void Clear();
  std::size_t scratch_bytes() const;
  static constexpr std::size_t kScratchKeptBytes = 1024 * 1024;

 private:
  // One group's presence in one shard.
  struct Piece {
    std::uint32_t content_bytes;
    std::uint16_t shard;
  };
  // Per shard: totals, the write position, and which piece is the shard's in the group of the
  // moment. Marks are the groups' numbers, from 1. All zero for shards that are not in present_.
  struct Shard {
    std::size_t bytes = 0;
    std::size_t spans = 0;
    std::uint8_t* out = nullptr;
    std::uint32_t scope_mark = 0;
    std::uint32_t scope_piece = 0;
    std::uint32_t resource_mark = 0;
    std::uint32_t resource_piece = 0;
  };

  void PlanScope(const SpanIndex::Group& scope, std::uint32_t mark);
  void OpenGroup(const SpanIndex::Group& group, std::span<const SpanIndex::Range> parts,
                 const Piece& piece);
  void CopySpans(const SpanIndex::Group& scope);

  const SpanIndex* index_ = nullptr;
  std::span<const std::uint16_t> shard_of_span_;
  std::size_t shard_count_ = 0;
  std::size_t total_bytes_ = 0;
  std::vector<Shard> shards_;  // at least shard_count_
  std::vector<std::uint16_t> present_;
  std::vector<Piece> scope_pieces_;           // of all scopes, in order
  std::vector<Piece> resource_pieces_;        // of all resources, in order
  std::vector<std::uint32_t> scope_ends_;     // per scope: end of its pieces
  std::vector<std::uint32_t> resource_ends_;  // per resource: end of its pieces
};

}  // namespace router
