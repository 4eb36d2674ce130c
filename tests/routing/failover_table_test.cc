// Tables with members that are DOWN: the ring without them, in every process the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "router/routing/table_updater.h"

namespace router {
namespace {

constexpr RingAlgorithm kAlgorithms[] = {RingAlgorithm::kSpanring, RingAlgorithm::kCollectorV1,
                                         RingAlgorithm::kCollectorV2, RingAlgorithm::kCollectorV3};

// Members whose names and ring names sort differently.
std::vector<BackendEndpoint> Endpoints(std::size_t count) {
  std::vector<BackendEndpoint> endpoints;
  for (std::size_t i = 0; i < count; ++i) {
    endpoints.push_back({"name-" + std::to_string(count - i),
                         "ring-" + std::to_string(i * 7 % 31),
                         {boost::asio::ip::address_v4::loopback(), 1}});
  }
  return endpoints;
}

std::shared_ptr<const RoutingTable> TableOf(const std::vector<BackendEndpoint>& endpoints,
                                            const std::vector<std::string>& down,
                                            const RingOptions& options,
                                            const RoutingTable& previous = {},
                                            std::size_t worker = 0) {
  Membership membership;
  membership.SetKnown(endpoints);
  for (const BackendEndpoint& endpoint : endpoints) membership.OnReady(worker, endpoint.name);
  for (const std::string& name : down) membership.OnDown(worker, name);
  auto table = BuildRoutingTable(membership, options, previous);
  EXPECT_TRUE(table.has_value());
  return *table;
}

std::string SuccessorName(const RoutingTable& table, const std::vector<std::uint8_t>& id) {
  return table.owner_names[table.fallback_owners[table.fallback.OwnerOf(id)]];
}

// Scenario: all four algorithms, 2 to 12 members, random ones DOWN, 200 trace IDs each, seed 31; a
// second process knows the members in another order, heard it from another worker and had another
// table before.
// Guarantees: O8: the successor is the owner in the ring without the DOWN ones, never a DOWN
// one, and the same everywhere; whose owner is up is not moved by the ring itself.
TEST(FailoverTableTest, SuccessorsAreAFunctionOfTheSetO8) {
  std::mt19937 random(31);
  for (const RingAlgorithm algorithm : kAlgorithms) {
    const RingOptions options{.algorithm = algorithm};
    for (std::size_t count = 2; count <= 12; count += 2) {
      std::vector<BackendEndpoint> endpoints = Endpoints(count);
      std::vector<std::string> down;
      std::vector<BackendEndpoint> up;
      const std::size_t down_count = 1 + random() % (count - 1);
      for (std::size_t i = 0; i < count; ++i) {
        i < down_count ? down.push_back(endpoints[i].name) : up.push_back(endpoints[i]);
      }
      const auto table = TableOf(endpoints, down, options);
      const auto whole = TableOf(endpoints, {}, options);
      const auto without = TableOf(up, {}, options);
      EXPECT_TRUE(whole->fallback.empty());
      ASSERT_EQ(table->fallback.size(), up.size());
      ASSERT_EQ(table->fallback_owners.size(), up.size());
      for (std::size_t i = 0; i < up.size(); ++i) {
        EXPECT_EQ(table->fallback.members()[i].endpoint,
                  table->ring.members()[table->fallback_owners[i]].endpoint);
      }
      EXPECT_EQ(table->fallback.fingerprint(), without->ring.fingerprint());
      EXPECT_EQ(table->ring.fingerprint(), whole->ring.fingerprint())
          << "being DOWN takes nobody off the ring";
      std::shuffle(endpoints.begin(), endpoints.end(), random);
      std::shuffle(down.begin(), down.end(), random);
      const auto other = TableOf(endpoints, down, options, *whole, 3);
      for (int k = 0; k < 200; ++k) {
        std::vector<std::uint8_t> id(16);
        for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
        const std::string successor = SuccessorName(*table, id);
        ASSERT_EQ(successor, without->owner_names[without->ring.OwnerOf(id)]);
        ASSERT_EQ(successor, SuccessorName(*other, id));
        ASSERT_EQ(std::count(down.begin(), down.end(), successor), 0);
      }
    }
  }
}

// Scenario: nobody is DOWN; all are; one is, then another instead, then nobody; the ring's options
// change meanwhile.
// Guarantees: a fallback only while some but not all are DOWN; a ring that was there is used
// again, but never one of other options.
TEST(FailoverTableTest, FallbackComesAndGoes) {
  const std::vector<BackendEndpoint> endpoints = Endpoints(3);
  const auto none = TableOf(endpoints, {}, {});
  EXPECT_TRUE(none->fallback.empty() && none->fallback_owners.empty());
  const auto all = TableOf(endpoints, {"name-1", "name-2", "name-3"}, {}, *none);
  EXPECT_TRUE(all->fallback.empty() && all->fallback_owners.empty());
  EXPECT_EQ(all->generation, none->generation + 1);
  const auto one = TableOf(endpoints, {"name-1"}, {}, *all);
  ASSERT_EQ(one->fallback.size(), 2U);
  const auto another = TableOf(endpoints, {"name-2"}, {}, *one);
  ASSERT_EQ(another->fallback.size(), 2U);
  EXPECT_NE(another->fallback.fingerprint(), one->fallback.fingerprint());
  const RingOptions seeded{.seed = 5};
  const auto other = TableOf(endpoints, {"name-2"}, seeded, *another);
  EXPECT_EQ(other->ring.fingerprint(), TableOf(endpoints, {}, seeded)->ring.fingerprint());
  EXPECT_NE(other->ring.fingerprint(), another->ring.fingerprint());
  EXPECT_NE(other->fallback.fingerprint(), another->fallback.fingerprint());
  EXPECT_TRUE(TableOf(endpoints, {}, seeded, *other)->fallback.empty());
}

}  // namespace
}  // namespace router
