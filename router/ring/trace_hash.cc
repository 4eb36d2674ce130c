#include "router/ring/trace_hash.h"

#include <xxhash.h>

namespace router::internal {

std::uint64_t HashOddLength(std::span<const std::uint8_t> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace router::internal
