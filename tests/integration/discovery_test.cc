// Discovery through the real binary: what DNS says, and what that does to the spans.
#include "tests/integration/router_test_fixture.h"
#include "tests/support/dns_server.h"

namespace router::test {
namespace {

constexpr char kName[] = "otelcol-backend";
constexpr char kNameSetting[] = "hostname: otelcol-backend";

class DiscoveryTest : public testing::Test {
 protected:
  void StartBackends(const std::vector<std::string>& addresses) {
    port_ = PickFreePort(addresses).value();
    for (const std::string& address : addresses) {
      backends_.push_back(GrpcBackend::Start({.address = address, .port = port_}).value());
    }
  }

  std::unique_ptr<RunningRouter> StartRouter(bool wait_until_ready = true) {
    RunningRouter::Options options;
    options.dns_resolver = kNameSetting;
    options.dns_resolver += ", interval: 1s, port: " + std::to_string(port_);
    options.spanring_settings = "dns: {servers: [\"" + dns_.address() + "\"]}";
    options.wait_until_ready = wait_until_ready;
    return std::make_unique<RunningRouter>(std::move(options));
  }

  // Spans of 60 traces, one request each; all must be taken.
  void ExportSixty(GrpcClient& client, std::uint64_t first) {
    for (std::uint64_t trace = first; trace < first + 60; ++trace) {
      const CallResult result = client.Export(RequestFor({trace}));
      ASSERT_EQ(result.code(), 0) << result.status.error_message();
    }
  }

  dnstest::DnsServer dns_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<GrpcBackend>> backends_;
};

// Scenario: a third address appears in DNS while the router runs.
// Guarantees: it joins the ring and gets its share; nothing fails.
TEST_F(DiscoveryTest, NewAddressJoinsTheRing) {
  StartBackends({"127.0.0.21", "127.0.0.22", "127.0.0.23"});
  dns_.Set(kName, dnstest::Addresses({"127.0.0.21", "127.0.0.22"}, 1));
  const auto router = StartRouter();
  ASSERT_TRUE(router->WaitForMembers(2, seconds(15)));
  GrpcClient client(router->endpoint());
  ExportSixty(client, 1);
  EXPECT_EQ(backends_[2]->request_count(), 0u);
  dns_.Set(kName, dnstest::Addresses({"127.0.0.21", "127.0.0.22", "127.0.0.23"}, 1));
  ASSERT_TRUE(router->WaitForMembers(3, seconds(15)));
  ExportSixty(client, 100);
  EXPECT_GT(backends_[2]->request_count(), 5u);
}

// Scenario: an address disappears from DNS for good.
// Guarantees: it leaves the ring, and later spans go to those that stay; nothing fails.
TEST_F(DiscoveryTest, RemovedAddressLeavesTheRing) {
  StartBackends({"127.0.0.21", "127.0.0.22", "127.0.0.23"});
  dns_.Set(kName, dnstest::Addresses({"127.0.0.21", "127.0.0.22", "127.0.0.23"}, 1));
  const auto router = StartRouter();
  ASSERT_TRUE(router->WaitForMembers(3, seconds(15)));
  dns_.Set(kName, dnstest::Addresses({"127.0.0.21", "127.0.0.22"}, 1));
  ASSERT_TRUE(router->WaitForMembers(2, seconds(20)));
  GrpcClient client(router->endpoint());
  ExportSixty(client, 1);
  EXPECT_EQ(backends_[2]->request_count(), 0u);
}

// Scenario: DNS answers NXDOMAIN, then SERVFAIL, then nothing at all, for several refreshes each.
// Guarantees: FM-19, FM-20: the ring stays and every request succeeds.
TEST_F(DiscoveryTest, Fm19Fm20FailingDnsKeepsTheRing) {
  StartBackends({"127.0.0.21", "127.0.0.22"});
  dns_.Set(kName, dnstest::Addresses({"127.0.0.21", "127.0.0.22"}, 1));
  const auto router = StartRouter();
  ASSERT_TRUE(router->WaitForMembers(2, seconds(15)));
  GrpcClient client(router->endpoint());
  std::uint64_t first = 1;
  for (const dnstest::Mode mode :
       {dnstest::Mode::kNxDomain, dnstest::Mode::kServFail, dnstest::Mode::kSilent}) {
    const std::size_t asked = dns_.queries();
    dns_.Set(kName, dnstest::InMode(mode));
    ASSERT_TRUE(router->WaitUntil([&] { return dns_.queries() >= asked + 6; }, seconds(30)));
    ExportSixty(client, first += 100);
  }
  EXPECT_TRUE(router->WaitForMembers(2, seconds(1)));
}

// Scenario: the name does not exist when the router starts, and does a little later.
// Guarantees: FM-25: listening but not ready, UNAVAILABLE with RetryInfo; ready once the name is
// there.
TEST_F(DiscoveryTest, Fm25StartWithoutDnsRecovers) {
  StartBackends({"127.0.0.21"});
  const auto router = StartRouter(false);
  GrpcClient client(router->endpoint());
  ASSERT_TRUE(client.WaitForConnection(seconds(15)));
  const CallResult refused = client.Export(RequestFor({1}), {.deadline = seconds(5)});
  EXPECT_EQ(refused.code(), grpc::UNAVAILABLE) << refused.status.error_message();
  EXPECT_TRUE(refused.retry_delay.has_value());
  const auto not_ready = router->GetHealth("/readyz");
  ASSERT_TRUE(not_ready) << not_ready.error().message;
  EXPECT_EQ(not_ready->status, 503);
  dns_.Set(kName, dnstest::Addresses({"127.0.0.21"}, 1));
  ASSERT_TRUE(router->WaitForMembers(1, seconds(15)));
  EXPECT_EQ(client.Export(RequestFor({1})).code(), 0);
  const auto ready = router->GetHealth("/readyz");
  ASSERT_TRUE(ready) << ready.error().message;
  EXPECT_EQ(ready->status, 200);
}

}  // namespace
}  // namespace router::test
