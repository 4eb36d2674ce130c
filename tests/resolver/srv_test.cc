#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "resolver/dns_resolver.h"
#include "tests/resolver/resolver_fixture.h"
#include "tests/support/dns_server.h"

namespace resolver {
namespace {

using dnstest::Addresses;
using dnstest::InMode;
using dnstest::Mode;
using dnstest::Script;
using testing::ElementsAre;

class SrvTest : public ResolverFixture {
 protected:
  DnsOptions SrvOptions() const {
    DnsOptions options = Options();
    options.hostname = "_otlp._tcp.backends.test";
    options.srv = true;
    return options;
  }
  void SetServices(std::vector<dnstest::Service> services) {
    Script script;
    script.services = std::move(services);
    server_.Set("_otlp._tcp.backends.test", script);
  }
};

// Scenario: three SRV records, two of them for one host.
// Guarantees: every address of a target with every port of it, none with the configured port.
TEST_F(SrvTest, TakesHostsAndPortsFromTheRecords) {
  SetServices({{"a.test", 1111}, {"a.test", 2222}, {"b.test", 3333}});
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  server_.Set("b.test", Addresses({"10.0.0.2", "fd00::2"}));
  DnsResolver resolver(control_, SrvOptions(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]),
              ElementsAre("10.0.0.1:1111", "10.0.0.1:2222", "10.0.0.2:3333", "[fd00::2]:3333"));
}

// Scenario: FM-23, 300 targets, which no UDP answer holds.
// Guarantees: all are found, though only some are asked for at a time.
TEST_F(SrvTest, FM23ResolvesManyTargets) {
  std::vector<dnstest::Service> services;
  const std::vector<std::string> addresses = dnstest::ManyAddresses(300);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string name = "pod-" + std::to_string(i) + ".test";
    services.push_back({name, 4317});
    server_.Set(name, Addresses({addresses[i]}));
  }
  SetServices(services);
  DnsResolver resolver(control_, SrvOptions(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_EQ(recorder_.sets[0].size(), 300U);
  EXPECT_TRUE(recorder_.reports[0].used_tcp);
}

// Scenario: one target's server fails while the other target answers.
// Guarantees: FM-19: the failed target's member stays.
TEST_F(SrvTest, FM19KeepsTheMembersOfATargetThatFails) {
  SetServices({{"a.test", 1111}, {"b.test", 2222}});
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  server_.Set("b.test", Addresses({"10.0.0.2"}));
  DnsResolver resolver(control_, SrvOptions(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  server_.Set("b.test", InMode(Mode::kServFail));
  RunUntilReports(recorder_.reports.size() + 5);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: FM-19, the SRV name is gone.
// Guarantees: NXDOMAIN is reported, the set stays.
TEST_F(SrvTest, FM19KeepsTheSetWhenTheServiceDoesNotExist) {
  SetServices({{"a.test", 1111}});
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  DnsResolver resolver(control_, SrvOptions(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  server_.Remove("_otlp._tcp.backends.test");
  RunUntilReports(recorder_.reports.size() + 4);
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kNxDomain);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

}  // namespace
}  // namespace resolver
