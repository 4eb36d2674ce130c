#include "router/ring/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>

#include "router/ring/native_table.h"
#include "tests/ring/golden_lines.h"

namespace router {
namespace {

using testing::HasSubstr;

constexpr std::array kAllAlgorithms = {RingAlgorithm::kSpanring, RingAlgorithm::kCollectorV1,
                                       RingAlgorithm::kCollectorV2, RingAlgorithm::kCollectorV3};

std::vector<RingMember> Members(std::size_t count) {
  std::vector<RingMember> members;
  for (std::size_t i = 0; i < count; ++i) {
    members.push_back(
        {"10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":4317"});
  }
  return members;
}

RingOptions Small(RingAlgorithm algorithm = RingAlgorithm::kSpanring) {
  return {.algorithm = algorithm, .slots_log2 = 16};
}

Ring BuildOrDie(std::vector<RingMember> members, const RingOptions& options) {
  auto ring = Ring::Build(std::move(members), options);
  if (!ring) throw std::runtime_error(ring.error().message);
  return *std::move(ring);
}

std::string FaultOf(std::vector<RingMember> members, const RingOptions& options = Small()) {
  const auto ring = Ring::Build(std::move(members), options);
  return ring ? "" : ring.error().message;
}

std::vector<std::vector<std::uint8_t>> SomeIds() {
  std::mt19937_64 random(3);
  std::vector<std::vector<std::uint8_t>> ids;
  for (std::size_t i = 0; i < 2000; ++i) {
    auto& id = ids.emplace_back(i < 40 ? i : 16);
    for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
  }
  return ids;
}

std::vector<std::string> OwnersIn(const Ring& ring) {
  std::vector<std::string> owners;
  for (const auto& id : SomeIds()) owners.push_back(ring.members().at(ring.OwnerOf(id)).endpoint);
  return owners;
}

// Scenario: the vectors of tests/golden/make_ring_golden.py: seven rings, every slot, 55 IDs each.
// Guarantees: hash, table and owner are those of version 1; a change needs a new algorithm name.
TEST(RingTest, MatchesGoldenVectorsOfSpanringV1) {
  Ring ring;
  std::uint64_t seed = 0;
  int rings = 0;
  int owners = 0;
  for (const auto& line : ReadGoldenLines("ring_spanring_v1.csv")) {
    if (line.at(0) == "ring") {
      std::vector<RingMember> members;
      for (const std::string& member : SplitText(line.at(5), ' ')) {
        const auto parts = SplitText(member, '=');
        members.push_back({parts.at(0), std::stod(parts.at(1))});
      }
      seed = std::stoull(line.at(3));
      const auto slots_log2 = static_cast<std::uint32_t>(std::stoul(line.at(2)));
      ring = BuildOrDie(members, {.slots_log2 = slots_log2, .seed = seed});
      const auto table = BuildNativeTable(ring.members(), slots_log2, seed);
      std::vector<std::uint8_t> bytes;
      for (const std::uint16_t owner : table) {
        bytes.push_back(static_cast<std::uint8_t>(owner & 0xFF));
        bytes.push_back(static_cast<std::uint8_t>(owner >> 8));
      }
      EXPECT_EQ(XXH3_64bits(bytes.data(), bytes.size()), std::stoull(line.at(4), nullptr, 16))
          << line.at(1);
      ++rings;
      continue;
    }
    const auto id = BytesFromHex(line.at(2));
    EXPECT_EQ(TraceHash(id, seed), std::stoull(line.at(3), nullptr, 16)) << line.at(2);
    EXPECT_EQ(ring.members().at(ring.OwnerOf(id)).endpoint, line.at(4))
        << line.at(1) << " " << line.at(2);
    ++owners;
  }
  EXPECT_EQ(rings, 7);
  EXPECT_EQ(owners, 7 * 55);
}

// Scenario: owners that the Collector's own code gave, with and without a port in the endpoint.
// Guarantees: in a mixed fleet spanring and the Collector choose the same backend.
TEST(RingTest, MatchesOwnersOfEveryCollectorGeneration) {
  int owners = 0;
  for (const auto& line : ReadGoldenLines("ring_collector.csv")) {
    if (line.at(0) != "owner") continue;
    std::vector<RingMember> members;
    for (const std::string& endpoint : SplitText(line.at(3), ' ')) members.push_back({endpoint});
    const Ring ring = BuildOrDie(members, {.algorithm = ParseRingAlgorithm(line.at(1)).value()});
    EXPECT_EQ(ring.OwnerOf(BytesFromHex(line.at(2))), std::stoul(line.at(4)))
        << line.at(1) << " " << line.at(2) << " " << line.at(3);
    ++owners;
  }
  EXPECT_EQ(owners, 24);
}

// Scenario: rings of every size up to 40; a span without a trace ID, and one with 16 zero bytes.
// Guarantees: to a Collector they are the same, so on its rings they have one owner.
TEST(RingTest, CollectorRingsTakeAnAbsentIdForZeros) {
  const std::array<std::uint8_t, kTraceIdBytes> zeros{};
  for (const RingAlgorithm algorithm : kAllAlgorithms) {
    if (algorithm == RingAlgorithm::kSpanring) continue;
    for (std::size_t size = 1; size <= 40; ++size) {
      const Ring ring = BuildOrDie(Members(size), Small(algorithm));
      EXPECT_EQ(ring.SlotOf({}), ring.SlotOf(zeros)) << RingAlgorithmName(algorithm);
      EXPECT_EQ(ring.OwnerOf({}), ring.OwnerOf(zeros)) << RingAlgorithmName(algorithm);
    }
  }
}

// Scenario: the same set in order, shuffled, and with every member twice.
// Guarantees: same members, same owners, same fingerprint, for every algorithm.
TEST(RingTest, DependsOnTheSetAndNotOnOrderOrDuplicates) {
  for (const RingAlgorithm algorithm : kAllAlgorithms) {
    auto members = Members(12);
    const Ring ring = BuildOrDie(members, Small(algorithm));
    for (const RingMember& member : Members(12)) members.push_back(member);
    std::shuffle(members.begin(), members.end(), std::mt19937_64(5));
    const Ring shuffled = BuildOrDie(members, Small(algorithm));
    EXPECT_EQ(shuffled.members(), ring.members());
    EXPECT_EQ(shuffled.size(), 12u);
    EXPECT_EQ(OwnersIn(shuffled), OwnersIn(ring)) << RingAlgorithmName(algorithm);
    EXPECT_EQ(shuffled.fingerprint(), ring.fingerprint());
    EXPECT_TRUE(
        std::is_sorted(ring.members().begin(), ring.members().end(),
                       [](const auto& a, const auto& b) { return a.endpoint < b.endpoint; }));
  }
}

// Scenario: no member, and one member.
// Guarantees: an empty set is a ring that says so; a single member owns everything.
TEST(RingTest, HandlesEmptyAndSingleMemberSets) {
  for (const RingAlgorithm algorithm : kAllAlgorithms) {
    EXPECT_TRUE(BuildOrDie({}, Small(algorithm)).empty());
    const Ring one = BuildOrDie(Members(1), Small(algorithm));
    EXPECT_EQ(one.size(), 1u);
    for (const auto& id : SomeIds()) ASSERT_EQ(one.OwnerOf(id), 0);
  }
}

// Scenario: every algorithm, 20 members, IDs of any length.
// Guarantees: an owner is always one of the members, and every member owns something.
TEST(RingTest, GivesEveryIdAnOwnerAndEveryMemberIds) {
  for (const RingAlgorithm algorithm : kAllAlgorithms) {
    const Ring ring = BuildOrDie(Members(20), Small(algorithm));
    std::vector<int> owned(ring.size());
    for (const auto& id : SomeIds()) ++owned.at(ring.OwnerOf(id));
    EXPECT_GT(*std::min_element(owned.begin(), owned.end()), 0) << RingAlgorithmName(algorithm);
  }
}

// Scenario: 4096 members, and 4097.
// Guarantees: the limit itself works, one more is an error that names the limit.
TEST(RingTest, AcceptsMembersUpToTheLimit) {
  auto members = Members(4096);
  for (RingMember& member : members) member.weight = 0.05;  // fewer points: quicker
  EXPECT_EQ(BuildOrDie(members, Small()).size(), 4096u);
  EXPECT_THAT(FaultOf(Members(4097)), HasSubstr("4096"));
}

// Scenario: slots_log2 of 15, 16, 22 and 23.
// Guarantees: 16 to 22 are accepted.
TEST(RingTest, RefusesTableSizesOutOfRange) {
  EXPECT_THAT(FaultOf(Members(2), {.slots_log2 = 15}), HasSubstr("16 to 22"));
  EXPECT_EQ(FaultOf(Members(2), {.slots_log2 = 16}), "");
  EXPECT_EQ(FaultOf(Members(2), {.slots_log2 = 22}), "");
  EXPECT_THAT(FaultOf(Members(2), {.slots_log2 = 23}), HasSubstr("16 to 22"));
}

// Scenario: weights that are zero, negative, not a number, infinite, just out of range, and too
// large together.
// Guarantees: each is an error; the limits themselves are accepted.
TEST(RingTest, RefusesBadWeights) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double weight : {0.0, -1.0, nan, infinity, 0.009, 101.0}) {
    EXPECT_THAT(FaultOf({{"a:1", weight}, {"b:1"}}), HasSubstr("weight")) << weight;
  }
  EXPECT_EQ(FaultOf({{"a:1", 0.01}, {"b:1", 100}}), "");
  auto heavy = Members(83);
  for (RingMember& member : heavy) member.weight = 100;
  EXPECT_THAT(FaultOf(heavy), HasSubstr("add up"));
}

// Scenario: weights on a Collector's ring, one endpoint with two weights, an empty endpoint.
// Guarantees: nothing is silently ignored or picked.
TEST(RingTest, RefusesMembersItCannotHonour) {
  EXPECT_THAT(FaultOf({{"a:1", 2.0}}, Small(RingAlgorithm::kCollectorV3)),
              HasSubstr("has no weights"));
  EXPECT_THAT(FaultOf({{"a:1", 1.0}, {"b:1"}, {"a:1", 2.0}}), HasSubstr("twice"));
  EXPECT_THAT(FaultOf({{"", 1.0}}), HasSubstr("empty endpoint"));
}

// Scenario: rings that differ in one thing each; Collector rings that differ in options they do not
// use.
// Guarantees: the fingerprint tells rings apart exactly when they are different.
TEST(RingTest, FingerprintDiffersExactlyWhenRingsDo) {
  const auto print = [](std::vector<RingMember> members, const RingOptions& options) {
    return BuildOrDie(std::move(members), options).fingerprint();
  };
  std::vector<std::uint64_t> prints = {Ring().fingerprint(),
                                       print({}, Small()),
                                       print(Members(3), Small()),
                                       print(Members(4), Small()),
                                       print({{"a:1"}, {"b:1"}}, Small()),
                                       print({{"a:1"}, {"b:1", 2.0}}, Small()),
                                       print({{"a:1", 2.0}, {"b:1"}}, Small()),
                                       print({{"a:1b:1"}}, Small()),
                                       print(Members(3), {.slots_log2 = 17}),
                                       print(Members(3), {.slots_log2 = 16, .seed = 1}),
                                       print(Members(3), Small(RingAlgorithm::kCollectorV1)),
                                       print(Members(3), Small(RingAlgorithm::kCollectorV2)),
                                       print(Members(3), Small(RingAlgorithm::kCollectorV3))};
  std::sort(prints.begin(), prints.end());
  EXPECT_EQ(std::adjacent_find(prints.begin(), prints.end()), prints.end());
  EXPECT_EQ(print(Members(3), {.algorithm = RingAlgorithm::kCollectorV2, .seed = 9}),
            print(Members(3), Small(RingAlgorithm::kCollectorV2)));
}

// Scenario: a fixed ring.
// Guarantees: the fingerprint is the same in every process and release (operators compare replicas
// by it).
TEST(RingTest, FingerprintIsStable) {
  EXPECT_EQ(BuildOrDie(Members(3), {}).fingerprint(), 2678003106724641940u);
}

// Scenario: every name of the configuration, and names that are none.
// Guarantees: names and algorithms map to each other; nothing else is accepted.
TEST(RingTest, AlgorithmNamesRoundTrip) {
  for (const RingAlgorithm algorithm : kAllAlgorithms) {
    EXPECT_EQ(ParseRingAlgorithm(RingAlgorithmName(algorithm)), algorithm);
  }
  EXPECT_EQ(ParseRingAlgorithm(""), std::nullopt);
  EXPECT_EQ(ParseRingAlgorithm("Spanring"), std::nullopt);
  EXPECT_EQ(ParseRingAlgorithm("collector_v4"), std::nullopt);
}

}  // namespace
}  // namespace router
