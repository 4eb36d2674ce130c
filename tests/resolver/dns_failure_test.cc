// Every way in which a name server can fail, against a resolver that already has members.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "resolver/dns_resolver.h"
#include "tests/resolver/resolver_fixture.h"
#include "tests/support/dns_server.h"

namespace resolver {
namespace {

using dnstest::Addresses;
using dnstest::InMode;
using dnstest::Mode;
using testing::ElementsAre;

struct Failure {
  std::string name;
  Mode mode;
  Outcome outcome;
  bool tcp = true;
};

class DnsFailureTest : public ResolverFixture, public testing::WithParamInterface<Failure> {};

// Scenario: two members are known; the server begins to fail in one way, for several refreshes, and
// is then mended with a third member.
// Guarantees: the set does not move while it fails, the report says how it failed, and the first
// good answer counts again.
TEST_P(DnsFailureTest, KeepsTheLastSetAndRecovers) {
  const Failure& failure = GetParam();
  server_.Set("backends.test", Addresses({"10.0.0.1", "10.0.0.2"}));
  DnsResolver resolver(
      control_, failure.outcome == Outcome::kTimeout ? ImpatientOptions() : Options(), recorder_);
  resolver.Start();
  RunUntil("the first set", [&] { return recorder_.sets.size() == 1; });

  server_.SetTcp(failure.tcp);
  server_.Set("backends.test", InMode(failure.mode));
  const std::size_t before = recorder_.reports.size();
  RunUntilReports(before + 5);
  EXPECT_EQ(recorder_.sets.size(), 1U);
  EXPECT_EQ(OutcomeName(recorder_.reports.back().outcome), OutcomeName(failure.outcome));
  EXPECT_EQ(recorder_.reports.back().records, 0U);

  server_.SetTcp(true);
  server_.Set("backends.test", Addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
  RunUntil("the third member", [&] { return recorder_.sets.size() == 2; });
  EXPECT_THAT(Names(recorder_.sets[1]),
              ElementsAre("10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317"));
}

INSTANTIATE_TEST_SUITE_P(
    Modes, DnsFailureTest,
    testing::Values(
        Failure{"FM19NxDomain", Mode::kNxDomain, Outcome::kNxDomain},
        Failure{"FM19ServFail", Mode::kServFail, Outcome::kServFail},
        Failure{"FM19Refused", Mode::kRefused, Outcome::kRefused},
        Failure{"FM19NoData", Mode::kNoData, Outcome::kNoData},
        Failure{"FM20Silent", Mode::kSilent, Outcome::kTimeout},
        Failure{"FM21TruncatedWithoutTcp", Mode::kTruncated, Outcome::kConnectionRefused, false},
        Failure{"FM21TruncatedOverTcpToo", Mode::kTruncatedForever, Outcome::kTruncated},
        Failure{"FM22Garbage", Mode::kGarbage, Outcome::kTimeout},
        Failure{"FM22GarbageTail", Mode::kGarbageTail, Outcome::kMalformed},
        Failure{"FM22SixtyFourKib", Mode::kHuge, Outcome::kMalformed},
        Failure{"FM22WrongId", Mode::kWrongId, Outcome::kTimeout},
        Failure{"FM22WrongQuestion", Mode::kWrongQuestion, Outcome::kTimeout},
        Failure{"FM22PointerLoop", Mode::kPointerLoop, Outcome::kMalformed},
        Failure{"FM22PointerChain", Mode::kPointerChain, Outcome::kMalformed},
        Failure{"FM22LyingCounts", Mode::kLyingCounts, Outcome::kMalformed},
        Failure{"FM22LyingLength", Mode::kLyingLength, Outcome::kMalformed},
        Failure{"FM22StrangerRecords", Mode::kStrangerRecords, Outcome::kNoData}),
    [](const auto& failure) { return failure.param.name; });

using DnsTruncationTest = ResolverFixture;

// Scenario: FM-21, every UDP answer is cut short, TCP works.
// Guarantees: the set comes over TCP and is complete; the report says that TCP was used.
TEST_F(DnsTruncationTest, FM21FallsBackToTcp) {
  server_.Set("backends.test", InMode(Mode::kTruncated, {"10.0.0.1", "10.0.0.2"}));
  DnsResolver resolver(control_, Options(), recorder_);
  resolver.Start();
  RunUntilReports(1);
  ASSERT_EQ(recorder_.sets.size(), 1U);
  EXPECT_EQ(recorder_.sets[0].size(), 2U);
  EXPECT_TRUE(recorder_.reports[0].used_tcp);
  EXPECT_GE(server_.tcp_queries(), 1U);
}

// Scenario: FM-21, two servers that cut short every UDP answer; the first refuses TCP connections.
// Guarantees: the second one's TCP answer counts, without waiting for any time-out: its socket,
// which gets the number of the one just closed, is watched.
TEST_F(DnsTruncationTest, FM21AsksTheSecondServerWhenTheFirstRefusesTcp) {
  dnstest::DnsServer first;
  first.SetTcp(false);
  first.Set("backends.test", InMode(Mode::kTruncated));
  server_.Set("backends.test", InMode(Mode::kTruncated));
  DnsOptions options = Options();
  options.servers = {first.address(), server_.address()};
  options.timeout = std::chrono::hours(1);
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(1);
  EXPECT_EQ(recorder_.sets.size(), 1U);
}

// Scenario: FM-20, a server whose answers take longer than the resolver waits.
// Guarantees: late answers count for nothing, not even for the question asked next.
TEST_F(DnsTruncationTest, FM20IgnoresLateAnswers) {
  dnstest::Script late = Addresses({"10.0.0.1"});
  late.delay = std::chrono::milliseconds(40);
  server_.Set("backends.test", late);
  DnsOptions options = Options();
  options.timeout = std::chrono::milliseconds(10);
  DnsResolver resolver(control_, options, recorder_);
  resolver.Start();
  RunUntilReports(6);
  EXPECT_TRUE(recorder_.sets.empty());
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kTimeout);
}

}  // namespace
}  // namespace resolver
