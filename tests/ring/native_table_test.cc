#include "router/ring/native_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>

namespace router {
namespace {

constexpr std::uint32_t kSlotsLog2 = 18;
constexpr double kSlots = 1u << kSlotsLog2;

std::vector<RingMember> RandomMembers(std::size_t count, std::mt19937_64& random) {
  std::set<std::string> endpoints;
  while (endpoints.size() < count) {
    std::string endpoint = "10";
    for (int i = 0; i < 3; ++i) endpoint += '.' + std::to_string(random() % 256);
    endpoints.insert(endpoint + ":4317");
  }
  std::vector<RingMember> members;
  for (const std::string& endpoint : endpoints) members.push_back({endpoint});
  return members;
}

std::vector<std::uint32_t> LoadOf(const std::vector<std::uint16_t>& table, std::size_t members) {
  std::vector<std::uint32_t> load(members);
  for (const std::uint16_t owner : table) ++load.at(owner);
  return load;
}

// The part of all slots whose owner changes when `leaver` leaves; the same slots move back when it
// joins.
double MovedWithout(const std::vector<RingMember>& members, std::size_t leaver) {
  const auto with = BuildNativeTable(members, kSlotsLog2, 0);
  std::vector<RingMember> fewer = members;
  fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(leaver));
  const auto without = BuildNativeTable(fewer, kSlotsLog2, 0);
  std::size_t moved = 0;
  for (std::size_t slot = 0; slot < with.size(); ++slot) {
    if (members[with[slot]].endpoint != fewer[without[slot]].endpoint) ++moved;
  }
  return static_cast<double>(moved) / kSlots;
}

// Scenario: random sets of 1 to 1000 members.
// Guarantees: every slot has an owner, and no member more than 1.05 times the mean, rounded up to a
// whole slot. CP-7.
TEST(NativeTableTest, KeepsEveryLoadBelowItsCap) {
  std::mt19937_64 random(7);
  for (const std::size_t count : {1u, 2u, 3u, 5u, 10u, 20u, 50u, 200u, 1000u}) {
    const auto table = BuildNativeTable(RandomMembers(count, random), kSlotsLog2, 0);
    ASSERT_EQ(table.size(), std::size_t{1} << kSlotsLog2);
    const auto load = LoadOf(table, count);
    const double mean = kSlots / static_cast<double>(count);
    EXPECT_LE(*std::max_element(load.begin(), load.end()), std::ceil(1.05 * mean)) << count;
    if (count <= 50) {
      EXPECT_LE(*std::max_element(load.begin(), load.end()) / mean, 1.0502) << count;
      EXPECT_GE(*std::min_element(load.begin(), load.end()) / mean, 0.90) << count;
    }
  }
}

// Scenario: members of weights 0.01 to 4.
// Guarantees: each has at most 1.05 times and nearly its share.
TEST(NativeTableTest, SharesSlotsByWeight) {
  std::vector<RingMember> members = {
      {"a:1", 0.01}, {"b:1", 0.5}, {"c:1", 1.0}, {"d:1", 1.5}, {"e:1", 4.0}};
  const auto load = LoadOf(BuildNativeTable(members, kSlotsLog2, 0), members.size());
  for (std::size_t m = 0; m < members.size(); ++m) {
    const double share = kSlots * members[m].weight / 7.01;
    EXPECT_LE(load[m], std::ceil(1.05 * share)) << members[m].endpoint;
    EXPECT_GE(load[m], (m == 0 ? 0.5 : 0.85) * share) << members[m].endpoint;
  }
}

// Scenario: one of N + 1 members leaves and joins again, N up to 50, averaged over random sets.
// Guarantees: at most 1.03 / (N + 1) of all slots change their owner; the ideal is 1 / (N + 1).
// CP-7.
TEST(NativeTableTest, MovesLittleMoreThanTheShareOfTheMemberThatComesOrGoes) {
  std::mt19937_64 random(11);
  for (const std::size_t count : {1u, 2u, 3u, 5u, 10u, 20u, 50u}) {
    const int sets = 10;
    double moved = 0;
    for (int set = 0; set < sets; ++set) {
      moved += MovedWithout(RandomMembers(count + 1, random), random() % (count + 1)) / sets;
    }
    EXPECT_LE(moved * static_cast<double>(count + 1), 1.03) << count;
    EXPECT_GE(moved * static_cast<double>(count + 1), 0.95) << count;
    RecordProperty("moved_x_N_plus_1_at_" + std::to_string(count),
                   std::to_string(moved * static_cast<double>(count + 1)));
  }
}

// Scenario: the smallest table the router allows with the largest number of members it allows.
// Guarantees: it is built, and the cap still holds.
TEST(NativeTableTest, FillsSmallestTableForMostMembers) {
  std::mt19937_64 random(13);
  const auto load = LoadOf(BuildNativeTable(RandomMembers(4096, random), 16, 0), 4096);
  EXPECT_LE(*std::max_element(load.begin(), load.end()), 17u);  // ceil(1.05 * 65536 / 4096)
}

// Scenario: the same members with two seeds.
// Guarantees: the seed moves the points, not only the keys.
TEST(NativeTableTest, SeedMakesAnotherTable) {
  std::mt19937_64 random(17);
  const auto members = RandomMembers(10, random);
  EXPECT_NE(BuildNativeTable(members, 16, 1), BuildNativeTable(members, 16, 2));
}

}  // namespace
}  // namespace router
