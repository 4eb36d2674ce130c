// A shard that fails for now is sent again: alone, in time, with respect for what the backend asked
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/forward/forward_fixture.h"
#include "tests/otlp/oracle.h"

namespace router::test {
namespace {

class ResendTest : public ForwardTest {
 protected:
  // `failing` answers first, then OK.
  static FakeBackend::Answer First(int times, FakeBackend::Answer failing) {
    return
        [=](ServerStream& stream) mutable { times-- > 0 ? failing(stream) : AnswerWithOk(stream); };
  }
  // Refuses what is larger than `limit` as gRPC servers do.
  void RefuseOver(std::size_t limit) {
    FakeBackend& backend = *backends_[0];
    backend.AnswerBy([&backend, limit](ServerStream& stream) {
      const bool fits = backend.requests().back().message.size() <= limit;
      fits ? AnswerWithOk(stream)
           : Status(GrpcCode::kResourceExhausted, std::nullopt,
                    "received message larger than max")(stream);
    });
  }
  std::uint64_t Retries(std::size_t i) const { return BackendAt(i).metrics()->retries.Value(); }
};

// Scenario: one of three backends answers UNAVAILABLE twice and then OK, plain and compressed.
// Guarantees: O4, GC-08: only its shard is sent again, the same bytes, until it is taken; the
// client hears OK.
TEST_F(ResendTest, OnlyTheFailedShardIsSentAgain) {
  for (const bool compress : {false, true}) {
    SetUpRouter(3, {.compression = compress ? Compression::kGzip : Compression::kNone});
    backends_[0]->AnswerBy(First(2, Status(GrpcCode::kUnavailable)));
    EXPECT_EQ(Await(RequestOf({IdOf(0), IdOf(1), IdOf(2)})).code, GrpcCode::kOk);
    const auto& requests = backends_[0]->requests();
    ASSERT_EQ(requests.size(), 3u);
    EXPECT_EQ(requests[1].message, requests[0].message);
    EXPECT_EQ(requests[2].message, requests[0].message);
    EXPECT_EQ(RequestsAtBackends(), 5u);
    EXPECT_EQ(Retries(0), 2u);
    EXPECT_EQ(Retries(1), 0u);
    TearDownRouter();
    RunTurns();
  }
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 6u);
}

// Scenario: a backend asks for 300 ms; a second request for it and for another backend comes
// meanwhile.
// Guarantees: GC-12, FM-08: nothing at all is sent to it in that time; the other backend does
// not wait.
TEST_F(ResendTest, RetryInfoHoldsTheBackendFm08) {
  constexpr milliseconds kAsked(300);
  SetUpRouter(2);
  for (const GrpcCode code : {GrpcCode::kResourceExhausted, GrpcCode::kUnavailable}) {
    const std::size_t before = backends_[0]->requests().size();
    const std::size_t others = backends_[1]->requests().size();
    TimePoint told;
    const auto refuse = Status(code, kAsked);
    backends_[0]->AnswerBy(First(1, [&, refuse](ServerStream& stream) {
      told = Clock::now();
      refuse(stream);
    }));
    RecordingSink first;
    RecordingSink second;
    Export(RequestOf({IdOf(0)}), first);
    ASSERT_TRUE(
        RunUntil([&] { return ledger_.spans.in_flight.Value() == 1 && told != TimePoint(); }));
    ASSERT_TRUE(RunUntil([&] { return BackendAt(0).metrics()->in_flight.Value() == 0; }));
    Export(RequestOf({IdOf(0), IdOf(1)}), second);
    ASSERT_TRUE(RunUntil([&] { return backends_[1]->requests().size() == others + 1; }));
    EXPECT_LT(Clock::now() - told, kAsked) << "the other backend waits too";
    ASSERT_TRUE(RunUntil([&] { return !first.verdicts.empty() && !second.verdicts.empty(); }));
    ASSERT_EQ(backends_[0]->requests().size(), before + 3);
    for (std::size_t i = before + 1; i < before + 3; ++i) {
      EXPECT_GE(backends_[0]->requests()[i].arrived - told, kAsked);
    }
    EXPECT_EQ(first.verdicts[0].code, GrpcCode::kOk);
    EXPECT_EQ(second.verdicts[0].code, GrpcCode::kOk);
  }
}

// Scenario: a backend asks for 5 s of a request with 2 s; then another request comes.
// Guarantees: FM-08, GS-12: the client is told at once, with that delay; the next is told too, and
// nothing is sent.
TEST_F(ResendTest, WhatTheDeadlineCannotHoldIsToldAtOnce) {
  SetUpRouter(1);
  backends_[0]->AnswerBy(Status(GrpcCode::kResourceExhausted, milliseconds(5000)));
  const TimePoint start = Clock::now();
  for (int i = 0; i < 2; ++i) {
    const Verdict verdict = Await(RequestOf({IdOf(0)}), milliseconds(2000));
    EXPECT_EQ(verdict.code, GrpcCode::kUnavailable);
    ASSERT_TRUE(verdict.retry_delay.has_value());
    EXPECT_GT(*verdict.retry_delay, milliseconds(3000));
    EXPECT_LE(*verdict.retry_delay, milliseconds(5000));
  }
  EXPECT_LT(Clock::now() - start, milliseconds(1500));
  EXPECT_EQ(backends_[0]->requests().size(), 1u);
  EXPECT_EQ(RefusedFor(ledger_.spans, RefuseReason::kThrottled), 2u);
}

// Scenario: the connection dies while two requests are there.
// Guarantees: FM-13: both may have been taken, are sent again, and are counted as retries.
TEST_F(ResendTest, ALostConnectionIsRetriedAndCountedFm13) {
  SetUpRouter(1);
  backends_[0]->Hold();
  std::vector<RecordingSink> sinks(2);
  for (RecordingSink& sink : sinks) Export(RequestOf({IdOf(0)}), sink);
  ASSERT_TRUE(RunUntil([&] { return backends_[0]->held() == 2; }));
  backends_[0]->AnswerOk();
  backends_[0]->DropConnections();
  for (RecordingSink& sink : sinks) {
    ASSERT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
    EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kOk);
  }
  EXPECT_EQ(backends_[0]->requests().size(), 4u);
  EXPECT_GE(Retries(0), 2u);
}

// Scenario: a backend that only says UNAVAILABLE, and one that never answers; a request has 500 ms.
// Guarantees: P-14: the verdict comes by then, after at least two attempts, each told no more time
// than was left.
TEST_F(ResendTest, TheDeadlineHoldsAllAttemptsP14) {
  for (const bool is_silent : {false, true}) {
    SetUpRouter(1);
    is_silent ? backends_[0]->Hold() : backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable));
    const TimePoint start = Clock::now();
    const Verdict verdict = Await(RequestOf({IdOf(0)}), milliseconds(500));
    EXPECT_EQ(verdict.code, is_silent ? GrpcCode::kDeadlineExceeded : GrpcCode::kUnavailable);
    EXPECT_LT(Clock::now() - start, milliseconds(700));
    EXPECT_GE(backends_[0]->requests().size(), 2u);
    EXPECT_LE(backends_[0]->requests().size(), 25u);
    for (const FakeBackend::Request& request : backends_[0]->requests()) {
      const milliseconds told(std::stoi(request.headers.at("grpc-timeout")));
      EXPECT_LE(request.arrived + told, start + milliseconds(530));
    }
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: a backend says UNAVAILABLE and asks for 300 ms; the next attempt, with less than 200 ms
// left, is not answered before the request's time is up.
// Guarantees: GC-10: what it said is what the client is told: try again, and when.
TEST_F(ResendTest, AnAttemptCutShortDoesNotHideTheAnswerBeforeIt) {
  SetUpRouter(1);
  backends_[0]->AnswerBy([attempts = 0](ServerStream& stream) mutable {
    if (attempts++ == 0) Status(GrpcCode::kUnavailable, milliseconds(300))(stream);
  });
  const Verdict verdict = Await(RequestOf({IdOf(0)}), milliseconds(450));
  EXPECT_EQ(backends_[0]->requests().size(), 2u);
  EXPECT_EQ(verdict.code, GrpcCode::kUnavailable) << verdict.message;
  EXPECT_EQ(verdict.retry_delay, milliseconds(300));
}

// Scenario: the client goes away while its shard pauses for 200 ms.
// Guarantees: FM-17: it ends at once, and nothing is sent afterwards.
TEST_F(ResendTest, CancelInAPauseEndsAtOnceFm17) {
  SetUpRouter(2);
  backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable, milliseconds(200)));
  RecordingSink sink;
  ExportCall* call = Export(RequestOf({IdOf(0), IdOf(1)}), sink);
  ASSERT_TRUE(RunUntil([&] {
    return RequestsAtBackends() == 2 && BackendAt(0).metrics()->in_flight.Value() == 0 &&
           BackendAt(1).metrics()->in_flight.Value() == 0;
  }));
  EXPECT_EQ(forwarder_->calls_in_flight(), 1u);
  forwarder_->Cancel(*call);
  EXPECT_EQ(forwarder_->calls_in_flight(), 0u);
  const TimePoint until = Clock::now() + milliseconds(350);
  RunUntil([&] { return Clock::now() > until; });
  EXPECT_EQ(RequestsAtBackends(), 2u);
  EXPECT_TRUE(sink.verdicts.empty());
  EXPECT_EQ(ledger_.spans.cancelled.Value(), 1u);
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
}

// Scenario: a backend refuses messages over 20 KiB; a request of 64 spans of 1 KiB, and with it one
// of 30 KiB.
// Guarantees: FM-09: halved until it fits; each span is taken once; the one that never fits is
// rejected, once.
TEST_F(ResendTest, WhatIsTooLargeIsHalvedUntilItFitsFm09) {
  for (const bool compress : {false, true}) {
    SetUpRouter(1, {.compression = compress ? Compression::kGzip : Compression::kNone});
    RefuseOver(20 * 1024);
    std::string spans = Field(1, Field(1, "scope"));
    for (int i = 0; i < 65; ++i) {
      const std::size_t size = i == 40 ? 30 * 1024 : 1024;
      spans += Field(2, Field(1, IdOf(0)) + Field(5, std::to_string(i) + std::string(size, 'n')));
    }
    const std::uint64_t forwarded = ledger_.spans.forwarded.Value();
    const Verdict verdict = Await(Field(1, Field(2, spans)));
    EXPECT_EQ(verdict.code, GrpcCode::kOk);
    EXPECT_EQ(verdict.partial.rejected_spans, 1);
    EXPECT_EQ(ledger_.spans.forwarded.Value() - forwarded, 64u);
    Flattened taken;
    std::set<std::string> refused;
    for (const FakeBackend::Request& request : backends_[0]->requests()) {
      Flattened part;
      ASSERT_TRUE(Flatten(request.message, &part));
      if (request.message.size() <= 20 * 1024) {
        taken.Add(part);
      } else {
        EXPECT_TRUE(refused.insert(request.message).second) << "the same bytes again";
      }
    }
    EXPECT_EQ(taken.spans.size(), 64u);
    EXPECT_EQ(std::set<std::string>(taken.spans.begin(), taken.spans.end()).size(), 64u);
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: two small spans and 64 KiB of an unknown field of the request, which no cut makes
// smaller.
// Guarantees: FM-09: the same bytes are not sent for ever; spans that went out alone are taken.
TEST_F(ResendTest, WhatCannotBeHalvedEndsFm09) {
  SetUpRouter(1);
  RefuseOver(20 * 1024);
  const std::string request =
      RequestOf({IdOf(0), IdOf(0, 1)}) + Field(900, std::string(64 * 1024, 'u'));
  const Verdict verdict = Await(request, milliseconds(1000));
  EXPECT_LE(RequestsAtBackends(), 4u);
  EXPECT_TRUE(verdict.code == GrpcCode::kOk || verdict.code == GrpcCode::kResourceExhausted);
}

// Scenario: a backend refuses messages over 20 KiB; 40 small spans share a resource of 64 KiB, so
// halving would send it 40 times, more than 16-fold.
// Guarantees: GS-23: the backend's refusal is final and told at once; the client need not come
// back.
TEST_F(ResendTest, WhatMayNotBeHalvedIsRefusedForGood) {
  SetUpRouter(1);
  RefuseOver(20 * 1024);
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(IdOf(0, i));
  const Verdict verdict = Await(RequestOf(ids, std::string(64 * 1024, 'r')));
  EXPECT_EQ(verdict.code, GrpcCode::kResourceExhausted);
  EXPECT_FALSE(verdict.retry_delay.has_value());
  EXPECT_EQ(RequestsAtBackends(), 1u);
}

// Scenario: a backend on tonic, which refuses large messages with OUT_OF_RANGE, a code that is
// otherwise worth another attempt; a request over its limit, and one span over its limit.
// Guarantees: FM-09: it is halved; what cannot be is refused for good after one attempt.
TEST_F(ResendTest, WhatIsTooLargeForTonicIsHalvedFm09) {
  SetUpRouter(1);
  FakeBackend& backend = *backends_[0];
  backend.AnswerBy([&backend](ServerStream& stream) {
    const std::size_t size = backend.requests().back().message.size();
    size <= 2048 ? AnswerWithOk(stream)
                 : Status(GrpcCode::kOutOfRange, std::nullopt,
                          "Error, decoded message length too large: found " + std::to_string(size) +
                              " bytes, the limit is: 2048 bytes")(stream);
  });
  EXPECT_EQ(Await(RequestOf({IdOf(0), IdOf(0, 1)}, std::string(1500, 'r'))).code, GrpcCode::kOk);
  std::vector<std::string> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(IdOf(0, i));
  EXPECT_EQ(Await(RequestOf(ids)).code, GrpcCode::kOk);
  const std::size_t before = RequestsAtBackends();
  const Verdict verdict = Await(RequestOf({IdOf(0)}, std::string(4096, 'r')));
  EXPECT_EQ(verdict.code, GrpcCode::kOutOfRange);
  EXPECT_FALSE(verdict.retry_delay.has_value());
  EXPECT_EQ(RequestsAtBackends(), before + 1);
}

// Scenario: a backend takes 900 ms for every answer; a request has 2 s, of which the first attempt
// gets 800 ms.
// Guarantees: the second gets more than the first had, so the client hears OK after two deliveries.
// (It used to get less each time: six copies at the backend, and DEADLINE_EXCEEDED.)
TEST_F(ResendTest, ABackendThatIsSlowerThanTheFirstAttemptIsWaitedFor) {
  SetUpRouter(1);
  boost::asio::steady_timer timer(loop_.io());
  backends_[0]->AnswerBy([&](ServerStream& stream) {
    // The first is reset before its time.
    timer.expires_after(milliseconds(900));
    timer.async_wait([&stream](const boost::system::error_code& error) {
      if (!error) AnswerWithOk(stream);
    });
  });
  EXPECT_EQ(Await(RequestOf({IdOf(0)}), milliseconds(2000)).code, GrpcCode::kOk);
  EXPECT_EQ(RequestsAtBackends(), 2u);
}

}  // namespace
}  // namespace router::test
