#include "resolver/dns_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/dns_server.h"

namespace resolver {
namespace {

using dnstest::Addresses;
using dnstest::DnsServer;
using dnstest::InMode;
using dnstest::Mode;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;

std::vector<std::string> Names(const EndpointSet& endpoints) {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : endpoints) {
    names.push_back(endpoint.name);
  }
  return names;
}

// Keeps all that it hears.
class Recorder : public Listener {
 public:
  void OnEndpoints(const EndpointSet& endpoints) override {
    sets.push_back(endpoints);
    if (on_endpoints) {
      on_endpoints();
    }
  }
  void OnResolution(const ResolutionReport& report) override {
    reports.push_back(report);
    if (on_resolution) {
      on_resolution();
    }
  }

  std::vector<EndpointSet> sets;
  std::vector<ResolutionReport> reports;
  std::function<void()> on_endpoints;
  std::function<void()> on_resolution;
};

// A resolver that refreshes fast, against a server that the test scripts.
class DnsResolverTest : public testing::Test {
 protected:
  DnsOptions Options() const {
    DnsOptions options;
    options.hostname = "backends.test";
    options.port = 4317;
    options.interval = 5ms;
    options.interval_min = 1ms;
    options.timeout = 50ms;
    options.tries = 1;
    options.servers = {server_.address()};
    options.search_domains.emplace();
    options.hosts_file.clear();
    options.jitter_seed = 1;
    return options;
  }

  // Runs until `done` holds; a failure after five seconds.
  void RunUntil(const std::string& what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) {
        FAIL() << "waited in vain for " << what;
      }
      control_.restart();
      control_.run_one_for(100ms);
    }
  }
  void RunUntilReports(std::size_t count) {
    RunUntil("reports", [&] { return recorder_.reports.size() >= count; });
  }

  DnsServer server_;
  boost::asio::io_context control_;
  Recorder recorder_;
};

// Scenario: a name with two addresses.
// Guarantees: both members, sorted, with port; the report says success, how many and the TTL.
TEST_F(DnsResolverTest, ReportsTheMembersOfAName) {
  server_.Set("backends.test", Addresses({"10.0.0.2", "10.0.0.1"}, 30));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("10.0.0.1:4317", "10.0.0.2:4317"));
  EXPECT_EQ(recorder_.reports[0].outcome, Outcome::kSuccess);
  EXPECT_EQ(recorder_.reports[0].records, 2U);
  EXPECT_EQ(recorder_.reports[0].ttl, 30U);
  EXPECT_FALSE(recorder_.reports[0].used_tcp);
}

}  // namespace
}  // namespace resolver
