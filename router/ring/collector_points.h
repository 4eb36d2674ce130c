// CollectorPoints: the rings of the Collector's `loadbalancing` exporter, point by point.
//
// A ring of P positions carries a fixed number of points per endpoint; a key belongs to the first
// point whose position is at or after crc32(key) mod P, past the last point to the first one. Three
// generations differ in P, in the point hash, and in what happens when a position is taken.
// Thread safety: pure functions, for the control thread.
// Source: open-telemetry/opentelemetry-collector-contrib, exporter/loadbalancingexporter.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace router {

struct CollectorGeneration {
  enum class PointKey : std::uint8_t { kOneByte, kFourBytes };  // how a point's number is hashed
  enum class Placement : std::uint8_t {
    kDropTaken,     // in order of the endpoints; a taken position drops the point
    kProbe,         // likewise; a taken position moves the point on, a few steps at most
    kSortAndProbe,  // in order of (hash mod P, hash, endpoint); then as kProbe
  };
  std::uint32_t positions;
  std::uint32_t points_per_endpoint;
  PointKey point_key;
  Placement placement;
};

inline constexpr CollectorGeneration kCollectorGeneration1{
    36000, 100, CollectorGeneration::PointKey::kOneByte,
    CollectorGeneration::Placement::kDropTaken};
inline constexpr CollectorGeneration kCollectorGeneration2{
    36000, 100, CollectorGeneration::PointKey::kFourBytes, CollectorGeneration::Placement::kProbe};
inline constexpr CollectorGeneration kCollectorGeneration3{
    131071, 200, CollectorGeneration::PointKey::kFourBytes,
    CollectorGeneration::Placement::kSortAndProbe};

struct CollectorPoint {
  std::uint32_t position;
  std::uint16_t owner;  // index into the endpoints

  friend bool operator==(const CollectorPoint&, const CollectorPoint&) = default;
};

// The points of a ring, sorted by position; positions are unique.
// REQUIRES: endpoints sorted bytewise, no duplicates, at most 65535.
std::vector<CollectorPoint> PlaceCollectorPoints(std::span<const std::string> endpoints,
                                                 const CollectorGeneration& generation);

// The owner of every position, so that a lookup is one load instead of a search.
// REQUIRES: points as PlaceCollectorPoints returns them, not empty, each below `positions`.
std::vector<std::uint16_t> BuildCollectorTable(std::span<const CollectorPoint> points,
                                               std::uint32_t positions);

}  // namespace router
