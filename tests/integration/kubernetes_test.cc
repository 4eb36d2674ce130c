// EndpointSlices through the real binary: what Kubernetes says, and what that does to the spans.
#include <gmock/gmock.h>

#include <numeric>

#include "tests/integration/load.h"
#include "tests/integration/router_test_fixture.h"
#include "tests/support/api_server.h"

namespace router::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr seconds kPatience{20};

class KubernetesTest : public testing::Test {
 protected:
  // Each at an address of its own, all on one port, as pods are.
  void StartBackends(std::size_t count) {
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < count; ++i)
      addresses.push_back("127.0.0." + std::to_string(31 + i));
    port_ = PickFreePort(addresses).value();
    for (const std::string& address : addresses) {
      backends_.push_back(GrpcBackend::Start({.address = address, .port = port_}).value());
    }
  }
  // Those from `first` on are the ready pods of the Service.
  void Scale(std::size_t first, std::size_t count) {
    apitest::Slice slice{"sampler-a", {}};
    for (std::size_t i = first; i < first + count; ++i) {
      slice.pods.push_back({.address = "127.0.0." + std::to_string(31 + i)});
    }
    api_.Put(slice);
  }
  RunningRouter::Options Options() {
    scratch_.Write("token", "token").value();
    scratch_.Write("ca.crt", api_.ca_pem()).value();
    RunningRouter::Options options;
    options.kubernetes_resolver =
        "service: sampler.observability, ports: [" + std::to_string(port_) + "]";
    options.spanring_settings =
        "kubernetes: {api_server: \"https://127.0.0.1:" + std::to_string(api_.port()) +
        "\", token_file: \"" + (scratch_.path() / "token").string() + "\", ca_file: \"" +
        (scratch_.path() / "ca.crt").string() + "\"}";
    return options;
  }
  SpanLedger Received() const {
    SpanLedger ledger;
    for (const auto& backend : backends_) ledger.Merge(backend->ledger());
    return ledger;
  }

  ScratchDirectory scratch_;
  apitest::ApiServer api_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<GrpcBackend>> backends_;
};

// Scenario: under load, two pods become four, then the two new ones alone; the API server restarts
// and the one pod that is left after that is known as soon as it is back.
// Guarantees: the ring follows, no call fails and no span is lost.
TEST_F(KubernetesTest, RingFollowsTheServiceUnderLoad) {
  StartBackends(4);
  Scale(0, 2);
  RunningRouter router(Options());
  ASSERT_TRUE(router.WaitForMembers(2, kPatience));
  Load load({router.endpoint()}, 8);
  Scale(0, 4);
  ASSERT_TRUE(router.WaitForMembers(4, kPatience));
  ASSERT_TRUE(backends_[3]->WaitForRequests(10, kPatience));
  Scale(2, 2);
  ASSERT_TRUE(router.WaitForMembers(2, kPatience));
  const auto more_calls = [&] {
    return router.WaitUntil([&, until = load.calls() + 100] { return load.calls() > until; },
                            kPatience);
  };
  ASSERT_TRUE(more_calls());  // so that those begun before have ended
  const std::uint64_t at_removed = backends_[0]->request_count() + backends_[1]->request_count();
  ASSERT_TRUE(more_calls());
  EXPECT_EQ(backends_[0]->request_count() + backends_[1]->request_count(), at_removed);
  api_.Down();
  ASSERT_TRUE(router.WaitUntil(
      [&] {
        return SumOf(router.Scrape(), "otelcol_loadbalancer_num_resolutions",
                     {"resolver=\"k8s\"", "success=\"false\""}) > 0;
      },
      kPatience));
  ASSERT_TRUE(more_calls());
  EXPECT_TRUE(router.WaitForMembers(2, seconds(1)));
  Scale(3, 1);
  api_.Up();
  ASSERT_TRUE(router.WaitForMembers(1, kPatience));
  ASSERT_TRUE(more_calls());
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_EQ(CountLost(load.accepted(), Received()), 0u);
  EXPECT_GE(
      SumOf(router.Scrape(), "otelcol_loadbalancer_num_backend_updates", {"resolver=\"k8s\""}), 4);
}

// Scenario: the service account may not list EndpointSlices; later it may.
// Guarantees: not ready, and the log names the Role that is missing; ready without a restart.
TEST_F(KubernetesTest, MissingRoleIsInTheLog) {
  StartBackends(1);
  Scale(0, 1);
  api_.Refuse(403, "forbidden");
  RunningRouter::Options options = Options();
  options.wait_until_ready = false;
  RunningRouter router(options);
  ASSERT_TRUE(
      router.process().WaitForLine("needs a Role with apiGroups [discovery.k8s.io]", kPatience));
  const auto not_ready = router.GetHealth("/readyz");
  ASSERT_TRUE(not_ready) << not_ready.error().message;
  EXPECT_EQ(not_ready->status, 503);
  api_.Heal();
  ASSERT_TRUE(router.WaitForMembers(1, kPatience));
  EXPECT_THAT(router.process().Output(), HasSubstr("sampler.observability resolves again"));
}

// Scenario: by SIGHUP from a static list to Kubernetes, and back, under load.
// Guarantees: the backends are those of the file each time, and no call fails.
TEST_F(KubernetesTest, ReloadSwitchesTheResolver) {
  StartBackends(3);
  Scale(1, 2);
  RunningRouter::Options fixed;
  fixed.backends = {"127.0.0.31:" + std::to_string(port_)};
  RunningRouter router(fixed);
  ASSERT_TRUE(router.WaitForMembers(1, kPatience));
  Load load({router.endpoint()}, 8);
  ASSERT_TRUE(router.Reload(router.ConfigText(Options()), "applied", kPatience));
  ASSERT_TRUE(router.WaitForMembers(2, kPatience));
  ASSERT_TRUE(backends_[2]->WaitForRequests(10, kPatience));
  ASSERT_TRUE(router.Reload(router.ConfigText(fixed), "applied", kPatience));
  ASSERT_TRUE(router.WaitForMembers(1, kPatience));
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_EQ(CountLost(load.accepted(), Received()), 0u);
}

}  // namespace
}  // namespace router::test
