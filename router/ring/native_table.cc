#include "router/ring/native_table.h"

#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <string>
#include <tuple>

namespace router {
namespace {

struct Point {
  std::uint64_t position;
  std::uint16_t owner;
};

// Points ordered by position, with the index of the first one of each slot's arc [slot, slot + 1).
struct Circle {
  std::vector<Point> points;
  std::vector<std::uint32_t> arc_begin;  // slots + 1 entries
};

std::uint64_t SplitMix64Next(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

std::uint64_t PointCount(const RingMember& member) {
  return static_cast<std::uint64_t>(std::round(kPointsPerWeight * member.weight));
}

std::vector<std::uint64_t> HashEndpoints(std::span<const RingMember> members, std::uint64_t seed) {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(members.size());
  for (const RingMember& member : members) {
    hashes.push_back(XXH3_64bits_withSeed(member.endpoint.data(), member.endpoint.size(), seed));
  }
  return hashes;
}

// A bucket sort by arc: positions are uniform, so an arc holds a handful of points.
Circle PlacePoints(std::span<const RingMember> members, std::span<const std::uint64_t> hashes,
                   std::uint32_t slots_log2) {
  const std::uint32_t shift = 64 - slots_log2;
  Circle circle;
  circle.arc_begin.assign((std::size_t{1} << slots_log2) + 1, 0);
  for (std::size_t m = 0; m < members.size(); ++m) {
    std::uint64_t state = hashes[m];
    for (std::uint64_t j = PointCount(members[m]); j > 0; --j) {
      ++circle.arc_begin[SplitMix64Next(state) >> shift];
    }
  }
  std::uint32_t end = 0;
  for (std::uint32_t& begin : circle.arc_begin) begin = end += begin;

  circle.points.resize(end);
  for (std::size_t m = 0; m < members.size(); ++m) {
    std::uint64_t state = hashes[m];
    for (std::uint64_t j = PointCount(members[m]); j > 0; --j) {
      const std::uint64_t position = SplitMix64Next(state);
      circle.points[--circle.arc_begin[position >> shift]] = {position,
                                                              static_cast<std::uint16_t>(m)};
    }
  }
  const auto before = [&hashes](const Point& a, const Point& b) {
    return std::tuple(a.position, hashes[a.owner], a.owner) <
           std::tuple(b.position, hashes[b.owner], b.owner);
  };
  for (std::size_t slot = 0; slot + 1 < circle.arc_begin.size(); ++slot) {
    std::sort(circle.points.begin() + circle.arc_begin[slot],
              circle.points.begin() + circle.arc_begin[slot + 1], before);
  }
  return circle;
}

// For each slot the index of the first point at or after its middle.
std::vector<std::uint32_t> FirstChoices(const Circle& circle, std::uint32_t slots_log2) {
  const std::uint32_t shift = 64 - slots_log2;
  std::vector<std::uint32_t> first(std::size_t{1} << slots_log2);
  for (std::size_t slot = 0; slot < first.size(); ++slot) {
    const std::uint64_t middle = (slot << shift) | (std::uint64_t{1} << (shift - 1));
    std::uint32_t point = circle.arc_begin[slot];
    const std::uint32_t end = circle.arc_begin[slot + 1];
    while (point < end && circle.points[point].position < middle) ++point;
    first[slot] = point < circle.points.size() ? point : 0;
  }
  return first;
}

std::vector<std::uint32_t> LoadCaps(std::span<const RingMember> members, std::size_t slots) {
  double sum = 0;
  for (const RingMember& member : members) sum += member.weight;
  std::vector<std::uint32_t> caps;
  caps.reserve(members.size());
  for (const RingMember& member : members) {
    caps.push_back(static_cast<std::uint32_t>(
        std::ceil(kLoadCapFactor * static_cast<double>(slots) * member.weight / sum)));
  }
  return caps;
}

}  // namespace

std::vector<std::uint16_t> BuildNativeTable(std::span<const RingMember> members,
                                            std::uint32_t slots_log2, std::uint64_t seed) {
  assert(!members.empty() && members.size() <= 65535);
  const std::size_t slots = std::size_t{1} << slots_log2;
  const std::vector<std::uint64_t> hashes = HashEndpoints(members, seed);
  const Circle circle = PlacePoints(members, hashes, slots_log2);
  const std::vector<std::uint32_t> first = FirstChoices(circle, slots_log2);
  std::vector<std::uint32_t> room = LoadCaps(members, slots);

  // skip[p]: a point at or after p with none between that still has room. A full owner never
  // empties, so the hops only grow, and halving them on the way keeps every walk short.
  const std::size_t point_count = circle.points.size();
  std::vector<std::uint32_t> skip(point_count);
  for (std::size_t p = 0; p < point_count; ++p) skip[p] = static_cast<std::uint32_t>(p);

  std::vector<std::uint16_t> table(slots);
  std::uint64_t slot = 0;
  for (std::size_t x = 0; x < slots; ++x, slot = (slot + 2654435761u) & (slots - 1)) {
    std::uint32_t point = first[slot];
    while (room[circle.points[point].owner] == 0) {
      std::uint32_t& hop = skip[point];
      hop = hop == point ? static_cast<std::uint32_t>((point + 1) % point_count) : skip[hop];
      point = hop;
    }
    const std::uint16_t owner = circle.points[point].owner;
    --room[owner];
    table[slot] = owner;
  }
  return table;
}

}  // namespace router
