#include "resolver/dns_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/resolver/resolver_fixture.h"
#include "tests/support/dns_server.h"

namespace resolver {
namespace {

using dnstest::Addresses;
using dnstest::DnsServer;
using dnstest::InMode;
using dnstest::ManyAddresses;
using dnstest::Mode;
using dnstest::Script;
using std::chrono::milliseconds;
using testing::ElementsAre;

class DnsResolverTest : public ResolverFixture {};

// Scenario: a name with two addresses, one of them twice.
// Guarantees: both members once, sorted, with port; the report says success, how many and the TTL.
TEST_F(DnsResolverTest, ReportsTheMembersOfAName) {
  server_.Set("backends.test", Addresses({"10.0.0.2", "10.0.0.1", "10.0.0.2"}, 30));
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

// Scenario: no port configured.
// Guarantees: the identity has the default port, the name on the Collector's ring has none.
TEST_F(DnsResolverTest, LeavesThePortOutOfCollectorNamesWhenNoneIsConfigured) {
  server_.Set("backends.test", Addresses({"10.0.0.1", "fd00::1"}));
  DnsOptions options = Options();
  options.port.reset();
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("10.0.0.1:4317", "[fd00::1]:4317"));
  EXPECT_EQ(recorder_.sets[0][0].collector_name, "10.0.0.1");
  EXPECT_EQ(recorder_.sets[0][1].collector_name, "[fd00::1]");
}

// Scenario: IPv4 and IPv6 records, one of the latter an IPv4 address in disguise.
// Guarantees: one set of both families; the mapped address is the IPv4 one.
TEST_F(DnsResolverTest, JoinsBothFamiliesAndFoldsMappedAddresses) {
  server_.Set("backends.test", Addresses({"10.0.0.1", "::ffff:10.0.0.1", "fd00::1"}));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("10.0.0.1:4317", "[fd00::1]:4317"));
}

// Scenario: one of five members is missing in the last answer of one resolver; it and one more in
// the first answer of its successor.
// Guarantees: FM-24: two answers in a row for the one, which leaves, and one for the other.
TEST_F(DnsResolverTest, TakesOverWhoIsMissing) {
  std::vector<std::string> addresses = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"};
  server_.Set("backends.test", Addresses(addresses));
  auto former = std::make_unique<DnsResolver>(control_, Options(), recorder_);
  former->Start();
  RunUntilReports(1);
  addresses.pop_back();
  server_.Set("backends.test", Addresses(addresses));
  RunUntilReports(2);
  former->Stop();
  addresses.pop_back();
  server_.Set("backends.test", Addresses(addresses));
  ASSERT_EQ(recorder_.sets.size(), 1U);
  DnsOptions options = Options();
  options.timeout *= 2;
  DnsResolver next(control_, options, recorder_);
  next.TakeOverFrom(*former);
  former.reset();
  next.Start();
  RunUntilReports(3);
  ASSERT_EQ(recorder_.sets.size(), 2U);
  EXPECT_THAT(Names(recorder_.sets[1]),
              ElementsAre("10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317", "10.0.0.4:4317"));
}

// Scenario: the set stays as it is over several refreshes.
// Guarantees: one OnEndpoints, an OnResolution for every attempt.
TEST_F(DnsResolverTest, ReportsASetOnceAndEveryAttempt) {
  server_.Set("backends.test", Addresses({"10.0.0.1"}, 0));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(5);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: AAAA fails while A answers, after both had members; A has lost one and won one.
// Guarantees: the members of the failed family stay; the other family follows its answer.
TEST_F(DnsResolverTest, KeepsTheMembersOfAFamilyThatFails) {
  server_.Set("backends.test", Addresses({"10.0.0.1", "10.0.0.2", "fd00::1"}));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  Script script = Addresses({"10.0.0.2", "10.0.0.3"});
  script.mode_of_type[dnstest::kTypeAaaa] = Mode::kServFail;
  server_.Set("backends.test", script);
  RunUntil("the removal of 10.0.0.1", [&] {
    return Names(recorder_.sets.back()) ==
           std::vector<std::string>{"10.0.0.2:4317", "10.0.0.3:4317", "[fd00::1]:4317"};
  });
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kSuccess);
  EXPECT_EQ(recorder_.reports.back().v6, Outcome::kServFail);
}

// Scenario: FM-23, from none to 1, 1000 and 4000 records.
// Guarantees: every set complete; what does not fit into UDP comes over TCP; nothing cut off.
TEST_F(DnsResolverTest, FM23FollowsASetFromOneToFourThousand) {
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  EXPECT_TRUE(recorder_.sets.empty());
  for (const std::size_t count : {1UL, 1000UL, 4000UL}) {
    std::vector<std::string> addresses = ManyAddresses(count);
    server_.Set("backends.test", Addresses(addresses, 0));
    RunUntil("the set to grow",
             [&] { return !recorder_.sets.empty() && recorder_.sets.back().size() == count; });
  }
  EXPECT_EQ(recorder_.sets.size(), 3U);
  RunUntil("a report", [&] { return recorder_.reports.back().records == 4000; });
  EXPECT_TRUE(recorder_.reports.back().used_tcp);
  EXPECT_EQ(recorder_.reports.back().cut, 0U);
}

// Scenario: FM-23, more members than the cap, in both families.
// Guarantees: exactly kEndpointsMax of them, the first in the order of names; the rest reported.
TEST_F(DnsResolverTest, FM23CutsASetAtTheCap) {
  std::vector<std::string> addresses = ManyAddresses(3000);
  for (int i = 1; i <= 1097; ++i) {
    addresses.push_back("fd00::1:" + std::to_string(i));
  }
  server_.Set("backends.test", Addresses(addresses));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_EQ(recorder_.sets[0].size(), kEndpointsMax);
  EXPECT_EQ(recorder_.reports[0].cut, 1U);
}

// Scenario: FM-24, a member that is there in every other answer.
// Guarantees: the set does not move.
TEST_F(DnsResolverTest, FM24KeepsAFlappingMember) {
  Script flapping;
  flapping.address_sets = {{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, {"10.0.0.1", "10.0.0.3"}};
  server_.Set("backends.test", flapping);
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(12);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_EQ(recorder_.sets[0].size(), 3U);
}

// Scenario: a member is gone for good.
// Guarantees: it leaves with the second answer without it.
TEST_F(DnsResolverTest, RemovesAMemberThatStaysAway) {
  Script script;
  script.address_sets.resize(100, {"10.0.0.2"});
  script.address_sets.front() = {"10.0.0.1", "10.0.0.2"};
  server_.Set("backends.test", script);
  DnsResolver resolver(control_, Options(), recorder_);
  std::size_t reports_at_change = 0;
  recorder_.on_endpoints = [&] { reports_at_change = recorder_.reports.size(); };
  resolver.Start();
  RunUntil("the removal", [&] { return recorder_.sets.size() == 2; });
  EXPECT_THAT(Names(recorder_.sets[1]), ElementsAre("10.0.0.2:4317"));
  EXPECT_EQ(reports_at_change, 2U);  // the removing answer itself is reported after its set
}

// Scenario: FM-25, the name server does not answer at start-up, then it does.
// Guarantees: failures are reported, no set; the set comes with the first good answer.
TEST_F(DnsResolverTest, FM25StartsWithADeadServerAndRecovers) {
  server_.Set("backends.test", InMode(Mode::kSilent));
  DnsResolver resolver(control_, ImpatientOptions(), recorder_);
  resolver.Start();
  RunUntilReports(2);
  EXPECT_EQ(recorder_.reports[0].outcome, Outcome::kTimeout);
  EXPECT_TRUE(recorder_.sets.empty());
  server_.Set("backends.test", Addresses({"10.0.0.1"}));
  RunUntil("the first set", [&] { return recorder_.sets.size() == 1; });
}

// Scenario: FM-25, nothing listens where the name server should be.
// Guarantees: the attempt ends soon and says that nobody answered.
TEST_F(DnsResolverTest, FM25ReportsAServerThatIsNotThere) {
  DnsOptions options = ImpatientOptions();
  {
    const DnsServer gone;
    options.servers = {gone.address()};
  }
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(2);
  // Not every kernel tells a UDP socket that its peer is not there.
  EXPECT_THAT(recorder_.reports[0].outcome,
              testing::AnyOf(Outcome::kConnectionRefused, Outcome::kTimeout));
  EXPECT_TRUE(recorder_.sets.empty());
}

// Scenario: two name servers, the first silent.
// Guarantees: the second one's answer counts.
TEST_F(DnsResolverTest, AsksTheSecondServerWhenTheFirstIsSilent) {
  DnsServer silent;
  silent.Set("backends.test", InMode(Mode::kSilent));
  server_.Set("backends.test", Addresses({"10.0.0.1"}));
  DnsOptions options = ImpatientOptions();
  options.servers = {silent.address(), server_.address()};
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntil("the set", [&] { return recorder_.sets.size() == 1; });
}

// Scenario: two name servers, the first answers SERVFAIL; then the second one does too.
// Guarantees: the second one's answer counts; when both fail the report still says SERVFAIL.
TEST_F(DnsResolverTest, AsksTheSecondServerWhenTheFirstFails) {
  DnsServer failing;
  failing.Set("backends.test", InMode(Mode::kServFail));
  server_.Set("backends.test", Addresses({"10.0.0.1"}));
  DnsOptions options = Options();
  options.servers = {failing.address(), server_.address()};
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(1);
  EXPECT_EQ(recorder_.sets.size(), 1U);
  server_.Set("backends.test", InMode(Mode::kServFail));
  RunUntilReports(recorder_.reports.size() + 2);
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kServFail);
}

// Scenario: a list of servers that is none.
// Guarantees: a report that names it, no crash; further attempts go on.
TEST_F(DnsResolverTest, ReportsABadServerList) {
  DnsOptions options = Options();
  options.servers = {"nonsense"};
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(2);
  EXPECT_EQ(recorder_.reports[0].outcome, Outcome::kOther);
  EXPECT_THAT(recorder_.reports[0].detail, testing::HasSubstr("nonsense"));
}

// Scenario: the TTL (0) is shorter than the interval (an hour).
// Guarantees: the next attempt follows the TTL, not the interval.
TEST_F(DnsResolverTest, AsksAgainWhenTheTimeToLiveIsOver) {
  server_.Set("backends.test", Addresses({"10.0.0.1"}, 0));
  DnsOptions options = Options();
  options.interval = std::chrono::hours(1);
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(3);
}

// Scenario: an answer that takes longer than the whole attempt may.
// Guarantees: the attempt ends with a time-out at its own limit.
TEST_F(DnsResolverTest, EndsAnAttemptAtItsLimit) {
  server_.Set("backends.test", InMode(Mode::kSilent));
  DnsOptions options = Options();
  options.timeout = std::chrono::hours(1);
  options.attempt_max = milliseconds(20);
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(1);
  EXPECT_EQ(recorder_.reports[0].outcome, Outcome::kTimeout);
}

// Scenario: Start() with the answer at hand, without running the loop.
// Guarantees: the listener hears nothing from inside Start().
TEST_F(DnsResolverTest, StartCallsNobodyBack) {
  DnsOptions options = Options();
  options.hostname = "10.0.0.1";
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  EXPECT_TRUE(recorder_.reports.empty());
  RunUntilReports(1);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: Stop() while a question is under way.
// Guarantees: the loop runs dry at once and nobody is called.
TEST_F(DnsResolverTest, StopEndsAQuestionUnderWay) {
  server_.Set("backends.test", InMode(Mode::kSilent));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntil("the question to arrive", [&] { return server_.queries("backends.test") > 0; });
  resolver.Stop();
  resolver.Stop();
  control_.restart();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped()) << "something is still waiting";
  EXPECT_TRUE(recorder_.reports.empty());
}

// Scenario: the resolver is destroyed while a question is under way, and again when it is answered
// but not yet delivered.
// Guarantees: nothing runs afterwards; nothing leaks (AddressSanitizer).
TEST_F(DnsResolverTest, DestructionEndsEverything) {
  server_.Set("backends.test", Addresses({"10.0.0.1"}));
  for (int handlers = 0; handlers < 8; ++handlers) {
    auto resolver = std::make_unique<DnsResolver>(control_, Options(), recorder_);
    resolver->Start();
    for (int i = 0; i < handlers && recorder_.reports.empty(); ++i) {
      control_.restart();
      control_.run_one_for(milliseconds(100));
    }
    resolver.reset();
    recorder_ = Recorder();
    control_.restart();
    control_.run_for(std::chrono::seconds(5));
    ASSERT_TRUE(control_.stopped()) << "something is still waiting";
    EXPECT_TRUE(recorder_.reports.empty());
  }
}

// Scenario: the listener stops the resolver in OnResolution, as a caller that wants one answer
// does.
// Guarantees: one answer, then nothing.
TEST_F(DnsResolverTest, CanBeStoppedFromOnResolution) {
  server_.Set("backends.test", Addresses({"10.0.0.1"}));
  DnsResolver resolver(control_, Options(), recorder_);
  recorder_.on_resolution = [&] { resolver.Stop(); };
  resolver.Start();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped());
  EXPECT_EQ(recorder_.sets.size(), 1U);
  EXPECT_EQ(recorder_.reports.size(), 1U);
}

// Scenario: the listener destroys the resolver in OnEndpoints.
// Guarantees: no further call, no use after free (AddressSanitizer).
TEST_F(DnsResolverTest, CanBeDestroyedFromOnEndpoints) {
  server_.Set("backends.test", Addresses({"10.0.0.1"}));
  auto resolver = std::make_unique<DnsResolver>(control_, Options(), recorder_);
  recorder_.on_endpoints = [&] { resolver.reset(); };
  resolver->Start();
  control_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(control_.stopped());
  EXPECT_EQ(recorder_.sets.size(), 1U);
  EXPECT_TRUE(recorder_.reports.empty());
}

// Scenario: a short name and two search domains; the first domain has A records only, a wildcard in
// the second would answer AAAA.
// Guarantees: both families come from the first domain; the second is not asked.
TEST_F(DnsResolverTest, TakesBothFamiliesFromTheSameSearchDomain) {
  server_.Set("collectors.ns.svc.test", Addresses({"10.0.0.1"}));
  server_.Set("collectors.corp.test", Addresses({"10.9.9.9", "fd00::9"}));
  DnsOptions options = Options();
  options.hostname = "collectors";
  options.search_domains = {"ns.svc.test", "corp.test"};
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("10.0.0.1:4317"));
  EXPECT_EQ(server_.queries("collectors.corp.test"), 0U);
}

// Scenario: the name does not exist in the first search domain but in the second; then the first
// domain's server fails.
// Guarantees: found in the second; the failure ends the search instead of moving on.
TEST_F(DnsResolverTest, SearchesOnlyPastNamesThatDoNotExist) {
  server_.Set("collectors.two.test", Addresses({"10.0.0.2"}));
  DnsOptions options = Options();
  options.hostname = "collectors";
  options.search_domains = {"one.test", "two.test"};
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(1);
  EXPECT_EQ(recorder_.reports[0].outcome, Outcome::kSuccess);
  server_.Set("collectors.one.test", InMode(Mode::kServFail));
  const std::size_t before = recorder_.reports.size();
  RunUntilReports(before + 2);
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kServFail);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: the answer is an alias and the records of what it stands for.
// Guarantees: they are the members.
TEST_F(DnsResolverTest, FollowsAliases) {
  Script script = Addresses({"10.0.0.7"});
  script.alias = "real.test";
  server_.Set("backends.test", script);
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_THAT(Names(recorder_.sets[0]), ElementsAre("10.0.0.7:4317"));
}

// Scenario: 70 addresses: more than 512 bytes, less than the UDP payload we announce.
// Guarantees: EDNS0 is on, so no TCP is needed; at 78 it is.
TEST_F(DnsResolverTest, AnnouncesALargerPayload) {
  server_.Set("backends.test", Addresses(ManyAddresses(70)));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  EXPECT_EQ(server_.last_udp_size(), 1232U);
  EXPECT_EQ(server_.tcp_queries(), 0U);
  EXPECT_EQ(recorder_.reports[0].records, 70U);
}

// Scenario: a name that no DNS message can carry.
// Guarantees: a report, no crash, not from inside Start().
TEST_F(DnsResolverTest, ReportsANameThatCannotBeAskedFor) {
  DnsOptions options = Options();
  options.hostname.assign(64, 'a');  // one label too long by one
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  EXPECT_TRUE(recorder_.reports.empty());
  RunUntilReports(1);
  EXPECT_EQ(recorder_.reports[0].outcome, Outcome::kOther);
}

}  // namespace
}  // namespace resolver
