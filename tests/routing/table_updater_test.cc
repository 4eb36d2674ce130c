#include "router/routing/table_updater.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "tests/support/http2_peer.h"

namespace router {
namespace {

BackendEndpoint Named(const std::string& name, const std::string& ring_name = "") {
  return {name, ring_name.empty() ? name : ring_name, {boost::asio::ip::address_v4::loopback(), 1}};
}

std::vector<std::string> RingNames(const RoutingTable& table) {
  std::vector<std::string> names;
  for (const RingMember& member : table.ring.members()) names.push_back(member.endpoint);
  return names;
}
using Names = std::vector<std::string>;

class TableUpdaterTest : public ::testing::Test {
 protected:
  TableUpdater Make(milliseconds settle) {
    return {control_, {}, settle, [this](std::shared_ptr<const RoutingTable> table) {
              published_.push_back(std::move(table));
            }};
  }
  // A change soon after another waits its turn.
  void RunUntilPublished(std::size_t count) {
    const TimePoint deadline = Clock::now() + std::chrono::seconds(10);
    while (published_.size() < count && Clock::now() < deadline) {
      control_.restart();
      control_.run_one_for(milliseconds(100));
    }
    ASSERT_EQ(published_.size(), count);
  }
  boost::asio::io_context control_;
  std::vector<std::shared_ptr<const RoutingTable>> published_;
};

// Scenario: before anything is known.
// Guarantees: an empty table of generation 0, never null; nothing is published.
TEST_F(TableUpdaterTest, BeginsWithAnEmptyTable) {
  const TableUpdater updater = Make(milliseconds(1000));
  ASSERT_NE(updater.table(), nullptr);
  EXPECT_EQ(updater.table()->generation, 0U);
  EXPECT_TRUE(updater.table()->ring.empty());
  EXPECT_TRUE(published_.empty());
}

// Scenario: a set of three, of which two connect and one fails.
// Guarantees: known backends are published at once, so that workers connect; the ring follows when
// all were heard of, with the one that failed as down; owner_names names the members in its order.
TEST_F(TableUpdaterTest, FirstRingHoldsTheWholeFirstSet) {
  TableUpdater updater = Make(milliseconds(1000));
  updater.SetEndpoints({Named("c", "ring-1"), Named("a", "ring-2"), Named("b", "ring-0")});
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_EQ(published_[0]->known.size(), 3U);
  EXPECT_TRUE(published_[0]->ring.empty());
  updater.OnBackendState(0, "c", true);
  updater.OnBackendState(0, "a", false);
  EXPECT_EQ(published_.size(), 1U);
  updater.OnBackendState(0, "b", true);
  ASSERT_EQ(published_.size(), 2U);
  EXPECT_EQ(RingNames(*published_[1]), (Names{"ring-0", "ring-1", "ring-2"}));
  EXPECT_EQ(published_[1]->owner_names, (Names{"b", "c", "a"}));
  EXPECT_EQ(published_[1]->fallback_owners, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(published_[1]->known.size(), 3U);
}

// Scenario: a run of joins, losses, drops, repeated reports of every worker, late reports.
// Guarantees: each published table has the next generation; what changes nothing publishes nothing;
// earlier tables stay as they were.
TEST_F(TableUpdaterTest, GenerationGrowsWithEveryChangeOnly) {
  TableUpdater updater = Make(milliseconds(1000));
  updater.SetEndpoints({Named("a"), Named("b")});
  updater.OnBackendState(0, "a", true);
  updater.OnBackendState(0, "b", true);
  const auto both = updater.table();
  for (int worker = 0; worker < 4; ++worker) {
    updater.OnBackendState(0, "a", true);
    updater.OnBackendState(0, "b", false);
  }
  updater.SetEndpoints({Named("a"), Named("b")});
  EXPECT_EQ(updater.table(), both);
  updater.SetEndpoints({Named("a")});
  updater.OnBackendState(0, "b", true);
  RunUntilPublished(3);
  EXPECT_EQ(RingNames(*updater.table()), Names{"a"});
  EXPECT_EQ(RingNames(*both), (Names{"a", "b"}));
  for (std::size_t i = 0; i < published_.size(); ++i) EXPECT_EQ(published_[i]->generation, i + 1);
  EXPECT_EQ(published_.size(), 3U);
  EXPECT_EQ(published_.back(), updater.table());
}

// Scenario: a scale-out: 200 backends become known together and connect one after the other.
// Guarantees: FM-23: the burst makes one more ring and not 200, and that has them all.
TEST_F(TableUpdaterTest, BurstOfJoinsMakesOneTable) {
  TableUpdater updater = Make(milliseconds(1000));
  updater.SetEndpoints({Named("a")});
  updater.OnBackendState(0, "a", true);
  ASSERT_EQ(published_.size(), 2U);
  std::vector<BackendEndpoint> all = {Named("a")};
  for (int i = 0; i < 200; ++i) all.push_back(Named("b" + std::to_string(i)));
  updater.SetEndpoints(all);
  for (int i = 0; i < 200; ++i) updater.OnBackendState(0, "b" + std::to_string(i), true);
  RunUntilPublished(3);
  EXPECT_EQ(updater.table()->ring.size(), 201U);
  EXPECT_EQ(updater.table()->known.size(), 201U);
}

// Scenario: one of the first set is never heard of.
// Guarantees: after `settle` the ring is made, with it as down.
TEST_F(TableUpdaterTest, SettleTimeEndsTheWait) {
  TableUpdater updater = Make(milliseconds(20));
  updater.SetEndpoints({Named("a"), Named("silent")});
  updater.OnBackendState(0, "a", true);
  EXPECT_EQ(published_.size(), 1U);
  const auto start = Clock::now();
  control_.run_for(std::chrono::seconds(10));
  EXPECT_GE(Clock::now() - start, milliseconds(19));
  ASSERT_EQ(published_.size(), 2U);
  EXPECT_EQ(RingNames(*updater.table()), (Names{"a", "silent"}));
  EXPECT_EQ(updater.table()->fallback_owners, (std::vector<std::uint16_t>{0}));
}

// Scenario: everyone was heard of before the settle time is over.
// Guarantees: its end changes nothing.
TEST_F(TableUpdaterTest, SettleTimeAfterTheFirstRingChangesNothing) {
  TableUpdater updater = Make(milliseconds(20));
  updater.SetEndpoints({Named("a")});
  updater.OnBackendState(0, "a", true);
  control_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(published_.size(), 2U);
}

// Scenario: discovery names a member that no ring takes.
// Guarantees: nothing is published; the present table stays; a smaller set later is taken.
TEST_F(TableUpdaterTest, SetThatMakesNoRingLeavesTheTable) {
  TableUpdater updater = Make(milliseconds(1000));
  updater.SetEndpoints({Named("a")});
  updater.OnBackendState(0, "a", true);
  const auto before = updater.table();
  updater.SetEndpoints({Named("a"), {"b", "", {}}});
  updater.OnBackendState(0, "b", true);
  ASSERT_EQ(control_.run_one_for(std::chrono::seconds(10)), 1U) << "the attempt to build";
  EXPECT_EQ(updater.table(), before) << "an empty ring name makes no ring";
  updater.SetEndpoints({Named("a"), Named("c")});
  updater.OnBackendState(0, "c", true);
  RunUntilPublished(3);
  EXPECT_EQ(RingNames(*updater.table()), (Names{"a", "c"}));
}

// Scenario: a table with two ring members and one that is only known is bound to a worker's pool,
// then a table without one of them.
// Guarantees: all known are connected; backends[i] is the owner ring.members()[i]; the older
// Routes keep theirs.
TEST_F(TableUpdaterTest, RoutesBindTheRingToTheWorkersBackends) {
  class Deaf final : public BackendObserver {
    void OnBackendState(const std::string&, bool) override {}
  } deaf;
  WorkerLoop loop;
  Codec codec;
  test::Http2Server server(loop);
  BackendPool pool(loop, codec, std::make_shared<const BackendOptions>(), deaf);
  const auto endpoint = [&](const std::string& name, const std::string& ring_name) {
    return BackendEndpoint{name, ring_name, server.address()};
  };
  TableUpdater updater = Make(milliseconds(1000));
  updater.SetEndpoints({endpoint("a", "r2"), endpoint("b", "r1")});
  updater.OnBackendState(0, "a", true);
  updater.OnBackendState(0, "b", true);
  updater.SetEndpoints({endpoint("a", "r2"), endpoint("b", "r1"), endpoint("c", "r0")});
  RunUntilPublished(3);
  const auto routes = BindRoutes(updater.table(), pool);
  ASSERT_EQ(routes->backends.size(), 2U);
  EXPECT_EQ(routes->backends[0]->endpoint().name, "b");
  EXPECT_EQ(routes->backends[1]->endpoint().name, "a");
  EXPECT_EQ(routes->ring().members()[0].endpoint, "r1");
  EXPECT_NE(pool.Find("c"), nullptr);
  ASSERT_TRUE(
      test::TurnUntil(loop, [&] { return routes->backends[0]->state() == BackendState::kReady; }));
  updater.SetEndpoints({endpoint("a", "r2")});
  RunUntilPublished(4);
  const auto later = BindRoutes(updater.table(), pool);
  ASSERT_EQ(later->backends.size(), 1U);
  EXPECT_EQ(later->backends[0], routes->backends[1]);
  EXPECT_EQ(pool.Find("b"), nullptr);
  EXPECT_EQ(routes->backends[0]->endpoint().name, "b")
      << "kept for the requests that still name it";
  pool.SetEndpoints({});
  loop.Turn(false);
}

// Scenario: a backend is dropped and named again before the table without it was published.
// Guarantees: workers see it go, so that they connect anew and say so; then it is on the ring
// again.
TEST_F(TableUpdaterTest, ABackendThatComesBackAtOnceIsNotLost) {
  TableUpdater updater = Make(milliseconds(1000));
  updater.SetEndpoints({Named("a"), Named("b")});
  updater.OnBackendState(0, "a", true);
  updater.OnBackendState(0, "b", true);  // the ring; the next table has to wait
  ASSERT_EQ(published_.size(), 2U);
  updater.SetEndpoints({Named("a")});
  ASSERT_EQ(published_.size(), 2U);
  updater.SetEndpoints({Named("a"), Named("b")});
  RunUntilPublished(4);
  EXPECT_EQ(published_[2]->known.size(), 1U);
  EXPECT_EQ(published_[3]->known.size(), 2U);
  EXPECT_EQ(RingNames(*published_[3]), Names{"a"});
  updater.OnBackendState(0, "b", true);
  RunUntilPublished(5);
  EXPECT_EQ(RingNames(*published_[4]), (Names{"a", "b"}));
}

}  // namespace
}  // namespace router
