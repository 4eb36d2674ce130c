#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>

#include "router/backend/backend.h"
#include "router/base/limits.h"
#include "router/codec/codec.h"
#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"
#include "tests/backend/backend_fixture.h"
#include "tests/codec/zlib_gzip.h"

namespace router {
namespace {

using test::HeaderList;
using test::PeerStream;

class BackendAnswerTest : public BackendTest {
 protected:
  // Sends one attempt and gives it this answer.
  const AttemptResult& Ask(const std::function<void(Peer&, PeerStream&)>& answer) {
    if (server_ == nullptr) ListenAndConnect();
    server_->on_request = answer;
    const KeepingAttempt& attempt = Send();
    EXPECT_TRUE(Done(attempt));
    return *attempt.result;
  }
  const AttemptResult& AskRaw(const std::string& body, const std::string& encoding = {}) {
    return Ask([&](Peer& peer, PeerStream& stream) {
      HeaderList headers = {{":status", "200"}, {"content-type", "application/grpc"}};
      if (!encoding.empty()) headers.emplace_back("grpc-encoding", encoding);
      peer.Answer(stream, headers, body, {{"grpc-status", "0"}});
    });
  }
  const AttemptResult& AskStatus(int code, const HeaderList& more = {}) {
    return Ask([&](Peer& peer, PeerStream& stream) { peer.AnswerGrpc(stream, code, "why", more); });
  }
};

// Scenario: each of the 17 codes and 99, without details.
// Guarantees: GC-09 end to end: accepted, transient or permanent as the table says;
// RESOURCE_EXHAUSTED without a RetryInfo is final (GC-10); the code and its message are kept.
TEST_F(BackendAnswerTest, EveryCodeIsInterpretedGc09) {
  const std::set<int> transient = {1, 4, 10, 11, 14, 15};
  for (int code = 1; code <= 17; ++code) {
    const int sent = code == 17 ? 99 : code;
    const AttemptResult& result = AskStatus(sent);
    EXPECT_EQ(result.kind, transient.contains(sent) ? Kind::kTransient : Kind::kPermanent) << sent;
    EXPECT_EQ(result.code, code == 17 ? GrpcCode::kUnknown : static_cast<GrpcCode>(code));
    EXPECT_EQ(result.message, "why");
    EXPECT_TRUE(result.was_processed_maybe);
    EXPECT_FALSE(result.retry_delay.has_value());
  }
  EXPECT_EQ(AskRaw(test::GrpcFrame("")).kind, Kind::kAccepted);
  EXPECT_EQ(Outcomes(AttemptOutcome::kPermanent), 11U);
  EXPECT_EQ(Outcomes(AttemptOutcome::kTransient), 6U);
}

// Scenario: RESOURCE_EXHAUSTED and UNAVAILABLE with a RetryInfo of 2 s, of 0, and with rubbish for
// details.
// Guarantees: GC-10: throttled only with a readable RetryInfo; its delay is handed on; GC-13:
// rubbish is absent.
TEST_F(BackendAnswerTest, RetryInfoMakesResourceExhaustedRetryableGc10) {
  const auto details = [](milliseconds delay) {
    return HeaderList{{"grpc-status-details-bin",
                       DetailsWithRetryDelay(GrpcCode::kResourceExhausted, "", delay)}};
  };
  const AttemptResult& two = AskStatus(8, details(milliseconds(2000)));
  EXPECT_EQ(two.kind, Kind::kThrottled);
  EXPECT_EQ(two.retry_delay, milliseconds(2000));
  const AttemptResult& zero = AskStatus(8, details(milliseconds(0)));
  EXPECT_EQ(zero.kind, Kind::kThrottled);
  EXPECT_EQ(zero.retry_delay, milliseconds(0));
  for (const std::string& rubbish :
       {std::string("!!!"), std::string("AAAA"), std::string(30'000, 'A')}) {
    const AttemptResult& none = AskStatus(8, {{"grpc-status-details-bin", rubbish}});
    EXPECT_EQ(none.kind, Kind::kPermanent);
    EXPECT_FALSE(none.retry_delay.has_value());
  }
  const AttemptResult& unavailable = AskStatus(14, details(milliseconds(500)));
  EXPECT_EQ(unavailable.kind, Kind::kTransient);
  EXPECT_EQ(unavailable.retry_delay, milliseconds(500));
  EXPECT_EQ(AskStatus(3, details(milliseconds(500))).kind, Kind::kPermanent)
      << "a delay makes no other code retryable";
}

// Scenario: grpc-retry-pushback-ms with a retryable code: 300 ms, beside a RetryInfo, negative, no
// number; then with a final code and with OK.
// Guarantees: P-11: what is asked for is handed on, the longer of the two; negative or unreadable
// means never again; it makes nothing retryable, and holds no other call to the backend.
TEST_F(BackendAnswerTest, PushbackIsHonouredP11) {
  const auto pushback = [](const char* value) {
    return HeaderList{{"grpc-retry-pushback-ms", value}};
  };
  const AttemptResult& later = AskStatus(14, pushback("300"));
  EXPECT_EQ(later.kind, Kind::kTransient);
  EXPECT_EQ(later.retry_delay, milliseconds(300));
  EXPECT_TRUE(later.may_retry);
  const TimePoint asked = Clock::now();
  HeaderList both = pushback("20");
  both.emplace_back("grpc-status-details-bin",
                    DetailsWithRetryDelay(GrpcCode::kUnavailable, "", milliseconds(40)));
  EXPECT_EQ(AskStatus(14, both).retry_delay, milliseconds(40));
  EXPECT_LT(Clock::now() - asked, milliseconds(300)) << "the backend is not held for one call";
  for (const char* never : {"-1", "-300", "soon", "", "99999999999"}) {
    const AttemptResult& result = AskStatus(14, pushback(never));
    EXPECT_EQ(result.kind, Kind::kTransient) << never;
    EXPECT_FALSE(result.may_retry) << never;
    EXPECT_FALSE(result.retry_delay.has_value()) << never;
  }
  const AttemptResult& final = AskStatus(3, pushback("300"));
  EXPECT_EQ(final.kind, Kind::kPermanent);
  EXPECT_FALSE(final.retry_delay.has_value());
  EXPECT_EQ(AskStatus(8, pushback("300")).kind, Kind::kPermanent) << "that takes a RetryInfo";
}

// Scenario: OK with partial_success: refused spans, a warning, more refused than were sent, none.
// Guarantees: accepted in every case, never sent again (GC-06); counts and message are handed on.
TEST_F(BackendAnswerTest, PartialSuccessIsAcceptedGc06) {
  const auto partial = [&](std::int64_t rejected,
                           const std::string& message) -> const AttemptResult& {
    return AskRaw(test::GrpcFrame(SerializeExportResponse({rejected, message})));
  };
  const AttemptResult& some = partial(3, "too old");
  EXPECT_EQ(some.kind, Kind::kAccepted);
  EXPECT_EQ(some.rejected_spans, 3U);
  EXPECT_EQ(some.message, "too old");
  const AttemptResult& warning = partial(0, "slow down");
  EXPECT_EQ(warning.rejected_spans, 0U);
  EXPECT_EQ(warning.message, "slow down");
  EXPECT_EQ(backend_->metrics()->spans_accepted.Value(), 7U + 10U);
  EXPECT_EQ(partial(1000, "all and more").kind, Kind::kAccepted);
  EXPECT_EQ(backend_->metrics()->spans_accepted.Value(), 17U);
  EXPECT_EQ(server_->request_count(), 3U);
}

// Scenario: OK with no message, a message cut off, and bytes that are no
// ExportTraceServiceResponse.
// Guarantees: OK was said: accepted in full.
TEST_F(BackendAnswerTest, OkWithAnUnreadableMessageIsAccepted) {
  for (const std::string& body :
       {std::string(), std::string("\0\0", 2), test::GrpcFrame("\xff\xff\xff"),
        test::GrpcFrame("abc").substr(0, 6)}) {
    const AttemptResult& result = AskRaw(body);
    EXPECT_EQ(result.kind, Kind::kAccepted);
    EXPECT_EQ(result.rejected_spans, 0U);
  }
}

// Scenario: the answer is compressed with gzip.
// Guarantees: it is read like any other.
TEST_F(BackendAnswerTest, GzipAnswerIsRead) {
  const std::string plain = SerializeExportResponse({4, "compressed"});
  const Bytes packed =
      ZlibGzip({reinterpret_cast<const std::uint8_t*>(plain.data()), plain.size()});
  const AttemptResult& result =
      AskRaw(test::GrpcFrame(std::string(packed.begin(), packed.end()), true));
  EXPECT_EQ(result.kind, Kind::kAccepted);
  EXPECT_EQ(result.rejected_spans, 4U);
  EXPECT_EQ(result.message, "compressed");
}

// Scenario: answers in each encoding that requests are sent in, also of an empty message: servers
// of grpc-go answer in the request's. Then one compressed in an unknown encoding, or in none.
// Guarantees: read like any other; the last two are INTERNAL and final.
TEST_F(BackendAnswerTest, AnswerInTheRequestsEncodingIsRead) {
  Codec codec;
  MemoryAccount account(budget_);
  for (const Compression compression :
       {Compression::kGzip, Compression::kZstd, Compression::kSnappy}) {
    const std::string name(NameOf(compression));
    for (const std::string& plain : {std::string(), SerializeExportResponse({4, "packed"})}) {
      Body packed(account);
      ASSERT_TRUE(codec.Deflate(compression,
                                {reinterpret_cast<const std::uint8_t*>(plain.data()), plain.size()},
                                packed));
      const auto bytes = packed.bytes();
      const AttemptResult& result =
          AskRaw(test::GrpcFrame(std::string(bytes.begin(), bytes.end()), true), name);
      EXPECT_EQ(result.kind, Kind::kAccepted) << name << result.message;
      EXPECT_EQ(result.rejected_spans, plain.empty() ? 0U : 4U) << name;
    }
  }
  for (const std::string encoding : {"br", "identity"}) {
    EXPECT_EQ(AskRaw(test::GrpcFrame("x", true), encoding).kind, Kind::kPermanent) << encoding;
  }
}

// Scenario: a gzip answer that inflates to 64 MiB; one that is no gzip at all.
// Guarantees: GC-02: INTERNAL and final, within bounds; nothing of the worker's budget is touched.
TEST_F(BackendAnswerTest, GzipBombIsRefusedGc02) {
  const Bytes bomb = ZlibGzipOfZeros(64);
  const std::size_t used = budget_.used();
  const AttemptResult& bombed =
      AskRaw(test::GrpcFrame(std::string(bomb.begin(), bomb.end()), true));
  EXPECT_EQ(bombed.kind, Kind::kPermanent);
  EXPECT_EQ(bombed.code, GrpcCode::kInternal);
  EXPECT_LE(budget_.used(), used + (128U << 10));
  EXPECT_EQ(AskRaw(test::GrpcFrame("not gzip", true)).kind, Kind::kPermanent);
}

// Scenario: an answer of more than 4 MiB.
// Guarantees: GC-02: INTERNAL and final.
TEST_F(BackendAnswerTest, AnswerOverTheLimitIsRefusedGc02) {
  const AttemptResult& result = AskRaw(test::GrpcFrame(std::string(kResponseBytesMax + 1, 'x')));
  EXPECT_EQ(result.kind, Kind::kPermanent);
  EXPECT_EQ(result.code, GrpcCode::kInternal);
}

// Scenario: a backend refuses with a text of 50,000 bytes; another accepts, and tells at such
// length what it has left out. Guarantees: the beginning is kept, no more: attempts that are tried
// again keep it for long.
TEST_F(BackendAnswerTest, OfALongMessageTheBeginningIsKept) {
  const std::string text = "full: " + std::string(50'000, 'x');
  const AttemptResult& refused =
      Ask([&](Peer& peer, PeerStream& stream) { peer.AnswerGrpc(stream, 14, text); });
  EXPECT_EQ(refused.message, text.substr(0, kErrorMessageBytesMax));
  EXPECT_LE(refused.message.capacity(), kErrorMessageBytesMax);
  const std::string partial =
      SerializeExportResponse({.rejected_spans = 1, .message = std::string(50'000, 'y')});
  const AttemptResult& accepted = AskRaw(test::GrpcFrame(partial));
  EXPECT_EQ(accepted.rejected_spans, 1U);
  EXPECT_LE(accepted.message.size(), kErrorMessageBytesMax);
  EXPECT_TRUE(accepted.message.starts_with("yyy"));
}

}  // namespace
}  // namespace router
