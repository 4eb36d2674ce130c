// A client sends a request again of which a part was delivered: that part is not sent twice (FM-18,
// O7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/forward/forward_fixture.h"
#include "tests/otlp/oracle.h"

namespace router::test {
namespace {

class SuppressionTest : public ForwardTest {
 protected:
  // How often the span of `id` has arrived at backends_[i].
  int Arrivals(std::size_t i, const std::string& id) const {
    int count = 0;
    for (const FakeBackend::Request& request : backends_[i]->requests()) {
      count += request.message.find(id) != std::string::npos ? 1 : 0;
    }
    return count;
  }
};

// Scenario: one backend takes its shard, the other is out of order; the client sends the same bytes
// again, then in another order with a new span, then the ring has changed.
// Guarantees: FM-18, I4: only what was not acknowledged is sent; wherever it would go now.
TEST_F(SuppressionTest, OnlyWhatWasNotAcknowledgedIsSentAgainFm18) {
  for (const bool compress : {false, true}) {
    SetUpRouter(3, {.compression = compress ? Compression::kGzip : Compression::kNone});
    const std::vector<std::string> ids = {IdOf(0), IdOf(1), IdOf(1, 1), IdOf(2)};
    const std::uint64_t suppressed = ledger_.spans.suppressed.Value();
    backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable));
    EXPECT_EQ(Await(RequestOf(ids), milliseconds(200)).code, GrpcCode::kUnavailable);
    EXPECT_EQ(Await(RequestOf(ids), milliseconds(200)).code, GrpcCode::kUnavailable);
    EXPECT_EQ(ledger_.spans.suppressed.Value() - suppressed, 3u);
    SetRing({endpoints_[0], endpoints_[2]});
    backends_[0]->AnswerOk();
    const std::string fresh = IdOf(1, 7);
    const Verdict verdict = Await(RequestOf({ids[3], fresh, ids[2], ids[0], ids[1]}));
    EXPECT_EQ(verdict.code, GrpcCode::kOk);
    EXPECT_TRUE(verdict.partial.IsFullSuccess());
    EXPECT_EQ(ledger_.spans.suppressed.Value() - suppressed, 6u);
    for (const std::size_t i : {0u, 2u}) {
      EXPECT_EQ(Arrivals(i, ids[1]) + Arrivals(i, ids[2]), 0);
    }
    EXPECT_EQ(Arrivals(1, ids[1]), 1);
    EXPECT_EQ(Arrivals(2, ids[3]), 1);
    EXPECT_EQ(Arrivals(0, fresh) + Arrivals(2, fresh), 1);
    TearDownRouter();
    RunTurns();
  }
}

// Scenario: one shard has failed for good before the other, the last one, is taken.
// Guarantees: FM-18: that other is remembered too, whatever the order of the answers.
TEST_F(SuppressionTest, TheLastAnswerIsRememberedTooFm18) {
  SetUpRouter(2);
  backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable, milliseconds(400)));
  backends_[1]->Hold();
  RecordingSink sink;
  const std::string request = RequestOf({IdOf(0), IdOf(1)});
  Export(request, sink, milliseconds(400));
  ASSERT_TRUE(
      RunUntil([&] { return backends_[1]->held() == 1 && backends_[0]->requests().size() == 1; }));
  ASSERT_TRUE(RunUntil([&] { return BackendAt(0).metrics()->in_flight.Value() == 0; }));
  backends_[1]->Release(AnswerWithOk);
  ASSERT_TRUE(RunUntil([&] { return !sink.verdicts.empty(); }));
  EXPECT_EQ(sink.verdicts[0].code, GrpcCode::kUnavailable);
  for (const auto& backend : backends_) backend->AnswerOk();
  EXPECT_EQ(Await(request).code, GrpcCode::kOk);
  EXPECT_EQ(backends_[1]->requests().size(), 1u) << "sent twice";
  EXPECT_EQ(backends_[0]->requests().size(), 2u);
  EXPECT_EQ(ledger_.spans.suppressed.Value(), 1u);
}

// Scenario: a request is taken as a whole and comes again; one is taken in part and comes again.
// Guarantees: nothing is suppressed: only what a retryable answer has told to come back is a
// replay; nor what a backend took with a partial_success, of which nobody knows the refused spans.
TEST_F(SuppressionTest, NothingElseIsSuppressed) {
  SetUpRouter(2);
  const std::string request = RequestOf({IdOf(0), IdOf(1)});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Await(request).code, GrpcCode::kOk);
  EXPECT_EQ(RequestsAtBackends(), 4u);
  backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable));
  backends_[1]->AnswerBy(Partial(1, "one"));
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(Await(request, milliseconds(200)).code, GrpcCode::kUnavailable);
  EXPECT_EQ(backends_[1]->requests().size(), 4u);
  EXPECT_EQ(ledger_.spans.suppressed.Value(), 0u);
}

// Scenario: of a request that comes again one span was delivered before, the other is refused for
// good now; then both were delivered.
// Guarantees: I3: the client hears of one refused span and not that all are lost; then full
// success, nothing sent.
TEST_F(SuppressionTest, SuppressedSpansCountAsTakenInTheVerdict) {
  SetUpRouter(2);
  const std::string request = RequestOf({IdOf(0), IdOf(1)});
  backends_[0]->AnswerBy(Status(GrpcCode::kUnavailable));
  EXPECT_EQ(Await(request, milliseconds(200)).code, GrpcCode::kUnavailable);
  backends_[0]->AnswerBy(Status(GrpcCode::kInvalidArgument));
  const Verdict verdict = Await(request);
  EXPECT_EQ(verdict.code, GrpcCode::kOk);
  EXPECT_EQ(verdict.partial.rejected_spans, 1);
  const std::size_t before = RequestsAtBackends();
  EXPECT_TRUE(Await(RequestOf({IdOf(1)})).partial.IsFullSuccess());
  EXPECT_EQ(RequestsAtBackends(), before);
}

}  // namespace
}  // namespace router::test
