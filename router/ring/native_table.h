// NativeTable: the slot table of the `spanring` algorithm.
//
// Every member has round(2048 * weight) pseudo-random points on a circle of 2^64 positions;
// 2^slots_log2 slots stand on it at even distances. A slot belongs to the owner of the first point
// at or after it whose load is still below its cap, ceil(1.05 * slots * weight / sum of weights);
// the order in which the slots choose is fixed. So no member has more than 1.05 times its share (up
// to rounding to whole slots), and a change of the set moves little more than the share of the
// member that came or went.
//
// Invariant: a pure function of its arguments, the same on every machine (IEEE doubles, no
// floating-point contraction); frozen by tests/golden/ring_spanring_v1.csv.
// Thread safety: pure function, for the control thread.
// Cost: about 16 bytes and 25 ns per point plus 6 bytes and a few ns per slot
// (bench/ring_bench.cc).
// Source: rule CP-7.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "router/ring/ring_member.h"

namespace router {

inline constexpr double kPointsPerWeight = 2048;
inline constexpr double kLoadCapFactor = 1.05;

// The owner of each slot, as an index into `members`.
// REQUIRES: members not empty, at most 65535, sorted by endpoint, no duplicates; each weight gives
// at least one point and all together fewer than 2^32; 1 <= slots_log2 <= 31.
std::vector<std::uint16_t> BuildNativeTable(std::span<const RingMember> members,
                                            std::uint32_t slots_log2, std::uint64_t seed);

}  // namespace router
