#include "router/ring/ring_algorithm.h"

#include <array>
#include <cstddef>

namespace router {
namespace {
constexpr std::array<std::string_view, 4> kNames = {"spanring", "collector_v1", "collector_v2",
                                                    "collector_v3"};
}  // namespace

std::optional<RingAlgorithm> ParseRingAlgorithm(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<RingAlgorithm>(i);
  }
  return std::nullopt;
}

std::string_view RingAlgorithmName(RingAlgorithm algorithm) {
  return kNames.at(static_cast<std::size_t>(algorithm));
}

}  // namespace router
