#include "router/ring/collector_points.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "router/ring/crc32.h"
#include "tests/ring/golden_lines.h"

namespace router {
namespace {

CollectorGeneration GenerationNamed(const std::string& name) {
  static const std::map<std::string, CollectorGeneration> kByName = {
      {"collector_v1", kCollectorGeneration1},
      {"collector_v2", kCollectorGeneration2},
      {"collector_v3", kCollectorGeneration3}};
  return kByName.at(name);
}

// A generation with so few positions that points collide all the time.
CollectorGeneration Crowded(CollectorGeneration generation, std::uint32_t positions,
                            std::uint32_t points_per_endpoint) {
  generation.positions = positions;
  generation.points_per_endpoint = points_per_endpoint;
  return generation;
}

// Scenario: five points for each of two endpoints, as each generation of the Collector placed them.
// Guarantees: the point hash and the number of positions are the Collector's.
TEST(CollectorPointsTest, MatchPointsOfEveryCollectorGeneration) {
  int cases = 0;
  for (const auto& line : ReadGoldenLines("ring_collector.csv")) {
    if (line.at(0) != "points") continue;
    CollectorGeneration generation = GenerationNamed(line.at(1));
    generation.points_per_endpoint = static_cast<std::uint32_t>(std::stoul(line.at(2)));
    std::vector<CollectorPoint> expected;
    for (const std::string& point : SplitText(line.at(4), ' ')) {
      const auto parts = SplitText(point, ':');
      expected.push_back({static_cast<std::uint32_t>(std::stoul(parts.at(0))),
                          static_cast<std::uint16_t>(std::stoul(parts.at(1)))});
    }
    EXPECT_EQ(PlaceCollectorPoints(SplitText(line.at(3), ' '), generation), expected) << line.at(1);
    ++cases;
  }
  EXPECT_EQ(cases, 3);
}

// Scenario: more points than positions, dropping and probing.
// Guarantees: positions stay unique and sorted; dropping leaves gaps where probing fills them.
TEST(CollectorPointsTest, KeepsPositionsUniqueWhenCrowded) {
  const std::vector<std::string> endpoints = {"a", "b", "c"};
  std::map<std::string, std::size_t> placed;
  for (const std::string name : {"collector_v1", "collector_v2", "collector_v3"}) {
    const auto points = PlaceCollectorPoints(endpoints, Crowded(GenerationNamed(name), 64, 30));
    EXPECT_TRUE(std::is_sorted(points.begin(), points.end(), [](const auto& a, const auto& b) {
      return a.position < b.position;
    }));
    std::set<std::uint32_t> positions;
    for (const CollectorPoint& point : points) positions.insert(point.position);
    EXPECT_EQ(positions.size(), points.size());
    EXPECT_LT(*positions.rbegin(), 64u);
    placed[name] = points.size();
  }
  EXPECT_LT(placed["collector_v1"], placed["collector_v2"]);
}

// Scenario: one position only, so that a second point finds it taken ten times.
// Guarantees: probing ends and the point is dropped.
TEST(CollectorPointsTest, DropsPointThatFindsNoFreePosition) {
  const std::vector<std::string> endpoints = {"a"};
  EXPECT_EQ(PlaceCollectorPoints(endpoints, Crowded(kCollectorGeneration2, 1, 2)),
            (std::vector<CollectorPoint>{{0, 0}}));
}

// Scenario: 11 positions, 10 of them taken, and the next point's hash ten steps before the free
// one. CRC cannot be chosen, so endpoints are tried until this happens.
// Guarantees: as in the Collector, a point that has moved ten times is dropped although it stands
// free.
TEST(CollectorPointsTest, DropsPointAtTenthMoveEvenOntoFreePosition) {
  constexpr std::uint32_t kPositions = 11;
  int found = 0;
  for (int i = 0; i < 200; ++i) {
    const std::vector<std::string> endpoints = {std::to_string(i)};
    for (std::uint32_t count = 10; count < 40; ++count) {
      const auto points =
          PlaceCollectorPoints(endpoints, Crowded(kCollectorGeneration2, kPositions, count));
      if (points.size() != kPositions - 1) continue;
      std::uint32_t free_position = kPositions * (kPositions - 1) / 2;
      for (const CollectorPoint& point : points) free_position -= point.position;
      std::vector<std::uint8_t> key(endpoints[0].begin(), endpoints[0].end());
      key.insert(key.end(), {static_cast<std::uint8_t>(count), 0, 0, 0});
      if (Crc32(key) % kPositions != (free_position + 1) % kPositions) continue;
      ++found;
      EXPECT_EQ(
          PlaceCollectorPoints(endpoints, Crowded(kCollectorGeneration2, kPositions, count + 1)),
          points);
    }
  }
  EXPECT_GT(found, 0);
}

// Scenario: two points, at 10 and 20, of 32 positions.
// Guarantees: a key on a point belongs to it, one after it to the next, one past the last to the
// first.
TEST(CollectorPointsTest, TableOwnsEqualPositionAndWrapsPastLastPoint) {
  const std::vector<CollectorPoint> points = {{10, 1}, {20, 0}};
  const auto table = BuildCollectorTable(points, 32);
  ASSERT_EQ(table.size(), 32u);
  EXPECT_EQ(table[0], 1);
  EXPECT_EQ(table[10], 1);
  EXPECT_EQ(table[11], 0);
  EXPECT_EQ(table[20], 0);
  EXPECT_EQ(table[21], 1);
  EXPECT_EQ(table[31], 1);
}

// Scenario: points on the very first and the very last position.
// Guarantees: both edges of the circle have the right owner.
TEST(CollectorPointsTest, TableHandlesPointsOnBothEdges) {
  const auto table = BuildCollectorTable(std::vector<CollectorPoint>{{0, 0}, {31, 1}}, 32);
  EXPECT_EQ(table[0], 0);
  EXPECT_EQ(table[1], 1);
  EXPECT_EQ(table[31], 1);
}

}  // namespace
}  // namespace router
