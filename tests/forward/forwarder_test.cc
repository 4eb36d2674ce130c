// The forwarder between scripted backends: where spans go, what is told, what is counted.
#include "router/forward/forwarder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"
#include "tests/forward/forward_fixture.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/random_request.h"

namespace router::test {
namespace {

using testing::HasSubstr;

class ForwarderTest : public ForwardTest {};

// ---- what arrives ------------------------------------------------------------------------------

// Scenario: requests without a span: no bytes; an empty ResourceSpans; one with an empty
// ScopeSpans; one with a resource and a scope.
// Guarantees: GS-06, GC-15: success, partial_success unset, nothing sent.
TEST_F(ForwarderTest, RequestsWithoutSpansAreSuccessAndGoNowhere) {
  SetUpRouter(2);
  for (const std::string& request :
       {std::string(), Field(1, ""), Field(1, Field(2, "")),
        Field(1, Field(1, Field(1, Field(1, "k"))) + Field(2, Field(1, Field(1, "scope"))))}) {
    const Verdict verdict = Await(request);
    EXPECT_EQ(verdict.code, GrpcCode::kOk);
    EXPECT_TRUE(verdict.partial.IsFullSuccess());
  }
  RunTurns();
  EXPECT_EQ(RequestsAtBackends(), 0u);
  EXPECT_EQ(ledger_.requests.forwarded.Value(), 4u);
  EXPECT_EQ(ledger_.spans.received.Value(), 0u);
}

// Scenario: a request all of whose spans one of three backends owns; unknown fields, non-canonical
// varints.
// Guarantees: CP-6, GS-19: its bytes arrive unchanged, at that backend, plain and compressed.
TEST_F(ForwarderTest, OneOwnerGetsTheVeryBytes) {
  for (const bool compress : {false, true}) {
    SetUpRouter(3, {.compression = compress ? Compression::kGzip : Compression::kNone});
    std::mt19937_64 padding(5);
    const std::string id = IdOf(1);
    const std::string request = RequestOf({id, IdOf(1, 1), id}) +
                                WireWriter(&padding).Bytes(900, "unknown").Number(901, 1).bytes();
    EXPECT_EQ(Await(request).code, GrpcCode::kOk);
    ASSERT_EQ(RequestsAtBackends(), 1u);
    ASSERT_EQ(backends_[1]->requests().size(), 1u);
    const FakeBackend::Request& arrived = backends_[1]->requests()[0];
    EXPECT_EQ(arrived.message, request);
    EXPECT_EQ(arrived.is_compressed, compress);
    EXPECT_EQ(arrived.headers.contains("grpc-encoding"), compress);
    EXPECT_EQ(arrived.headers.at("te"), "trailers");
    EXPECT_EQ(arrived.headers.at("content-type"), "application/grpc");
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: 300 random requests, every shape Protobuf allows, over three backends, seed 7.
// Guarantees: CP-1…CP-3, I2: each span arrives at the owner of its trace ID and nowhere else; what
// arrived, merged, is what was sent, unknown fields included.
TEST_F(ForwarderTest, EverySpanArrivesAtItsOwnerAndNothingIsLost) {
  SetUpRouter(3);
  RandomRequest random(7);
  std::uint64_t spans = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string request = random.Make();
    Flattened sent;
    ASSERT_TRUE(Flatten(request, &sent));
    sent.Sort();
    std::vector<std::size_t> before;
    for (const auto& backend : backends_) before.push_back(backend->requests().size());
    ASSERT_EQ(Await(request).code, GrpcCode::kOk);
    Flattened arrived;
    for (std::size_t b = 0; b < backends_.size(); ++b) {
      for (std::size_t i = before[b]; i < backends_[b]->requests().size(); ++i) {
        Flattened shard;
        ASSERT_TRUE(Flatten(backends_[b]->requests()[i].message, &shard));
        ASSERT_FALSE(shard.spans.empty()) << "GC-15";
        for (const auto& [trace, list] : shard.traces) {
          EXPECT_EQ(routes_->ring().OwnerOf(AsBytes(trace).subspan(1)), b);
        }
        arrived.Add(shard);
      }
    }
    arrived.Sort();
    ASSERT_TRUE(arrived.spans == sent.spans) << "round " << round;
    spans += sent.spans.size();
  }
  EXPECT_EQ(ledger_.spans.forwarded.Value(), spans);
  EXPECT_GT(ledger_.invalid_trace_ids.Value(), 0u);
  EXPECT_GT(ledger_.shards.Value(), 300u);
}

// Scenario: several owners, compression to backends off.
// Guarantees: the shards arrive plain, without grpc-encoding.
TEST_F(ForwarderTest, ShardsGoPlainWhenCompressionIsOff) {
  SetUpRouter(2, {.compression = Compression::kNone});
  EXPECT_EQ(Await(RequestOf({IdOf(0), IdOf(1)})).code, GrpcCode::kOk);
  for (const auto& backend : backends_) {
    ASSERT_EQ(backend->requests().size(), 1u);
    EXPECT_FALSE(backend->requests()[0].is_compressed);
    EXPECT_FALSE(backend->requests()[0].headers.contains("grpc-encoding"));
  }
}

// Scenario: a request of 400 spans, 1 KiB each, for two backends, of which each takes 32 KiB at a
// time; then one whose only span is larger than that.
// Guarantees: GC-01, I2: cut at span boundaries: no body is larger, every span arrives once, at
// its owner; the single span is rejected, alone, and never sent.
TEST_F(ForwarderTest, WhatIsTooLargeForABackendIsCut) {
  constexpr std::size_t kLimit = 32 * 1024;
  SetUpRouter(2, {.shard_bytes_max = kLimit, .compression = Compression::kNone});
  std::string spans = Field(1, Field(1, "scope"));
  for (int i = 0; i < 400; ++i) {
    const std::string id = IdOf(static_cast<std::size_t>(i / 3 % 2), i % 5);
    spans += Field(2, Field(1, id) + Field(5, std::to_string(i) + std::string(1024, 'n')));
  }
  const std::string request = Field(1, Field(1, Field(1, Field(1, "k"))) + Field(2, spans));
  Flattened sent;
  ASSERT_TRUE(Flatten(request, &sent));
  EXPECT_EQ(Await(request).code, GrpcCode::kOk);
  Flattened arrived;
  for (std::size_t b = 0; b < backends_.size(); ++b) {
    EXPECT_GE(backends_[b]->requests().size(), 7u);
    EXPECT_LE(backends_[b]->requests().size(), 9u);
    for (const FakeBackend::Request& part : backends_[b]->requests()) {
      EXPECT_LE(part.message.size(), kLimit);
      Flattened shard;
      ASSERT_TRUE(Flatten(part.message, &shard));
      for (const auto& [trace, list] : shard.traces) {
        EXPECT_EQ(routes_->ring().OwnerOf(AsBytes(trace).subspan(1)), b);
      }
      arrived.Add(shard);
    }
  }
  sent.Sort();
  arrived.Sort();
  EXPECT_TRUE(arrived.spans == sent.spans);
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 400u);

  const std::size_t before = backends_[0]->requests().size();
  const std::string large = RequestOf({IdOf(0)}, std::string(2 * kLimit, 'r'));
  EXPECT_EQ(Await(large).code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(RejectedFor(ledger_.spans, RejectReason::kTooLarge), 1u);
  const Verdict partly = Await(RequestOf({IdOf(1)}) + large);
  EXPECT_EQ(partly.code, GrpcCode::kOk);
  EXPECT_EQ(partly.partial.rejected_spans, 1);
  EXPECT_THAT(partly.partial.message, HasSubstr("max_request_bytes"));
  EXPECT_EQ(RejectedFor(ledger_.spans, RejectReason::kTooLarge), 2u);
  EXPECT_EQ(backends_[0]->requests().size(), before) << "GC-01: it must not be sent";
}

// ---- refused before it is sent -----------------------------------------------------------------

// Scenario: bytes that are no request: garbage, a request cut off in a span, wire type 7.
// Guarantees: GS-13: INVALID_ARGUMENT without RetryInfo, nothing sent, counted as malformed.
TEST_F(ForwarderTest, MalformedIsInvalidArgumentAndNothingIsSent) {
  SetUpRouter(2);
  const std::string good = RequestOf({IdOf(0), IdOf(1)});
  for (const std::string& bad : {std::string("\xFF\xFF\xFF"), good.substr(0, good.size() - 9),
                                 good + std::string(1, '\x0F')}) {
    const Verdict verdict = Await(bad);
    EXPECT_EQ(verdict.code, GrpcCode::kInvalidArgument);
    EXPECT_FALSE(verdict.retry_delay.has_value());
    EXPECT_THAT(verdict.message, HasSubstr("not a valid ExportTraceServiceRequest"));
  }
  RunTurns();
  EXPECT_EQ(RequestsAtBackends(), 0u);
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kMalformed), 3u);
  EXPECT_EQ(ledger_.spans.received.Value(), 0u);
}

// Scenario: as many spans as allowed, and one more.
// Guarantees: the first is served; the second is RESOURCE_EXHAUSTED without RetryInfo, nothing of
// it sent.
TEST_F(ForwarderTest, TooManySpansAreRefusedForGood) {
  SetUpRouter(1, {.spans_max = 3});
  EXPECT_EQ(Await(RequestOf({IdOf(0), IdOf(0, 1), IdOf(0, 2)})).code, GrpcCode::kOk);
  const Verdict verdict = Await(RequestOf({IdOf(0), IdOf(0, 1), IdOf(0, 2), IdOf(0, 3)}));
  EXPECT_EQ(verdict.code, GrpcCode::kResourceExhausted);
  EXPECT_FALSE(verdict.retry_delay.has_value());
  EXPECT_EQ(RequestsAtBackends(), 1u);
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kTooLarge), 1u);
}

// Scenario: no routes were ever set; then routes with an empty ring.
// Guarantees: GS-12: UNAVAILABLE with a RetryInfo of the configured delay ± 20 %; the spans are
// counted refused.
TEST_F(ForwarderTest, WithoutBackendsTheClientShallComeBack) {
  forwarder_.emplace(loop_, memory_, ledger_, ForwarderOptions{.retry_delay = milliseconds(500)});
  const std::string request = RequestOf({std::string(16, 'a'), std::string(16, 'b')});
  for (int round = 0; round < 2; ++round) {
    const Verdict verdict = Await(request);
    EXPECT_EQ(verdict.code, GrpcCode::kUnavailable);
    ASSERT_TRUE(verdict.retry_delay.has_value());
    EXPECT_GE(*verdict.retry_delay, milliseconds(400));
    EXPECT_LE(*verdict.retry_delay, milliseconds(600));
    auto empty = std::make_shared<Routes>();
    empty->table = std::make_shared<const RoutingTable>();
    forwarder_->SetRoutes(std::move(empty));
  }
  EXPECT_EQ(RefusedFor(ledger_.spans, RefuseReason::kNoBackend), 4u);
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kNoBackend), 2u);
}

// Scenario: many refusals one after the other.
// Guarantees: GS-16: the delays are not all the same, all within 0 < delay <= 30 s.
TEST_F(ForwarderTest, OwnRetryDelaysAreSpread) {
  forwarder_.emplace(loop_, memory_, ledger_, ForwarderOptions{});
  std::set<std::int64_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(forwarder_->OwnRetryDelay().count());
  EXPECT_GT(seen.size(), 20u);
  EXPECT_GE(*seen.begin(), 800);
  EXPECT_LE(*seen.rbegin(), 1200);
}

// Scenario: beside what others hold, the memory budget has room for the request but not for its
// shards, or not for what compressing takes; then it has.
// Guarantees: GS-15: UNAVAILABLE + RetryInfo at once; everything charged is given back; afterwards
// the same request is served.
TEST_F(ForwarderTest, FullBudgetIsOverloadAndLeavesNothingBehind) {
  for (const bool is_split : {false, true}) {
    for (const bool compress : {false, true}) {
      if (!is_split && !compress) continue;  // goes out as it came in
      SCOPED_TRACE(testing::Message() << "split " << is_split << " compressed " << compress);
      budget_.SetLimit(std::size_t{256} << 20);
      SetUpRouter(2, {.compression = compress ? Compression::kGzip : Compression::kNone});
      std::mt19937 random(3);
      std::string blob(200'000, '\0');  // cannot be compressed
      for (char& c : blob) c = static_cast<char>(random());
      const std::string request = RequestOf({IdOf(0), is_split ? IdOf(1) : IdOf(0)}, blob);
      const RefuseReason reason = is_split ? RefuseReason::kOverload : RefuseReason::kTransient;
      const std::uint64_t refused = RefusedFor(ledger_.spans, reason);
      // Room for the request but not for a copy of it, whatever the account has in reserve.
      budget_.SetLimit(4 * request.size());
      MemoryAccount others(budget_);
      ASSERT_TRUE(others.TryCharge(3 * request.size() - 100'000));
      const Verdict verdict = Await(request);
      others.Release(others.charged());
      EXPECT_EQ(verdict.code, GrpcCode::kUnavailable);
      EXPECT_TRUE(verdict.retry_delay.has_value());
      EXPECT_EQ(RefusedFor(ledger_.spans, reason), refused + 2);
      EXPECT_EQ(memory_.charged(), 0u);
      EXPECT_EQ(RequestsAtBackends(), 0u);
      budget_.SetLimit(std::size_t{256} << 20);
      EXPECT_EQ(Await(request).code, GrpcCode::kOk);
      TearDownRouter();
      RunTurns();
    }
  }
}

// Scenario: the memory budget holds the request but could never hold its shards beside it.
// Guarantees: it is refused for good, as too large: the client need not come back for ever.
TEST_F(ForwarderTest, WhatCanNeverFitIsRefusedForGood) {
  SetUpRouter(2);
  const std::string request = RequestOf({IdOf(0), IdOf(1)}, std::string(200'000, 'r'));
  budget_.SetLimit(request.size() + 100'000);
  const Verdict verdict = Await(request);
  EXPECT_EQ(verdict.code, GrpcCode::kResourceExhausted);
  EXPECT_FALSE(verdict.retry_delay.has_value());
  EXPECT_NE(verdict.message.find("spanring.memory.limit"), std::string::npos) << verdict.message;
  EXPECT_EQ(RejectedFor(ledger_.spans, RejectReason::kTooLarge), 2u);
  EXPECT_EQ(RequestsAtBackends(), 0u);
}

// Scenario: a 256 KiB resource with spans for each of 20 backends, of which each needs its own
// copy; then the same with 10 backends.
// Guarantees: A-19: 20-fold growth is refused for good, before anything is allocated or sent;
// 10-fold is served.
TEST_F(ForwarderTest, GrowthOverItsBackendsIsBounded) {
  for (const std::size_t count : {20u, 10u}) {
    SetUpRouter(count, {});
    std::vector<std::string> ids;
    for (std::size_t owner = 0; owner < count; ++owner) ids.push_back(IdOf(owner));
    const std::string request = RequestOf(ids, std::string(256 * 1024, 'r'));
    const Verdict verdict = Await(request);
    if (count == 10) {
      EXPECT_EQ(verdict.code, GrpcCode::kOk);
      EXPECT_EQ(RequestsAtBackends(), count);
    } else {
      EXPECT_EQ(verdict.code, GrpcCode::kResourceExhausted);
      EXPECT_FALSE(verdict.retry_delay.has_value());
      EXPECT_EQ(RequestsAtBackends(), 0u);
      EXPECT_EQ(RejectedFor(ledger_.spans, RejectReason::kTooLarge), count);
    }
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: a small request that grows more than 16-fold, below the floor.
// Guarantees: A-19: below kEgressRatioFloorBytes no ratio is looked at.
TEST_F(ForwarderTest, SmallRequestsMayGrow) {
  SetUpRouter(20);
  std::vector<std::string> ids;
  for (std::size_t owner = 0; owner < 20; ++owner) ids.push_back(IdOf(owner));
  EXPECT_EQ(Await(RequestOf(ids, std::string(40 * 1024, 'r'))).code, GrpcCode::kOk);
}

// ---- what the backends answer ------------------------------------------------------------------

// Scenario: one of two backends answers INVALID_ARGUMENT, the other OK.
// Guarantees: GS-08, FM-10: OK with as many rejected spans as that shard had; one attempt.
TEST_F(ForwarderTest, APermanentRefusalOfOneShardIsPartialSuccess) {
  SetUpRouter(2);
  backends_[0]->AnswerBy(Status(GrpcCode::kInvalidArgument));
  const Verdict verdict = Await(RequestOf({IdOf(0), IdOf(0, 1), IdOf(1)}));
  EXPECT_EQ(verdict.code, GrpcCode::kOk);
  EXPECT_EQ(verdict.partial, (PartialSuccess{.rejected_spans = 2, .message = "said so"}));
  EXPECT_EQ(backends_[0]->requests().size(), 1u);
  EXPECT_EQ(RejectedFor(ledger_.spans, RejectReason::kBackend, GrpcCode::kInvalidArgument), 2u);
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
  EXPECT_EQ(ledger_.requests.forwarded.Value(), 1u);
}

// Scenario: both backends answer with partial_success, one of them claiming more than it was given.
// Guarantees: FM-11, I3: the sum, no shard counted beyond its spans, both messages; never sent
// again (GC-06).
TEST_F(ForwarderTest, PartialSuccessesAddUp) {
  SetUpRouter(2);
  backends_[0]->AnswerBy(Partial(1, "one"));
  backends_[1]->AnswerBy(Partial(99, "all"));
  const Verdict verdict = Await(RequestOf({IdOf(0), IdOf(0, 1), IdOf(1), IdOf(1, 1)}));
  EXPECT_EQ(verdict.code, GrpcCode::kOk);
  EXPECT_EQ(verdict.partial.rejected_spans, 3);
  EXPECT_THAT(verdict.partial.message, testing::AllOf(HasSubstr("one"), HasSubstr("all")));
  EXPECT_EQ(RequestsAtBackends(), 2u);
  EXPECT_EQ(RejectedFor(ledger_.spans, RejectReason::kPartialSuccess), 3u);
}

// Scenario: a backend takes everything and sends a warning.
// Guarantees: GS-10: OK with the warning and no rejected span.
TEST_F(ForwarderTest, WarningsReachTheClient) {
  SetUpRouter(1);
  backends_[0]->AnswerBy(Partial(0, "clock is off"));
  EXPECT_EQ(Await(RequestOf({IdOf(0)})).partial,
            (PartialSuccess{.rejected_spans = 0, .message = "clock is off"}));
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
}

// Scenario: one backend answers UNAVAILABLE with RetryInfo 3 s, one INVALID_ARGUMENT, one OK.
// Guarantees: UNAVAILABLE + 3 s, no partial_success; the accepted span is forwarded, the others
// refused.
TEST_F(ForwarderTest, ATransientFailureDecidesForAll) {
  SetUpRouter(3);
  backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable, milliseconds(3000)));
  backends_[1]->AnswerBy(Status(GrpcCode::kInvalidArgument));
  const Verdict verdict = Await(RequestOf({IdOf(0), IdOf(1), IdOf(2)}), milliseconds(2500));
  EXPECT_EQ(verdict.code, GrpcCode::kUnavailable);
  EXPECT_EQ(verdict.retry_delay, milliseconds(3000));
  EXPECT_EQ(verdict.partial, PartialSuccess{});
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
  EXPECT_EQ(RefusedFor(ledger_.spans, RefuseReason::kTransient), 2u);
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kTransient), 1u);
}

// Scenario: one backend answers with each code of gRPC in turn.
// Guarantees: GC-09, GC-10, GS-23: retryable codes become UNAVAILABLE + RetryInfo, all others are
// told as they are, without RetryInfo.
TEST_F(ForwarderTest, EveryCodeOfASoleBackend) {
  SetUpRouter(1);
  const std::set<GrpcCode> retryable = {GrpcCode::kCancelled,   GrpcCode::kDeadlineExceeded,
                                        GrpcCode::kAborted,     GrpcCode::kOutOfRange,
                                        GrpcCode::kUnavailable, GrpcCode::kDataLoss};
  for (int value = 1; value < kGrpcCodeCount; ++value) {
    const auto code = static_cast<GrpcCode>(value);
    SCOPED_TRACE(GrpcCodeName(code));
    backends_[0]->AnswerBy(Status(code));
    const std::size_t before = backends_[0]->requests().size();
    const Verdict verdict = Await(RequestOf({IdOf(0)}), milliseconds(200));
    EXPECT_EQ(verdict.code, retryable.contains(code) ? GrpcCode::kUnavailable : code);
    EXPECT_EQ(verdict.retry_delay.has_value(), retryable.contains(code));
    const std::size_t attempts = backends_[0]->requests().size() - before;
    EXPECT_TRUE(retryable.contains(code) ? attempts >= 2 : attempts == 1) << attempts;
  }
}

// Scenario: RESOURCE_EXHAUSTED with a RetryInfo of 2 s, and of 0.
// Guarantees: GC-10: the client is told to come back, at its time; counted throttled.
TEST_F(ForwarderTest, ThrottlingIsPassedOn) {
  for (const int delay : {2000, 0}) {
    SetUpRouter(1);
    backends_[0]->AnswerBy(Status(GrpcCode::kResourceExhausted, milliseconds(delay)));
    const Verdict verdict = Await(RequestOf({IdOf(0)}), milliseconds(200));
    TearDownRouter();
    EXPECT_EQ(verdict.code, GrpcCode::kUnavailable);
    EXPECT_EQ(verdict.retry_delay, milliseconds(std::max(delay, 1)));
  }
  EXPECT_EQ(RefusedFor(ledger_.spans, RefuseReason::kThrottled), 2u);
}

// Scenario: the backend's connection dies while the request is there.
// Guarantees: FM-13: it may have been taken or not, so it is sent again; exactly one verdict.
TEST_F(ForwarderTest, ALostConnectionIsTransient) {
  SetUpRouter(1);
  backends_[0]->Hold();
  RecordingSink sink;
  Export(RequestOf({IdOf(0)}), sink);
  ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 1; }));
  backends_[0]->AnswerOk();
  backends_[0]->DropConnections();
  ASSERT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
  EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kOk);
  EXPECT_EQ(backends_[0]->requests().size(), 2u);
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
}

// Scenario: 50 requests of three shards each are answered in a random order of shards, seed 11.
// Guarantees: GS-18: each gets its own verdict, once.
TEST_F(ForwarderTest, AnswersMayComeInAnyOrder) {
  SetUpRouter(3);
  for (const auto& backend : backends_) backend->Hold();
  std::vector<RecordingSink> sinks(50);
  for (RecordingSink& sink : sinks) Export(RequestOf({IdOf(0), IdOf(1), IdOf(2)}), sink);
  ASSERT_TRUE(RunUntil([&] { return RequestsAtBackends() == 150; }));
  EXPECT_EQ(forwarder_->calls_in_flight(), 50u);
  EXPECT_EQ(ledger_.spans.in_flight.Value(), 150u);
  for (const std::size_t b : {2u, 0u, 1u}) {
    for (const RecordingSink& sink : sinks) EXPECT_TRUE(sink.verdicts.empty());
    backends_[b]->Release([](ServerStream& stream) { stream.RespondMessage(""); });
    RunTurns(50);
  }
  ASSERT_TRUE(RunUntil([&] { return forwarder_->calls_in_flight() == 0; }));
  for (const RecordingSink& sink : sinks) {
    ASSERT_EQ(sink.verdicts.size(), 1u);
    EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kOk);
  }
}

// ---- ends --------------------------------------------------------------------------------------

// Scenario: a backend stays silent beyond the request's deadline of 100 ms.
// Guarantees: P-14: DEADLINE_EXCEEDED not before the deadline and at most 50 ms after it, and the
// backend's stream is reset; the shard that was answered in time is forwarded.
TEST_F(ForwarderTest, TheDeadlineIsKeptAndStopsTheWork) {
  SetUpRouter(2);
  backends_[0]->Hold();
  // The machine may stall this test; a late loop is not the forwarder's fault: the best of some
  // tries counts.
  Duration best = Duration::max();
  for (int attempt = 0; attempt < 10 && best > milliseconds(50); ++attempt) {
    const TimePoint deadline = Clock::now() + milliseconds(100);
    const Verdict verdict = Await(RequestOf({IdOf(0), IdOf(1)}), milliseconds(100));
    const Duration late = Clock::now() - deadline;
    EXPECT_EQ(verdict.code, GrpcCode::kDeadlineExceeded);
    EXPECT_THAT(verdict.message, HasSubstr("did not answer in time"));
    EXPECT_GE(late, Duration::zero());
    best = std::min(best, late);
    ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 0; })) << "the stream is not reset";
  }
  EXPECT_LE(best, milliseconds(50));
  EXPECT_EQ(backends_[0]->resets(), backends_[0]->requests().size());
  EXPECT_EQ(RefusedFor(ledger_.spans, RefuseReason::kDeadline), ledger_.spans.forwarded.Value());
  EXPECT_EQ(pool_->Find("127.0.0.1:" + std::to_string(backends_[0]->address().port()))
                ->metrics()
                ->attempts[static_cast<std::size_t>(AttemptOutcome::kTimeout)]
                .Value(),
            backends_[0]->requests().size());
}

// Scenario: the attempt timeout is shorter than the request's deadline; the other way round.
// Guarantees: the shorter one is told to the backend as grpc-timeout and ends the attempt.
TEST_F(ForwarderTest, TheShorterOfAttemptTimeoutAndDeadlineCounts) {
  SetUpRouter(1, {.attempt_timeout = milliseconds(100)});
  backends_[0]->Hold();
  EXPECT_EQ(Await(RequestOf({IdOf(0)}), milliseconds(110)).code, GrpcCode::kDeadlineExceeded);
  EXPECT_EQ(Await(RequestOf({IdOf(0)}), milliseconds(50)).code, GrpcCode::kDeadlineExceeded);
  ASSERT_EQ(backends_[0]->requests().size(), 2u);
  const auto told_ms = [&](std::size_t i) {
    return std::stoi(backends_[0]->requests()[i].headers.at("grpc-timeout"));
  };
  EXPECT_LE(told_ms(0), 100);
  EXPECT_LE(told_ms(1), 50);
}

// Scenario: the client goes away while its request waits for a connection that is not there yet.
// Guarantees: P-15, FM-17: nothing is sent, all is released at once, the spans are counted
// cancelled.
TEST_F(ForwarderTest, CancelBeforeDispatchSendsNothing) {
  backend_options_.in_flight_max = 1;
  SetUpRouter(1, {.compression = Compression::kNone});
  backends_[0]->Hold();
  RecordingSink first;
  Export(RequestOf({IdOf(0)}), first);
  RecordingSink second;
  ExportCall* call = Export(RequestOf({IdOf(0), IdOf(0, 1)}), second);
  ASSERT_NE(call, nullptr);
  ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 1; }));
  const std::size_t charged = memory_.charged();
  forwarder_->Cancel(*call);
  EXPECT_EQ(forwarder_->calls_in_flight(), 1u);
  EXPECT_LT(memory_.charged(), charged);
  EXPECT_EQ(ledger_.spans.cancelled.Value(), 2u);
  EXPECT_EQ(ledger_.requests.cancelled.Value(), 1u);
  backends_[0]->Release([](ServerStream& stream) { stream.RespondMessage(""); });
  ASSERT_TRUE(RunUntil([&] { return !first.verdicts.empty(); }));
  RunTurns();
  EXPECT_EQ(backends_[0]->requests().size(), 1u);
  EXPECT_TRUE(second.verdicts.empty());
}

// Scenario: the client goes away after both shards were sent; then one backend takes its shard and
// one refuses.
// Guarantees: FM-17: the shards finish, the sink hears nothing; accepted is forwarded, the rest
// cancelled.
TEST_F(ForwarderTest, CancelAfterDispatchLetsShardsFinish) {
  SetUpRouter(2);
  for (const auto& backend : backends_) backend->Hold();
  RecordingSink sink;
  ExportCall* call = Export(RequestOf({IdOf(0), IdOf(1), IdOf(1, 1)}), sink);
  ASSERT_TRUE(RunUntil([&] { return RequestsAtBackends() == 2; }));
  forwarder_->Cancel(*call);
  EXPECT_EQ(forwarder_->calls_in_flight(), 1u);
  backends_[0]->Release([](ServerStream& stream) { stream.RespondMessage(""); });
  backends_[1]->Release(Status(GrpcCode::kInvalidArgument));
  ASSERT_TRUE(RunUntil([&] { return forwarder_->calls_in_flight() == 0; }));
  EXPECT_TRUE(sink.verdicts.empty());
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
  EXPECT_EQ(ledger_.spans.cancelled.Value(), 2u);
  EXPECT_EQ(ledger_.requests.cancelled.Value(), 1u);
  EXPECT_EQ(backends_[0]->resets() + backends_[1]->resets(), 0u);
}

// Scenario: the client goes away after dispatch and the backend never answers.
// Guarantees: FM-17: the request's deadline ends it; the spans are cancelled, not refused.
TEST_F(ForwarderTest, ACancelledCallStillEndsAtItsDeadline) {
  SetUpRouter(1);
  backends_[0]->Hold();
  RecordingSink sink;
  ExportCall* call = Export(RequestOf({IdOf(0)}), sink, milliseconds(200));
  ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 1; }));
  forwarder_->Cancel(*call);
  ASSERT_TRUE(RunUntil([&] { return forwarder_->calls_in_flight() == 0; }));
  EXPECT_TRUE(sink.verdicts.empty());
  EXPECT_EQ(ledger_.spans.cancelled.Value(), 1u);
  EXPECT_TRUE(RunUntil([&] { return backends_[0]->resets() == 1; }));
}

// Scenario: the client goes away; then the backend proves by a reset that it did not process the
// request.
// Guarantees: FM-17: nobody waits for it, so it is not sent a second time.
TEST_F(ForwarderTest, ACancelledCallIsNotSentAgain) {
  SetUpRouter(1);
  backends_[0]->Hold();
  RecordingSink sink;
  ExportCall* call = Export(RequestOf({IdOf(0)}), sink);
  ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 1; }));
  forwarder_->Cancel(*call);
  backends_[0]->DropConnections();
  ASSERT_TRUE(RunUntil([&] { return forwarder_->calls_in_flight() == 0; }));
  RunTurns();
  EXPECT_EQ(backends_[0]->requests().size(), 1u);
}

// Scenario: the routes change while a request is at a backend that is no longer on the ring.
// Guarantees: FM-27: the request keeps the routes it began with and ends well.
TEST_F(ForwarderTest, ARequestKeepsItsRoutesToItsEnd) {
  SetUpRouter(2);
  backends_[0]->Hold();
  RecordingSink sink;
  Export(RequestOf({IdOf(0), IdOf(1)}), sink);
  ASSERT_TRUE(RunUntil([&] { return RequestsAtBackends() == 2; }));
  auto without = std::make_shared<RoutingTable>();
  routes_ = BindRoutes(std::move(without), *pool_);
  forwarder_->SetRoutes(routes_);
  RunTurns(50);
  backends_[0]->Release([](ServerStream& stream) { stream.RespondMessage(""); });
  ASSERT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
  EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kOk);
}

}  // namespace
}  // namespace router::test
