// RingAlgorithm: which function of the member set a ring is.
//
// The Collector's `loadbalancing` exporter has changed its ring twice; a fleet that mixes spanring
// and Collectors must use the generation its Collectors use, or traces are split.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace router {

enum class RingAlgorithm : std::uint8_t {
  kSpanring,     // our own, see native_table.h
  kCollectorV1,  // Collector releases until about 0.130
  kCollectorV2,  // 0.131 to at least 0.152
  kCollectorV3,  // 0.157 and later
};

// The names of the configuration: "spanring", "collector_v1", "collector_v2", "collector_v3".
std::optional<RingAlgorithm> ParseRingAlgorithm(std::string_view name);
std::string_view RingAlgorithmName(RingAlgorithm algorithm);

}  // namespace router
