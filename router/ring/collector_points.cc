#include "router/ring/collector_points.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <tuple>

#include "router/ring/crc32.h"

namespace router {
namespace {

// A point that had to move this often is dropped, even when the last step found a free position.
constexpr int kProbesMax = 10;

struct Candidate {
  std::uint32_t hash;
  std::uint16_t owner;
};

std::uint32_t HashPoint(std::uint32_t endpoint_crc, std::uint32_t number,
                        CollectorGeneration::PointKey key) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  const std::size_t length = key == CollectorGeneration::PointKey::kOneByte ? 1 : bytes.size();
  return Crc32(std::span(bytes).first(length), endpoint_crc);
}

// In the order in which they claim positions.
std::vector<Candidate> ListCandidates(std::span<const std::string> endpoints,
                                      const CollectorGeneration& generation) {
  std::vector<Candidate> candidates;
  candidates.reserve(endpoints.size() * generation.points_per_endpoint);
  for (std::size_t owner = 0; owner < endpoints.size(); ++owner) {
    const std::string& endpoint = endpoints[owner];
    const std::uint32_t crc =
        Crc32({reinterpret_cast<const std::uint8_t*>(endpoint.data()), endpoint.size()});
    for (std::uint32_t number = 0; number < generation.points_per_endpoint; ++number) {
      candidates.push_back(
          {HashPoint(crc, number, generation.point_key), static_cast<std::uint16_t>(owner)});
    }
  }
  if (generation.placement == CollectorGeneration::Placement::kSortAndProbe) {
    const auto key = [&generation](const Candidate& c) {
      return std::tuple(c.hash % generation.positions, c.hash, c.owner);
    };
    std::sort(candidates.begin(), candidates.end(),
              [&key](const Candidate& a, const Candidate& b) { return key(a) < key(b); });
  }
  return candidates;
}

}  // namespace

std::vector<CollectorPoint> PlaceCollectorPoints(std::span<const std::string> endpoints,
                                                 const CollectorGeneration& generation) {
  assert(endpoints.size() <= 65535);
  const bool probes = generation.placement != CollectorGeneration::Placement::kDropTaken;
  std::vector<bool> taken(generation.positions);
  std::vector<CollectorPoint> points;
  for (const Candidate& candidate : ListCandidates(endpoints, generation)) {
    std::uint32_t position = candidate.hash % generation.positions;
    int moved = 0;
    while (probes && taken[position] && moved < kProbesMax) {
      position = (position + 1) % generation.positions;
      ++moved;
    }
    if (taken[position] || moved == kProbesMax) continue;
    taken[position] = true;
    points.push_back({position, candidate.owner});
  }
  std::sort(points.begin(), points.end(), [](const CollectorPoint& a, const CollectorPoint& b) {
    return a.position < b.position;
  });
  return points;
}

std::vector<std::uint16_t> BuildCollectorTable(std::span<const CollectorPoint> points,
                                               std::uint32_t positions) {
  assert(!points.empty() && points.back().position < positions);
  std::vector<std::uint16_t> table(positions, points.front().owner);
  std::uint32_t position = 0;
  for (const CollectorPoint& point : points) {
    for (; position <= point.position; ++position) table[position] = point.owner;
  }
  return table;
}

}  // namespace router
