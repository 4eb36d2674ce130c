// TraceHash: 64 well-mixed bits of a trace ID and the ring's seed, for the native ring.
//
// Two 64x64 -> 128 bit multiplications over the two halves, read little-endian on every machine.
// Structured IDs (zero-padded 64-bit, counters, seconds first, equal halves) spread like random
// ones. The function is frozen by tests/golden/ring_spanring_v1.csv: a change is a new algorithm
// version.
// Not a defence: who chooses trace IDs can choose the backend.
// Thread safety: pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace router {

inline constexpr std::size_t kTraceIdBytes = 16;

namespace internal {
__extension__ typedef unsigned __int128 Uint128;

inline std::uint64_t LoadLittleEndian64(const std::uint8_t* p) {
  if constexpr (std::endian::native == std::endian::little) {
    std::uint64_t value;
    std::memcpy(&value, p, sizeof(value));
    return value;
  }
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | p[i];
  return value;
}

// Any length but 16: XXH3 of the bytes that are there. Such IDs are invalid, but they still need
// one owner.
std::uint64_t HashOddLength(std::span<const std::uint8_t> bytes, std::uint64_t seed);
}  // namespace internal

inline std::uint64_t TraceHash(std::span<const std::uint8_t> trace_id, std::uint64_t seed) {
  if (trace_id.size() != kTraceIdBytes) [[unlikely]] {
    return internal::HashOddLength(trace_id, seed);
  }
  constexpr std::uint64_t kLow = 0x2D358DCCAA6C78A5;
  constexpr std::uint64_t kHigh = 0x8BB84B93962EACC9;
  const std::uint64_t low = internal::LoadLittleEndian64(trace_id.data()) ^ kLow ^ seed;
  const std::uint64_t high = internal::LoadLittleEndian64(trace_id.data() + 8) ^ kHigh;
  const auto first = static_cast<internal::Uint128>(low) * high;
  const auto second =
      static_cast<internal::Uint128>(static_cast<std::uint64_t>(first) ^ kLow ^ seed) *
      (static_cast<std::uint64_t>(first >> 64) ^ kHigh);
  return static_cast<std::uint64_t>(second) ^ static_cast<std::uint64_t>(second >> 64);
}

}  // namespace router
