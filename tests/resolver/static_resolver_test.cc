#include "resolver/static_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/resolver/resolver_fixture.h"
#include "tests/support/dns_server.h"

namespace resolver {
namespace {

using dnstest::Addresses;
using dnstest::InMode;
using dnstest::Mode;
using testing::ElementsAre;

std::vector<StaticHost> Hosts(const std::vector<std::string>& texts) {
  std::vector<StaticHost> hosts;
  for (const std::string& text : texts) {
    hosts.push_back(ParseStaticHost(text).value());
  }
  return hosts;
}

std::vector<std::string> Where(const EndpointSet& set) {
  std::vector<std::string> addresses;
  for (const Endpoint& endpoint : set) {
    addresses.push_back(endpoint.name + "=" + CanonicalName(endpoint.address));
  }
  return addresses;
}

class StaticResolverTest : public ResolverFixture {};

// Scenario: addresses only, written in several ways, one twice.
// Guarantees: one set, canonical names, collector names as written; one report per member; nothing
// from inside Start().
TEST_F(StaticResolverTest, ReportsAddressesAtOnce) {
  StaticResolver resolver(control_, Hosts({"10.0.0.2:1234", "10.0.0.1", "[FD00::1]", "10.0.0.1"}),
                          Options(), recorder_);
  resolver.Start();
  EXPECT_TRUE(recorder_.sets.empty());
  RunUntilReports(3);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]),
              ElementsAre("10.0.0.1:4317", "10.0.0.2:1234", "[fd00::1]:4317"));
  EXPECT_EQ(recorder_.sets[0][0].collector_name, "10.0.0.1");
  EXPECT_EQ(recorder_.sets[0][1].collector_name, "10.0.0.2:1234");
  EXPECT_EQ(recorder_.sets[0][2].collector_name, "[FD00::1]");
  EXPECT_EQ(server_.queries(), 0U);
}

// Scenario: host names beside an address; one of them has both families.
// Guarantees: the identity is the name; IPv4 is preferred unless there is only IPv6.
TEST_F(StaticResolverTest, ResolvesNamesAndPrefersIpv4) {
  server_.Set("a.test", Addresses({"fd00::1", "10.0.0.2", "10.0.0.1"}));
  server_.Set("b.test", Addresses({"fd00::2"}));
  StaticResolver resolver(control_, Hosts({"10.9.9.9:1", "a.test:2", "b.test"}), Options(),
                          recorder_);
  resolver.Start();
  RunUntil("a set", [&] { return !recorder_.sets.empty(); });
  ASSERT_THAT(
      Where(recorder_.sets.front()),
      ElementsAre("10.9.9.9:1=10.9.9.9:1", "a.test:2=10.0.0.1:2", "b.test:4317=[fd00::2]:4317"));
  EXPECT_EQ(recorder_.sets.front()[2].collector_name, "b.test");
}

// Scenario: an address, a name that resolves at once, one that does so later, one that does not
// exist.
// Guarantees: the first set has all that there is; the reports come behind it, each once.
TEST_F(StaticResolverTest, FirstSetWaitsForEveryName) {
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  dnstest::Script late = Addresses({"10.0.0.2"});
  late.delay = std::chrono::milliseconds(200);
  server_.Set("late.test", late);
  DnsOptions options = Options();
  options.interval = std::chrono::seconds(60);
  StaticResolver resolver(control_, Hosts({"10.9.9.9:1", "a.test", "late.test", "nx.test"}),
                          options, recorder_);
  std::size_t sets_at_first_report = 0;
  recorder_.on_resolution = [&] {
    if (recorder_.reports.size() == 1) sets_at_first_report = recorder_.sets.size();
  };
  resolver.Start();
  RunUntilReports(4);
  EXPECT_EQ(recorder_.reports.size(), 4U);
  EXPECT_EQ(sets_at_first_report, 1U);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("10.9.9.9:1", "a.test:4317", "late.test:4317"));
}

// Scenario: one name whose server answers only after the wait for the first set is over.
// Guarantees: the others are the first set when kFirstSetWait has passed and not before; the slow
// one joins with its answer.
TEST_F(StaticResolverTest, FirstSetWaitsForASlowNameOnlySoLong) {
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  dnstest::Script slow = Addresses({"10.0.0.2"});
  slow.delay = StaticResolver::kFirstSetWait + std::chrono::milliseconds(1000);
  server_.Set("slow.test", slow);
  StaticResolver resolver(control_, Hosts({"a.test", "slow.test"}), Options(), recorder_);
  const auto start = std::chrono::steady_clock::now();
  resolver.Start();
  RunUntil("the first set", [&] { return !recorder_.sets.empty(); });
  EXPECT_GE(std::chrono::steady_clock::now() - start, StaticResolver::kFirstSetWait);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("a.test:4317"));
  RunUntil("the slow name", [&] { return recorder_.sets.size() == 2; });
  EXPECT_THAT(Names(recorder_.sets[1]), ElementsAre("a.test:4317", "slow.test:4317"));
}

// Scenario: the listener stops the resolver in the first OnEndpoints, with reports waiting.
// Guarantees: no report; the loop runs dry.
TEST_F(StaticResolverTest, CanBeStoppedFromTheFirstSet) {
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  StaticResolver resolver(control_, Hosts({"10.9.9.9:1", "a.test"}), Options(), recorder_);
  recorder_.on_endpoints = [&] { resolver.Stop(); };
  resolver.Start();
  RunUntil("a set", [&] { return !recorder_.sets.empty(); });
  control_.restart();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped());
  EXPECT_TRUE(recorder_.reports.empty());
}

// Scenario: a name moves to another address.
// Guarantees: the same identity at the new address.
TEST_F(StaticResolverTest, FollowsANameThatMoves) {
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  StaticResolver resolver(control_, Hosts({"a.test"}), Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  server_.Set("a.test", Addresses({"10.0.0.2"}));
  RunUntil("the move", [&] { return recorder_.sets.size() == 2; });
  EXPECT_THAT(Where(recorder_.sets[1]), ElementsAre("a.test:4317=10.0.0.2:4317"));
}

// Scenario: FM-19, a name fails in several ways after it has resolved; another one goes on.
// Guarantees: it keeps its last address.
TEST_F(StaticResolverTest, FM19KeepsTheLastAddressOfANameThatFails) {
  server_.Set("a.test", Addresses({"10.0.0.1"}));
  server_.Set("b.test", Addresses({"10.0.0.2"}));
  StaticResolver resolver(control_, Hosts({"a.test", "b.test"}), ImpatientOptions(), recorder_);
  resolver.Start();
  RunUntil("both", [&] { return !recorder_.sets.empty() && recorder_.sets.back().size() == 2; });
  const std::size_t sets = recorder_.sets.size();
  for (const Mode mode : {Mode::kNxDomain, Mode::kServFail, Mode::kSilent, Mode::kGarbageTail}) {
    server_.Set("a.test", InMode(mode));
    const std::size_t before = server_.queries("a.test");
    RunUntil("questions", [&] { return server_.queries("a.test") > before + 4; });
  }
  EXPECT_EQ(recorder_.sets.size(), sets);
}

// Scenario: IPv6 answers, IPv4 fails, the address in use is an IPv4 one.
// Guarantees: a failure is no reason to move.
TEST_F(StaticResolverTest, StaysWhenOnlyItsFamilyFails) {
  server_.Set("a.test", Addresses({"10.0.0.1", "fd00::1"}));
  StaticResolver resolver(control_, Hosts({"a.test"}), Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  dnstest::Script script = Addresses({"fd00::1"});
  script.mode_of_type[dnstest::kTypeA] = Mode::kServFail;
  server_.Set("a.test", script);
  RunUntilReports(5);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: several addresses behind one name, in a different order each time.
// Guarantees: the member stays where it is.
TEST_F(StaticResolverTest, IgnoresTheOrderOfAnAnswer) {
  dnstest::Script script;
  script.address_sets = {{"10.0.0.2", "10.0.0.1"}, {"10.0.0.1", "10.0.0.2"}};
  server_.Set("a.test", script);
  StaticResolver resolver(control_, Hosts({"a.test"}), Options(), recorder_);
  resolver.Start();
  RunUntilReports(6);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: Stop() while names are being asked for.
// Guarantees: the loop runs dry and nobody is called.
TEST_F(StaticResolverTest, StopEndsQuestionsUnderWay) {
  server_.Set("a.test", InMode(Mode::kSilent));
  StaticResolver resolver(control_, Hosts({"a.test", "b.test"}), Options(), recorder_);
  resolver.Start();
  RunUntil("a question", [&] { return server_.queries("a.test") > 0; });
  resolver.Stop();
  const std::size_t reports = recorder_.reports.size();
  control_.restart();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped()) << "something is still waiting";
  EXPECT_EQ(recorder_.reports.size(), reports);
}

// Scenario: the listener stops the resolver with the first report of several.
// Guarantees: no further report.
TEST_F(StaticResolverTest, CanBeStoppedFromOnResolution) {
  StaticResolver resolver(control_, Hosts({"10.0.0.1", "10.0.0.2"}), Options(), recorder_);
  recorder_.on_resolution = [&] { resolver.Stop(); };
  resolver.Start();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped());
  EXPECT_EQ(recorder_.reports.size(), 1U);
}

// Scenario: entries that nobody can be connected to.
// Guarantees: refused with the text in the message.
TEST(StaticHostTest, RefusesUselessEntries) {
  for (const char* text : {"0.0.0.0:1", "[::]:1", "a:", ":1", ""}) {
    const auto host = ParseStaticHost(text);
    ASSERT_FALSE(host.has_value()) << text;
    EXPECT_THAT(host.error(), testing::HasSubstr(text));
  }
}

}  // namespace
}  // namespace resolver
