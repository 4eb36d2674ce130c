// How the configuration of the Kubernetes resolver becomes its options.
#include "router/app/kubernetes_access.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>

#include "resolver/endpoint_slice.h"

namespace router {
namespace {

using namespace std::chrono_literals;

class KubernetesAccessTest : public testing::Test {
 protected:
  void SetUp() override { SetVariables("10.96.0.1", "6443"); }
  void TearDown() override {
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    ::unsetenv("KUBERNETES_SERVICE_PORT");
  }
  static void SetVariables(const char* host, const char* port) {
    ::setenv("KUBERNETES_SERVICE_HOST", host, 1);
    ::setenv("KUBERNETES_SERVICE_PORT", port, 1);
  }
  static Config ConfigFor(const Config::KubernetesResolver& resolver) {
    Config config;
    config.resolver = resolver;
    return config;
  }
};

// Scenario: in a pod, with nothing but a service.
// Guarantees: the API server that Kubernetes names, the files of the service account, and a watch
// that lasts 30 s although a list may take a minute.
TEST_F(KubernetesAccessTest, PodsNeedNoConfiguration) {
  const auto options = ToKubernetesOptions(ConfigFor({.service = "sampler"}));
  EXPECT_EQ(options.server.host, "10.96.0.1");
  EXPECT_EQ(options.server.port, 6443);
  EXPECT_EQ(options.server.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_EQ(options.server.ca_file, "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  EXPECT_EQ(options.service, "sampler");
  EXPECT_TRUE(resolver::IsDnsLabel(options.service_namespace)) << options.service_namespace;
  EXPECT_TRUE(options.ports.empty());
  EXPECT_EQ(options.timeout, 60s);
  EXPECT_EQ(options.watch_max, 30s);
}

// Scenario: every key; a timeout shorter than a watch.
// Guarantees: the file wins over the environment; a watch is not longer than the timeout.
TEST_F(KubernetesAccessTest, TheFileWins) {
  Config config = ConfigFor({"sampler", "obs", {1, 2}, 5s, true});
  config.kubernetes = {{"api.test", 443}, "/t", "/c"};
  const auto options = ToKubernetesOptions(config);
  EXPECT_EQ(options.server.host, "api.test");
  EXPECT_EQ(options.server.port, 443);
  EXPECT_EQ(options.server.token_file, "/t");
  EXPECT_EQ(options.server.ca_file, "/c");
  EXPECT_EQ(options.service_namespace, "obs");
  EXPECT_EQ(options.ports, (std::vector<std::uint16_t>{1, 2}));
  EXPECT_EQ(options.timeout, 5s);
  EXPECT_EQ(options.watch_max, 5s);
  EXPECT_TRUE(options.return_hostnames);
}

// Scenario: a variable that is no port; no variable at all.
// Guarantees: 443; and no host, which the resolver reports.
TEST_F(KubernetesAccessTest, OutsideOfAPodThereIsNoHost) {
  SetVariables("fd00::1", "https");
  EXPECT_EQ(ToKubernetesOptions(ConfigFor({"a", "b"})).server.port, 443);
  TearDown();
  EXPECT_EQ(ToKubernetesOptions(ConfigFor({"a", "b"})).server.host, "");
}

}  // namespace
}  // namespace router
