// Ring: which member owns a trace. A pure function of the set of members and the options.
//
// Neither order, nor duplicates, nor earlier rings matter, so every replica that sees the same set
// agrees without talking. A ring without one member (failover) is the ring of the smaller set.
// Thread safety: an immutable value; every const method may run on any thread.
// Invariants: members() sorted bytewise by endpoint, no duplicates; the table holds only indices
// into it.
// Cost: Build (control thread) 2 ms at 10 members, 5 ms at 50, 70 ms at 1000 (bench/ring_bench.cc);
// OwnerOf one hash and one load from a table of up to 2^slots_log2 * 2 bytes, no allocation, no
// lock.
// Source: rule CP-7.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "router/base/result.h"
#include "router/ring/crc32.h"
#include "router/ring/ring_algorithm.h"
#include "router/ring/ring_member.h"
#include "router/ring/trace_hash.h"

namespace router {

struct RingOptions {
  RingAlgorithm algorithm = RingAlgorithm::kSpanring;
  // These two are of kSpanring only; the Collector's rings ignore them.
  std::uint32_t slots_log2 = 18;  // 16..22; 20 for more than 256 members
  std::uint64_t seed = 0;
  bool operator==(const RingOptions&) const = default;
};

class Ring {
 public:
  static constexpr std::size_t kMembersMax = 4096;
  static constexpr std::uint32_t kSlotsLog2Min = 16;
  static constexpr std::uint32_t kSlotsLog2Max = 22;
  static constexpr double kWeightMin = 0.01;
  static constexpr double kWeightMax = 100;
  static constexpr double kWeightSumMax = 2.0 * kMembersMax;  // bounds the points, 2048 per weight

  // An empty ring with fingerprint 0, as before the first set is known.
  Ring() = default;

  // No members give an empty ring. An Error for too many members, an endpoint that is empty or
  // given twice with different weights, slots_log2 or a weight out of range, weights other than 1
  // on a Collector's ring.
  static Result<Ring> Build(std::vector<RingMember> members, const RingOptions& options);

  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  const std::vector<RingMember>& members() const { return members_; }

  // The owner, as an index into members(). Any number of bytes has one; a valid trace ID has 16. On
  // a Collector's ring none are 16 zero bytes, which is what a Collector makes of them.
  // REQUIRES: !empty().
  std::uint16_t OwnerOf(std::span<const std::uint8_t> trace_id) const {
    return OwnerAt(SlotOf(trace_id));
  }
  // The same in two steps, for many traces: the table does not stay in the processor's cache, and
  // slots that are prefetched together are waited for once.
  std::size_t SlotOf(std::span<const std::uint8_t> trace_id) const {
    assert(!empty());
    if (positions_ == 0) return TraceHash(trace_id, seed_) >> slot_shift_;
    return Crc32(trace_id.empty() ? kAbsentTraceId : trace_id) % positions_;
  }
  void Prefetch(std::size_t slot) const { __builtin_prefetch(table_.data() + slot); }
  std::uint16_t OwnerAt(std::size_t slot) const { return table_[slot]; }

  // What part of all traces each member owns; sums to 1. Cost: one walk over the table.
  std::vector<double> Shares() const;

  // Equal for equal rings, in every process and release; different for different ones (but for
  // 2^-64). Covers what decides an owner: the algorithm, the members and, for kSpanring, weights,
  // size and seed.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  static constexpr std::array<std::uint8_t, kTraceIdBytes> kZeros{};
  static constexpr std::span<const std::uint8_t> kAbsentTraceId{kZeros};

  std::vector<RingMember> members_;
  std::vector<std::uint16_t> table_;
  std::uint64_t seed_ = 0;
  std::uint32_t slot_shift_ = 0;
  std::uint32_t positions_ = 0;  // of a Collector's ring; 0: kSpanring
  std::uint64_t fingerprint_ = 0;
};

}  // namespace router
