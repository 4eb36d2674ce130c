// What a client is told for what backends said (rules, section 8), one attempt per shard.
#include "tests/integration/router_test_fixture.h"
#include "tests/support/byte_buffer.h"

namespace router::test {
namespace {

class VerdictTest : public RouterTest {
 protected:
  // The router repeats what may pass until the time is up: a short one keeps the suite quick. Kept
  // by the router alone, so that the verdict is the router's.
  static CallResult Export(const ExportRequest& request) {
    return client().Export(request, {.metadata = {{"grpc-timeout", "1500m"}}});
  }
  static CallResult ExportOne() { return Export(RequestFor({TraceOf(0)}, 3)); }
  static void ExpectRetryable(const CallResult& result) {
    EXPECT_EQ(result.code(), grpc::UNAVAILABLE) << result.status.error_message();
    ASSERT_TRUE(result.retry_delay.has_value()) << "no RetryInfo";
    EXPECT_GT(*result.retry_delay, milliseconds(0));
    EXPECT_LE(*result.retry_delay, seconds(30));
  }
  static void ExpectFinal(const CallResult& result, int code) {
    EXPECT_EQ(result.code(), code) << result.status.error_message();
    EXPECT_EQ(result.retry_delay, std::nullopt);
    EXPECT_EQ(result.response, "");
  }
};

// Scenario: the only backend of a request answers each code that is final, and one that does not
// exist.
// Guarantees: the client is told that code (UNKNOWN for the unknown one), no RetryInfo, after
// one attempt.
TEST_F(VerdictTest, Gc08Gc09FinalCodesAreHandedOn) {
  std::uint64_t attempts = 0;
  for (const int code : {2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 99}) {
    backend(0).AlwaysAnswer({.code = code, .message = "scripted refusal"});
    ExpectFinal(ExportOne(), code == 99 ? 2 : code);
    EXPECT_EQ(backend(0).request_count(), ++attempts) << "code " << code;
  }
}

// Scenario: the only backend answers each code that may pass.
// Guarantees: UNAVAILABLE with RetryInfo, whatever the code was.
TEST_F(VerdictTest, Gc09TransientCodesBecomeUnavailable) {
  for (const int code : {1, 4, 10, 11, 14, 15}) {
    SCOPED_TRACE("code " + std::to_string(code));
    backend(0).AlwaysAnswer({.code = code, .message = "scripted"});
    ExpectRetryable(ExportOne());
  }
}

// Scenario: RESOURCE_EXHAUSTED with RetryInfo of 500 ms.
// Guarantees: retryable, and the delay is the backend's or a little more.
TEST_F(VerdictTest, Gc10ResourceExhaustedWithRetryInfoIsRetryable) {
  backend(0).AlwaysAnswer({.code = 8, .retry_delay = milliseconds(500)});
  const CallResult result = ExportOne();
  ASSERT_TRUE(result.retry_delay.has_value()) << result.status.error_message();
  EXPECT_TRUE(result.code() == grpc::UNAVAILABLE || result.code() == grpc::RESOURCE_EXHAUSTED);
  EXPECT_GE(*result.retry_delay, milliseconds(500));
  EXPECT_LE(*result.retry_delay, milliseconds(625));
}

// Scenario: RESOURCE_EXHAUSTED with a RetryInfo of zero.
// Guarantees: still retryable, never with a delay of zero (GS-16).
TEST_F(VerdictTest, Gc10RetryInfoOfZeroIsRetryableWithOwnDelay) {
  backend(0).AlwaysAnswer({.code = 8, .retry_delay = milliseconds(0)});
  const CallResult result = ExportOne();
  ASSERT_TRUE(result.retry_delay.has_value());
  EXPECT_GT(*result.retry_delay, milliseconds(0));
}

// Scenario: RetryInfo with a negative delay.
// Guarantees: no negative delay reaches the client.
TEST_F(VerdictTest, Gc10NegativeRetryDelayIsNotHandedOn) {
  backend(0).AlwaysAnswer({.code = 8, .retry_delay = milliseconds(-5000)});
  const CallResult result = ExportOne();
  EXPECT_NE(result.code(), 0);
  EXPECT_GE(result.retry_delay.value_or(milliseconds(0)), milliseconds(0));
}

// Scenario: status details that are noise, a wrong Any, or huge, with RESOURCE_EXHAUSTED.
// Guarantees: they count as absent: final, no crash.
TEST_F(VerdictTest, Gc13MalformedDetailsCountAsAbsent) {
  const std::string good = DetailsWithRetryInfo(8, "", seconds(2));
  for (const std::string& details : {std::string("noise"), std::string("\xff\xff\xff\xff"),
                                     good.substr(0, good.size() - 3), std::string(6000, '\x1a')}) {
    backend(0).AlwaysAnswer({.code = 8, .details = details});
    ExpectFinal(ExportOne(), 8);
  }
}

// Scenario: one of two backends took its part but for 2 spans, and says why.
// Guarantees: OK with rejected_spans 2 and that text; no second attempt (GC-06).
TEST_F(VerdictTest, Gs08PartialSuccessOfOneBackendIsHandedOn) {
  backend(1).AlwaysAnswer({.rejected_spans = 2, .warning = "two spans are from the future"});
  const CallResult result = client().Export(RequestFor({TraceOf(0), TraceOf(1)}, 5));
  EXPECT_EQ(result.code(), 0);
  const PartialAnswer partial = PartialOf(result);
  EXPECT_EQ(partial.rejected_spans, 2);
  EXPECT_NE(partial.message.find("two spans are from the future"), std::string::npos);
  EXPECT_EQ(RequestsAtBackends(), 2u);
}

// Scenario: three backends reject 1, 2 and 3 spans.
// Guarantees: FM-11: the client reads the sum.
TEST_F(VerdictTest, Fm11PartialSuccessesAreSummed) {
  for (std::size_t i = 0; i < 3; ++i) {
    backend(i).AlwaysAnswer(
        {.rejected_spans = static_cast<std::int64_t>(i) + 1, .warning = "no " + std::to_string(i)});
  }
  const PartialAnswer partial = PartialOf(client().Export(RequestFor(TraceOfEach(), 5)));
  EXPECT_EQ(partial.rejected_spans, 6);
  for (const char* text : {"no 0", "no 1", "no 2"}) {
    EXPECT_NE(partial.message.find(text), std::string::npos) << partial.message;
  }
}

// Scenario: a backend accepts everything and warns.
// Guarantees: partial_success with 0 rejected spans and the text; all spans count as forwarded.
TEST_F(VerdictTest, Gs10WarningIsHandedOn) {
  const double before = router().Spans().forwarded;
  backend(0).AlwaysAnswer({.warning = "this endpoint moves next week"});
  const CallResult result = ExportOne();
  EXPECT_EQ(result.code(), 0);
  const PartialAnswer partial = PartialOf(result);
  EXPECT_TRUE(partial.is_set);
  EXPECT_EQ(partial.rejected_spans, 0);
  EXPECT_NE(partial.message.find("moves next week"), std::string::npos);
  EXPECT_EQ(router().Spans().forwarded - before, 3);
}

// Scenario: one backend of four answers INVALID_ARGUMENT, the rest OK.
// Guarantees: FM-10, GS-08: OK, rejected_spans = that shard's spans, exactly one attempt.
TEST_F(VerdictTest, Gs08Fm10RefusedShardBecomesPartialSuccess) {
  const LedgerSample before = router().Spans();
  backend(2).AlwaysAnswer({.code = 3, .message = "poison"});
  const CallResult result = client().Export(RequestFor(TraceOfEach(), 7));
  EXPECT_EQ(result.code(), 0) << result.status.error_message();
  EXPECT_EQ(PartialOf(result).rejected_spans, 7);
  EXPECT_FALSE(PartialOf(result).message.empty());
  EXPECT_EQ(backend(2).request_count(), 1u);
  EXPECT_EQ(router().Spans().rejected - before.rejected, 7);
  EXPECT_EQ(router().Spans().forwarded - before.forwarded, 21);
}

// Scenario: every backend answers PERMISSION_DENIED.
// Guarantees: the client is told exactly that.
TEST_F(VerdictTest, AllShardsRefusedWithOneCodeGiveThatCode) {
  AllAnswer({.code = 7, .message = "not yours"});
  ExpectFinal(client().Export(RequestFor(TraceOfEach())), 7);
}

// Scenario: one backend refuses for good, one is unavailable, two accept.
// Guarantees: the transient failure decides: UNAVAILABLE with RetryInfo (GS-23: nothing final).
TEST_F(VerdictTest, OneTransientShardMakesTheRequestRetryable) {
  const LedgerSample before = router().Spans();
  backend(0).AlwaysAnswer({.code = 3});
  backend(1).AlwaysAnswer({.code = 14});
  ExpectRetryable(Export(RequestFor(TraceOfEach(), 2)));
  EXPECT_EQ(router().Spans().forwarded - before.forwarded, 4);
  EXPECT_EQ(router().Spans().refused - before.refused, 4);
}

// Scenario: two backends are unavailable and name 200 and 600 ms.
// Guarantees: the client is told the longer one.
TEST_F(VerdictTest, LongestRetryDelayWins) {
  backend(0).AlwaysAnswer({.code = 14, .retry_delay = milliseconds(200)});
  backend(1).AlwaysAnswer({.code = 14, .retry_delay = milliseconds(600)});
  const CallResult result = Export(RequestFor({TraceOf(0), TraceOf(1)}));
  ExpectRetryable(result);
  EXPECT_GE(*result.retry_delay, milliseconds(600));
  EXPECT_LE(*result.retry_delay, milliseconds(750));
}

// Scenario: backends compress their answers and add trailers nobody asked for.
// Guarantees: GS-01, GC-02: the answers are read; strange trailers harm nothing.
TEST_F(VerdictTest, Gs01CompressedAnswersAndStrangeTrailersAreRead) {
  AllAnswer({.warning = std::string(600, 'w'),
             .gzip = true,
             .trailers = {{"x-strange", std::string(2000, 'x')}, {"x-binary-bin", "\x01\x02"}}});
  const CallResult result = client().Export(RequestFor({TraceOf(3)}));
  EXPECT_EQ(result.code(), 0) << result.status.error_message();
  EXPECT_NE(PartialOf(result).message.find("www"), std::string::npos);
}

// Scenario: a backend answers OK with a message that is no ExportTraceServiceResponse.
// Guarantees: no retryable answer: the data may be there (GS-23); no crash.
TEST_F(VerdictTest, UnreadableAnswerIsNeverRetryable) {
  backend(0).AlwaysAnswer({.response = "\xff\xff\xff"});
  const CallResult result = ExportOne();
  EXPECT_NE(result.code(), grpc::UNAVAILABLE);
  EXPECT_EQ(result.retry_delay, std::nullopt);
}

}  // namespace
}  // namespace router::test
