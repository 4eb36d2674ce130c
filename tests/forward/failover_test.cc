// A shard whose owner is DOWN, or no longer on the ring: where its spans go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/forward/forward_fixture.h"
#include "tests/otlp/oracle.h"

namespace router::test {
namespace {

class FailoverTest : public ForwardTest {
 protected:
  // 30 spans, each a trace of its own, ten of each of three owners.
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (int i = 0; i < 30; ++i) ids.push_back(IdOf(static_cast<std::size_t>(i % 3), i / 3));
    return ids;
  }
  std::size_t OwnerIn(const std::vector<std::size_t>& members, const std::string& id) const {
    std::vector<RingMember> named;
    for (const std::size_t i : members) named.push_back({.endpoint = endpoints_[i].ring_name});
    return members[Ring::Build(named, {})->OwnerOf(AsBytes(id))];
  }
  // Whether exactly backends_[i] has got the span of `id`, once.
  void ExpectOnlyAt(std::size_t expected, const std::string& id,
                    std::size_t first_request = 0) const {
    for (std::size_t i = 0; i < backends_.size(); ++i) {
      int count = 0;
      for (std::size_t k = i == expected ? 0 : first_request; k < backends_[i]->requests().size();
           ++k) {
        count += backends_[i]->requests()[k].message.find(id) != std::string::npos ? 1 : 0;
      }
      EXPECT_EQ(count, i == expected ? 1 : 0) << "backend " << i;
    }
  }
};

// Scenario: one of three backends is DOWN and its successors are known; later it is up again.
// Guarantees: O8, I2: its spans go, first time, to their owner in the ring without it, all others
// stay; when it is up for this worker, they go to it at once.
TEST_F(FailoverTest, SpansOfADownOwnerGoToItsSuccessorO8) {
  SetUpRouter(3);
  const std::vector<std::string> ids = Ids();
  StopBackend(1);
  SetRing(endpoints_, {1});
  EXPECT_EQ(Await(RequestOf(ids)).code, GrpcCode::kOk);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ExpectOnlyAt(i % 3 == 1 ? OwnerIn({0, 2}, ids[i]) : i % 3, ids[i]);
  EXPECT_EQ(RequestsAtBackends(), 2u);
  EXPECT_EQ(ledger_.failover_spans.Value(), 10u);
  backends_[1]->Restart();
  ASSERT_TRUE(RunUntil([&] { return BackendAt(1).state() == BackendState::kReady; }));
  const std::string back = IdOf(1, 20);
  EXPECT_EQ(Await(RequestOf({back})).code, GrpcCode::kOk);
  ExpectOnlyAt(1, back);
  EXPECT_EQ(ledger_.failover_spans.Value(), 10u);
}

// Scenario: a backend dies with a shard in its hands; while that pauses, a table without it comes.
// Guarantees: O8, FM-01: the shard's spans go to the successors; counted rerouted and failed over;
// nothing is lost.
TEST_F(FailoverTest, AShardInAPauseGoesToTheSuccessors) {
  for (const bool compress : {false, true}) {
    SetUpRouter(3, {.compression = compress ? Compression::kGzip : Compression::kNone});
    const std::uint64_t failovers = ledger_.failover_spans.Value();
    const std::vector<std::string> ids = Ids();
    backends_[1]->Hold();
    RecordingSink sink;
    Export(RequestOf(ids), sink);
    ASSERT_TRUE(RunUntil([&] { return backends_[1]->held() == 1; }));
    StopBackend(1);
    SetRing(endpoints_, {1});
    ASSERT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
    EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kOk);
    for (std::size_t i = 1; i < ids.size(); i += 3) {
      int copies = 0;
      for (const FakeBackend::Request& request : backends_[OwnerIn({0, 2}, ids[i])]->requests()) {
        copies += request.message.find(ids[i]) != std::string::npos ? 1 : 0;
      }
      EXPECT_EQ(copies, 1) << i;
    }
    EXPECT_EQ(ledger_.failover_spans.Value() - failovers, 10u);
    EXPECT_EQ(ledger_.rerouted_spans.Value(), compress ? 20u : 10u);
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: every backend is DOWN.
// Guarantees: FM-26: there is no successor; UNAVAILABLE + RetryInfo, by the deadline.
TEST_F(FailoverTest, AllDownIsUnavailableFm26) {
  SetUpRouter(2);
  StopBackend(0);
  StopBackend(1);
  SetRing(endpoints_, {0, 1});
  EXPECT_FALSE(routes_->has_fallback());
  const Verdict verdict = Await(RequestOf({IdOf(0), IdOf(1)}), milliseconds(300));
  EXPECT_EQ(verdict.code, GrpcCode::kUnavailable);
  EXPECT_TRUE(verdict.retry_delay.has_value());
  EXPECT_EQ(RefusedFor(ledger_.spans, RefuseReason::kTransient), 2u);
}

// Scenario: the ring loses a backend while it has a shard, which it then cannot take; plain and
// compressed.
// Guarantees: FM-27, I2: the shard is split by the new ring, each span arrives once at its new
// owner, the shards of the others stay where they are.
TEST_F(FailoverTest, AFailedShardFollowsTheNewRingFm27) {
  for (const bool compress : {false, true}) {
    SetUpRouter(3, {.compression = compress ? Compression::kGzip : Compression::kNone});
    const std::uint64_t rerouted = ledger_.rerouted_spans.Value();
    const std::vector<std::string> ids = Ids();
    backends_[1]->Hold();
    RecordingSink sink;
    Export(RequestOf(ids), sink);
    ASSERT_TRUE(RunUntil([&] { return RequestsAtBackends() == 3; }));
    SetRing({endpoints_[0], endpoints_[2]});
    RunTurns(20);
    EXPECT_EQ(RequestsAtBackends(), 3u) << "what is on the wire may finish";
    backends_[1]->Release(Status(GrpcCode::kUnavailable));
    ASSERT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
    EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kOk);
    std::size_t copies = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t owner = i % 3 == 1 ? OwnerIn({0, 2}, ids[i]) : i % 3;
      for (const std::size_t b : {0u, 2u}) {
        for (const FakeBackend::Request& request : backends_[b]->requests()) {
          if (request.message.find(ids[i]) == std::string::npos) continue;
          ++copies;
          EXPECT_EQ(b, owner);
        }
      }
    }
    EXPECT_EQ(copies, ids.size());
    EXPECT_EQ(ledger_.rerouted_spans.Value() - rerouted, 10u);
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: a backend takes one call at a time; a second request waits for it when discovery drops
// it.
// Guarantees: FM-27: the waiting one goes to its new owner without a pause, the other finishes.
TEST_F(FailoverTest, WhatWaitsForARetiredBackendMovesAtOnceFm27) {
  backend_options_.in_flight_max = 1;
  SetUpRouter(2);
  backends_[0]->Hold();
  RecordingSink first;
  RecordingSink second;
  Export(RequestOf({IdOf(0)}), first);
  Export(RequestOf({IdOf(0, 1)}), second);
  ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 1; }));
  SetRing({endpoints_[1]});
  ASSERT_TRUE(RunUntil([&] { return !second.verdicts.empty(); }));
  EXPECT_EQ(second.verdicts[0].code, GrpcCode::kOk);
  EXPECT_EQ(backends_[1]->requests().size(), 1u);
  EXPECT_TRUE(first.verdicts.empty());
  backends_[0]->Release(AnswerWithOk);
  ASSERT_TRUE(RunUntil([&] { return !first.verdicts.empty(); }));
  EXPECT_EQ(first.verdicts[0].code, GrpcCode::kOk);
  EXPECT_EQ(backends_[0]->requests().size(), 1u);
}

}  // namespace
}  // namespace router::test
