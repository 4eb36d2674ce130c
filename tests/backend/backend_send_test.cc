#include <gtest/gtest.h>

#include <string>

#include "router/backend/backend.h"
#include "router/http2/grpc_header.h"
#include "tests/backend/backend_fixture.h"

namespace router {
namespace {

using test::PeerStream;

// Scenario: one attempt, compressed, with configured headers.
// Guarantees: the request is an OTLP trace export over gRPC with its deadline, encoding and
// headers.
TEST_F(BackendTest, RequestIsAnOtlpExport) {
  options_.headers = {{"x-tenant", "a"}};
  options_.user_agent = "spanring/test";
  ListenAndConnect();
  KeepingAttempt attempt;
  auto body = std::make_shared<Body>(account_);
  ASSERT_TRUE(body->Reserve(3));
  body->SetSize(3);
  attempt.frame = body->FrameAsGrpc(true);
  attempt.body = std::move(body);
  attempt.compression = Compression::kGzip;
  attempt.deadline = loop_.Now() + milliseconds(1234);
  backend_->Send(attempt);
  EXPECT_FALSE(attempt.is_on_wire()) << "before the end of the turn";
  loop_.Turn(false);
  EXPECT_TRUE(attempt.is_on_wire());
  ASSERT_TRUE(Until([&] { return server_->request_count() == 1; }));
  PeerStream& stream = *server_->peers()[0]->Find(1);
  EXPECT_EQ(stream.Header(":method"), "POST");
  EXPECT_EQ(stream.Header(":path"), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
  EXPECT_EQ(stream.Header("content-type"), "application/grpc");
  EXPECT_EQ(stream.Header("te"), "trailers");
  EXPECT_EQ(stream.Header("grpc-encoding"), "gzip");
  EXPECT_EQ(stream.Header("x-tenant"), "a");
  EXPECT_EQ(stream.Header("user-agent"), "spanring/test");
  const auto timeout = ParseGrpcTimeout(stream.Header("grpc-timeout"));
  ASSERT_TRUE(timeout.has_value());
  EXPECT_LE(*timeout, milliseconds(1234));
  EXPECT_GT(*timeout, milliseconds(1000));
  backend_->Cancel(attempt, AttemptOutcome::kCancelled);
  EXPECT_EQ(Outcomes(AttemptOutcome::kCancelled), 1U);
  attempts_.push_back(std::make_unique<KeepingAttempt>());  // for the count at the end
}

// Scenario: in_flight_max is 2 and five attempts are made.
// Guarantees: GC-03: never more than two at the backend; the others follow as places become free.
TEST_F(BackendTest, InFlightIsBoundedGc03) {
  options_.in_flight_max = 2;
  ListenAndConnect();
  for (int i = 0; i < 5; ++i) Send();
  loop_.Turn(false);
  EXPECT_EQ(backend_->metrics()->in_flight.Value(), 2U);
  EXPECT_EQ(backend_->metrics()->waiting.Value(), 3U);
  Peer& peer = *server_->peers()[0];
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(
        Until([&] { return peer.Find(2 * i + 1) != nullptr && peer.Find(2 * i + 1)->is_ended; }));
    EXPECT_LE(peer.streams().size(), static_cast<std::size_t>(i) + 2);
    peer.AnswerGrpc(*peer.Find(2 * i + 1), 0, "");
    ASSERT_TRUE(Done(*attempts_[static_cast<std::size_t>(i)]));
  }
}

// Scenario: an attempt is made with 4 ms left; another waits behind a call until it has 4 ms left.
// Guarantees: neither is sent, since no answer could come in time: they end as unprocessed, and
// what waits behind the second is sent.
TEST_F(BackendTest, WhatCannotBeAnsweredInTimeIsNotSent) {
  options_.in_flight_max = 1;
  ListenAndConnect();
  next_time_ = kSendTimeMin - milliseconds(1);
  const KeepingAttempt& late = Send();
  next_time_ = std::chrono::seconds(5);
  Send();
  next_time_ = milliseconds(40);
  const KeepingAttempt& waiting = Send();
  next_time_ = std::chrono::seconds(5);
  const KeepingAttempt& patient = Send();
  ASSERT_TRUE(Done(late));
  ASSERT_TRUE(Until([&] { return server_->request_count() == 1; }));
  ASSERT_TRUE(Until([&] { return waiting.deadline - Clock::now() < kSendTimeMin; }));
  server_->on_request = [](Peer& peer, PeerStream& stream) { peer.AnswerGrpc(stream, 0, ""); };
  server_->peers()[0]->AnswerGrpc(*server_->peers()[0]->Find(1), 0, "");
  ASSERT_TRUE(Done(patient));
  ASSERT_TRUE(Done(waiting));
  for (const KeepingAttempt* attempt : {&late, &waiting}) {
    EXPECT_EQ(attempt->result->kind, Kind::kTransient);
    EXPECT_EQ(attempt->result->code, GrpcCode::kDeadlineExceeded);
    EXPECT_FALSE(attempt->result->was_processed_maybe);
  }
  EXPECT_EQ(patient.result->kind, Kind::kAccepted);
  EXPECT_EQ(server_->request_count(), 2U);
}

// Scenario: the pending bytes are exactly used up while connecting, then one byte more is sent.
// Guarantees: the limit itself fits; beyond it an attempt fails at once, unprocessed; cancelling
// makes room again.
TEST_F(BackendTest, PendingBytesAreBounded) {
  options_.pending_bytes_max = 100;
  Listen();
  server_->is_mute = true;
  Open();
  KeepingAttempt& first = Send(std::string(45, 'x'));
  Send(std::string(45, 'x'));
  const KeepingAttempt& over = Send("");  // 5 bytes of prefix
  loop_.Turn(false);
  ASSERT_TRUE(over.result.has_value());
  EXPECT_FALSE(over.result->was_processed_maybe);
  EXPECT_EQ(backend_->metrics()->waiting.Value(), 2U);
  backend_->Cancel(first, AttemptOutcome::kTimeout);
  EXPECT_EQ(Outcomes(AttemptOutcome::kTimeout), 1U);
  Send(std::string(45, 'x'));
  loop_.Turn(false);
  EXPECT_EQ(backend_->metrics()->waiting.Value(), 2U);
}

// Scenario: an attempt is cancelled in flight, one while it waits, and one that has failed but not
// heard it yet.
// Guarantees: none hears anything; the place in flight goes to the next in this turn.
TEST_F(BackendTest, CancelledAttemptsAreSilent) {
  options_.in_flight_max = 1;
  ListenAndConnect();
  KeepingAttempt& in_flight = Send("1");
  KeepingAttempt& waiting = Send("2");
  const KeepingAttempt& next = Send("3");
  ASSERT_TRUE(Until([&] { return server_->request_count() == 1; }));
  backend_->Cancel(waiting, AttemptOutcome::kCancelled);
  backend_->Cancel(in_flight, AttemptOutcome::kTimeout);
  loop_.Turn(false);
  EXPECT_TRUE(next.is_on_wire());
  server_->on_request = [](Peer& peer, PeerStream& stream) { peer.AnswerGrpc(stream, 0, ""); };
  ASSERT_TRUE(Done(next));
  EXPECT_TRUE(server_->peers()[0]->HasFrame("RST_STREAM 1 8"));
  backend_->Retire();
  KeepingAttempt& failed = Send();
  backend_->Cancel(failed, AttemptOutcome::kCancelled);
  loop_.Turn(false);
  EXPECT_FALSE(in_flight.result || waiting.result || failed.result);
}

// Scenario: the backend refuses a stream: once, and another twice.
// Guarantees: P-10: sent again once, and nobody notices; the second refusal is transient and
// unprocessed.
TEST_F(BackendTest, RefusedStreamIsSentAgainOnceP10) {
  ListenAndConnect();
  int refusals = 1;
  server_->on_request = [&](Peer& peer, PeerStream& stream) {
    if (refusals-- > 0) {
      peer.Reset(stream, NGHTTP2_REFUSED_STREAM);
    } else {
      peer.AnswerGrpc(stream, 0, "");
    }
  };
  const KeepingAttempt& once = Send();
  ASSERT_TRUE(Done(once));
  EXPECT_EQ(once.result->kind, Kind::kAccepted);
  EXPECT_EQ(server_->request_count(), 2U);
  refusals = 2;
  const KeepingAttempt& twice = Send();
  ASSERT_TRUE(Done(twice));
  EXPECT_EQ(twice.result->kind, Kind::kTransient);
  EXPECT_FALSE(twice.result->was_processed_maybe);
  EXPECT_EQ(server_->request_count(), 4U);
}

// Scenario: the stream is reset with another code.
// Guarantees: transient, maybe processed, not sent again by the backend itself.
TEST_F(BackendTest, OtherResetsAreNotSentAgainP10) {
  ListenAndConnect();
  server_->on_request = [](Peer& peer, PeerStream& stream) {
    peer.Reset(stream, NGHTTP2_INTERNAL_ERROR);
  };
  const KeepingAttempt& attempt = Send();
  ASSERT_TRUE(Done(attempt));
  EXPECT_EQ(attempt.result->kind, Kind::kTransient);
  EXPECT_TRUE(attempt.result->was_processed_maybe);
  EXPECT_EQ(server_->request_count(), 1U);
}

// Scenario: from inside OnAttemptDone() another attempt of the same backend is cancelled and a new
// one sent.
// Guarantees: allowed; each ends as it should.
TEST_F(BackendTest, AttemptMaySendAndCancelFromInsideItsEnd) {
  ListenAndConnect();
  KeepingAttempt& first = Send("1");
  KeepingAttempt& second = Send("2");
  ASSERT_TRUE(Until([&] { return server_->request_count() == 2; }));
  KeepingAttempt* third = nullptr;
  first.then = [&] {
    backend_->Cancel(second, AttemptOutcome::kCancelled);
    third = &Send("3");
  };
  Peer& peer = *server_->peers()[0];
  server_->on_request = [](Peer& p, PeerStream& stream) { p.AnswerGrpc(stream, 0, ""); };
  peer.AnswerGrpc(*peer.Find(1), 0, "");
  ASSERT_TRUE(Until([&] { return third != nullptr && third->result.has_value(); }));
  EXPECT_EQ(third->result->kind, Kind::kAccepted);
  EXPECT_FALSE(second.result.has_value());
}

// Scenario: a mixed run: accepted, refused for good, transient, cancelled.
// Guarantees: the counters add up: outcomes, accepted spans, bytes and one latency for each answer.
TEST_F(BackendTest, MetricsAddUp) {
  ListenAndConnect();
  server_->on_request = [](Peer& peer, PeerStream& stream) {
    const std::string& body = stream.body;
    if (body.back() != 'w')
      peer.AnswerGrpc(stream, body.back() == 'o' ? 0 : body.back() == 'p' ? 3 : 14, "");
  };
  for (const char* text : {"o", "o", "o", "p", "t", "t"}) Send(text, 7);
  KeepingAttempt& cancelled = Send("w", 7);
  for (std::size_t i = 0; i < 6; ++i) ASSERT_TRUE(Done(*attempts_[i]));
  EXPECT_EQ(backend_->metrics()->in_flight.Value(), 1U);
  backend_->Cancel(cancelled, AttemptOutcome::kCancelled);
  const auto metrics = backend_->metrics();
  EXPECT_EQ(Outcomes(AttemptOutcome::kOk), 3U);
  EXPECT_EQ(Outcomes(AttemptOutcome::kPermanent), 1U);
  EXPECT_EQ(Outcomes(AttemptOutcome::kTransient), 2U);
  EXPECT_EQ(Outcomes(AttemptOutcome::kCancelled), 1U);
  EXPECT_EQ(metrics->spans_accepted.Value(), 21U);
  EXPECT_EQ(metrics->bytes_sent.Value(), 7U * 6);
  std::uint64_t latencies = 0;
  for (const Counter& bucket : metrics->latency) latencies += bucket.Value();
  EXPECT_EQ(latencies, 6U);
}

// Scenario: latencies at a bucket's bound, just above it, and beyond all of them.
// Guarantees: bounds are inclusive, as Prometheus wants them; the last bucket is +Inf.
TEST(BackendMetricsTest, LatencyBoundsAreInclusive) {
  BackendMetrics metrics;
  metrics.AddLatency(milliseconds(5));
  metrics.AddLatency(std::chrono::microseconds(5001));
  metrics.AddLatency(std::chrono::seconds(30));
  metrics.AddLatency(std::chrono::seconds(31));
  EXPECT_EQ(metrics.latency[0].Value(), 1U);
  EXPECT_EQ(metrics.latency[1].Value(), 1U);
  EXPECT_EQ(metrics.latency[14].Value(), 1U);
  EXPECT_EQ(metrics.latency[15].Value(), 1U);
  EXPECT_EQ(metrics.latency_sum_us.Value(), 5000U + 5001U + 61'000'000U);
}

}  // namespace
}  // namespace router
