// What Kubernetes says of a Service, and the set that comes of it.
#include "resolver/kubernetes_resolver.h"

#include "tests/resolver/kubernetes_fixture.h"

namespace resolver {
namespace {

using apitest::ReadyPods;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::SizeIs;

class KubernetesResolverTest : public KubernetesFixture {};

// Scenario: two slices with two ready pods and one that is not.
// Guarantees: one list over TLS with the token gives one set, before the attempt is told.
TEST_F(KubernetesResolverTest, ListedPodsAreTheMembers) {
  api_.Put({"sampler-a", {{"10.0.0.2"}, {"10.0.0.3", false}}});
  api_.Put({"sampler-b", ReadyPods({"10.0.0.1"})});
  api_.Put({"other-a", ReadyPods({"10.9.9.9"}), "IPv4", "other"});
  std::vector<std::string> order;
  recorder_.on_endpoints = [&] { order.push_back("set"); };
  recorder_.on_resolution = [&] { order.push_back("attempt"); };
  Start();
  RunUntilOutcome(Outcome::kSuccess);
  EXPECT_THAT(Members(), ElementsAre("10.0.0.1:4317", "10.0.0.2:4317"));
  EXPECT_THAT(order, ElementsAre("set", "attempt"));
  EXPECT_EQ(recorder_.reports[0].records, 2u);
  EXPECT_EQ(recorder_.reports[0].hostname, "sampler.observability");
}

// Scenario: scaled from two to twenty pods, then to five, while being watched.
// Guarantees: the set follows each event within half a second; no list is needed for it.
TEST_F(KubernetesResolverTest, ScalingIsFollowedAtOnce) {
  const auto pods = [](std::size_t count) {
    std::vector<std::string> addresses;
    for (std::size_t i = 1; i <= count; ++i) addresses.push_back("10.0.1." + std::to_string(i));
    return apitest::Slice{"sampler-a", ReadyPods(addresses)};
  };
  api_.Put(pods(2));
  Start();
  RunUntilWatching();
  for (const std::size_t count : {20, 5}) {
    const auto begin = std::chrono::steady_clock::now();
    api_.Put(pods(count));
    RunUntil("the pods", [&] { return Members().size() == count; });
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
  }
  EXPECT_EQ(api_.lists(), 1u);
  EXPECT_THAT(recorder_.sets, SizeIs(3));
}

// Scenario: of three pods one becomes not ready and one terminates, though it says that it is
// ready. Guarantees: both leave at once and alone.
TEST_F(KubernetesResolverTest, NotReadyAndTerminatingLeave) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1", "10.0.0.2", "10.0.0.3"})});
  Start();
  RunUntilWatching();
  api_.Put({"sampler-a", {{"10.0.0.1", false}, {"10.0.0.2"}, {"10.0.0.3"}}});
  RunUntilMembers({"10.0.0.2:4317", "10.0.0.3:4317"});
  api_.Put({"sampler-a", {{"10.0.0.1"}, {"10.0.0.2", true, true}, {"10.0.0.3"}}});
  RunUntilMembers({"10.0.0.1:4317", "10.0.0.3:4317"});
}

// Scenario: a slice is deleted and another one, with one of its pods, appears at the same moment.
// Guarantees: one change, in which the pod that moved never left.
TEST_F(KubernetesResolverTest, PodThatMovesToAnotherSliceStays) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1", "10.0.0.2"})});
  Start();
  RunUntilWatching();
  api_.Delete("sampler-a");
  api_.Put({"sampler-b", ReadyPods({"10.0.0.2", "10.0.0.3"})});
  RunUntilMembers({"10.0.0.2:4317", "10.0.0.3:4317"});
  for (const EndpointSet& set : recorder_.sets) {
    EXPECT_THAT(Names(set), testing::Contains("10.0.0.2:4317"));
  }
}

// Scenario: no pod is ready any more; then one is.
// Guarantees: the last set stays and the attempt says why; it is replaced when there is something.
TEST_F(KubernetesResolverTest, NoneReadyKeepsTheLastSet) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  Start();
  RunUntilWatching();
  api_.Put({"sampler-a", {{"10.0.0.1", false}, {"10.0.0.2", false}}});
  RunUntilOutcome(Outcome::kNoData);
  EXPECT_EQ(LastDetail(), "none of 2 endpoints is ready");
  EXPECT_THAT(recorder_.sets, SizeIs(1));
  api_.Put({"sampler-a", {{"10.0.0.1", false}, {"10.0.0.2"}}});
  RunUntilMembers({"10.0.0.2:4317"});
}

// Scenario: the Service does not exist, or has no slice yet, when the resolver starts.
// Guarantees: an attempt without data that names the label; the first pod is the first set.
TEST_F(KubernetesResolverTest, ServiceThatAppearsLaterIsFound) {
  Start();
  RunUntilOutcome(Outcome::kNoData);
  EXPECT_THAT(LastDetail(), HasSubstr("kubernetes.io/service-name=sampler in namespace obs"));
  RunUntilWatching();
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  RunUntilMembers({"10.0.0.1:4317"});
}

// Scenario: a list of seven slices in pages of two.
// Guarantees: all pages are one set.
TEST_F(KubernetesResolverTest, PagesAreOneList) {
  for (int i = 1; i <= 7; ++i) {
    const std::string n = std::to_string(i);
    api_.Put({"sampler-" + n, ReadyPods({"10.0.0." + n})});
  }
  api_.SetPageSize(2);
  Start();
  RunUntilOutcome(Outcome::kSuccess);
  EXPECT_THAT(Members(), SizeIs(7));
  EXPECT_THAT(recorder_.sets, SizeIs(1));
  EXPECT_EQ(api_.lists(), 1u);
}

// Scenario: watches that last one second; bookmarks, and an event between two watches.
// Guarantees: each watch goes on where the one before ended, nothing is listed again, and every
// renewal is told as a success.
TEST_F(KubernetesResolverTest, WatchIsRenewedFromTheLastVersion) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  KubernetesOptions options = Options();
  options.watch_max = std::chrono::seconds(1);
  Start(options);
  RunUntilWatching();
  api_.SendBookmarks();
  RunUntil("a second watch", [&] { return api_.watches() == 2 && api_.open_watches() == 1; });
  RunUntil("its success", [&] { return recorder_.reports.size() >= 2; });
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kSuccess);
  EXPECT_THAT(api_.targets().back(), HasSubstr("&allowWatchBookmarks=true&resourceVersion=1002&"));
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1", "10.0.0.2"})});
  RunUntilMembers({"10.0.0.1:4317", "10.0.0.2:4317"});
  RunUntil("a third watch", [&] { return api_.watches() >= 3; });
  EXPECT_THAT(api_.targets().back(), HasSubstr("resourceVersion=1003&"));
  EXPECT_EQ(api_.lists(), 1u);
}

// Scenario: the API server has forgotten the version, and says so as a status and as an event.
// Guarantees: it is listed anew without delay and without a failure; what has gone meanwhile
// leaves.
TEST_F(KubernetesResolverTest, GoneIsListedAnew) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1", "10.0.0.2"})});
  Start();
  RunUntilWatching();
  std::size_t lists = 1;
  for (const bool as_event : {false, true}) {
    api_.TellGoneAsEvent(as_event);
    api_.Put({"sampler-a", ReadyPods({as_event ? "10.0.0.3" : "10.0.0.1"})});
    api_.Compact();
    RunUntil("a list", [&] { return api_.lists() > lists && api_.open_watches() == 1; });
    lists = api_.lists();
    RunUntilMembers({as_event ? "10.0.0.3:4317" : "10.0.0.1:4317"});
  }
  api_.Put({"sampler-a", ReadyPods({"10.0.0.4"})});
  RunUntilMembers({"10.0.0.4:4317"});
}

// Scenario: the name of the API server instead of its address, found in a hosts file.
// Guarantees: the name is resolved, and the certificate must be for it.
TEST(KubernetesNameTest, ApiServerMayHaveAName) {
  apitest::ApiServer api({.names = {"kubernetes.test"}});
  router::test::ScratchDirectory scratch;
  boost::asio::io_context control;
  Recorder recorder;
  KubernetesOptions options;
  options.server.host = "kubernetes.test";
  options.server.port = api.port();
  options.server.token_file = scratch.Write("token", "token").value();
  options.server.ca_file = scratch.Write("ca.crt", api.ca_pem()).value();
  options.server.dns.hosts_file = scratch.Write("hosts", "127.0.0.1 kubernetes.test\n").value();
  options.service = "sampler";
  options.service_namespace = "observability";
  api.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  KubernetesResolver resolver(control, options, recorder);
  recorder.on_resolution = [&] { resolver.Stop(); };
  resolver.Start();
  control.run_for(std::chrono::seconds(10));
  ASSERT_THAT(recorder.reports, SizeIs(1));
  EXPECT_EQ(recorder.reports[0].outcome, Outcome::kSuccess) << recorder.reports[0].detail;
  EXPECT_THAT(recorder.sets, SizeIs(1));
}

// Scenario: the listener stops or destroys the resolver from within each kind of call.
// Guarantees: nothing is called any more, and nothing is left to run.
TEST_F(KubernetesResolverTest, ListenerMayEndTheResolver) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  recorder_.on_endpoints = [&] { resolver_->Stop(); };
  Start();
  RunUntil("the set", [&] { return !recorder_.sets.empty(); });
  control_.restart();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped()) << "something still waits";
  EXPECT_THAT(recorder_.reports, SizeIs(0));
  recorder_.on_endpoints = nullptr;
  recorder_.on_resolution = [&] { resolver_.reset(); };
  Start();
  RunUntil("the attempt", [&] { return resolver_ == nullptr; });
  api_.Refuse(403, "no");
  Start();
  RunUntil("the failure", [&] { return resolver_ == nullptr; });
  EXPECT_THAT(recorder_.reports, SizeIs(2));
}

}  // namespace
}  // namespace resolver
