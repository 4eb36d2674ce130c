#include "router/backend/backend_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/http2_peer.h"

namespace router {
namespace {

class BackendPoolTest : public ::testing::Test, protected BackendObserver {
 protected:
  void TearDown() override {
    pool_.SetEndpoints({});
    servers_.clear();
    loop_.Turn(false);
  }
  bool Until(const std::function<bool()>& is_met) { return test::TurnUntil(loop_, is_met); }
  BackendEndpoint Endpoint(const std::string& name) {
    servers_.push_back(std::make_unique<test::Http2Server>(loop_));
    return {name, name, servers_.back()->address()};
  }
  bool IsReady(const std::string& name) {
    return Until([&] { return pool_.Find(name)->state() == BackendState::kReady; });
  }

  WorkerLoop loop_;
  Codec codec_;
  std::vector<std::unique_ptr<test::Http2Server>> servers_;
  std::map<std::string, int> ready_;
  BackendPool pool_{loop_, codec_, std::make_shared<const BackendOptions>(), *this};

 private:
  void OnBackendState(const std::string& name, bool is_ready) override {
    ready_[name] += is_ready ? 1 : 0;
  }
};

// Scenario: the set grows, shrinks, and is set again unchanged.
// Guarantees: those who stay keep their connection; new ones connect by themselves; removed ones
// are unknown, and gone once nothing runs.
TEST_F(BackendPoolTest, FollowsTheSetAndKeepsWhatStays) {
  const BackendEndpoint a = Endpoint("a:1");
  const BackendEndpoint b = Endpoint("b:1");
  const BackendEndpoint c = Endpoint("c:1");
  pool_.SetEndpoints({a, b});
  const auto kept = pool_.Find("a:1");
  const auto removed = pool_.Find("b:1");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(pool_.Find("c:1"), nullptr);
  ASSERT_TRUE(IsReady("a:1") && IsReady("b:1"));
  pool_.SetEndpoints({c, a});
  EXPECT_EQ(pool_.Find("a:1"), kept);
  EXPECT_EQ(pool_.Find("b:1"), nullptr);
  ASSERT_TRUE(IsReady("c:1"));
  ASSERT_TRUE(Until([&] { return removed->state() == BackendState::kGone; }));
  pool_.SetEndpoints({a, c});
  EXPECT_EQ(pool_.Find("a:1"), kept);
  EXPECT_EQ(pool_.Metrics().size(), 2U);
  EXPECT_EQ(ready_, (std::map<std::string, int>{{"a:1", 1}, {"b:1", 1}, {"c:1", 1}}));
  kept->Retire();
}

// Scenario: a name gets another address (a pod was replaced).
// Guarantees: a new backend under the old name, connected to the new address; the old one ends.
TEST_F(BackendPoolTest, NewAddressUnderTheSameNameIsANewBackend) {
  pool_.SetEndpoints({Endpoint("a:1")});
  const auto old = pool_.Find("a:1");
  ASSERT_TRUE(IsReady("a:1"));
  pool_.SetEndpoints({Endpoint("a:1")});
  const auto fresh = pool_.Find("a:1");
  EXPECT_NE(fresh, old);
  ASSERT_TRUE(IsReady("a:1"));
  EXPECT_EQ(servers_[1]->peers().size(), 1U);
  ASSERT_TRUE(Until([&] { return old->state() == BackendState::kGone; }));
}

// Scenario: the set becomes empty; then a removed name comes back.
// Guarantees: nothing is known in between; afterwards it is a new backend.
TEST_F(BackendPoolTest, EmptySetAndComingBack) {
  const BackendEndpoint a = Endpoint("a:1");
  pool_.SetEndpoints({a});
  const auto old = pool_.Find("a:1");
  pool_.SetEndpoints({});
  EXPECT_EQ(pool_.Find("a:1"), nullptr);
  EXPECT_TRUE(pool_.Metrics().empty());
  pool_.SetEndpoints({a});
  EXPECT_NE(pool_.Find("a:1"), old);
  EXPECT_TRUE(IsReady("a:1"));
}

}  // namespace
}  // namespace router
