// One request at the port, byte for byte: every early refusal, and what gets through.
#include "router/ingress/grpc_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "router/otlp/export_response.h"
#include "tests/ingress/ingress_fixture.h"

namespace router::test {
namespace {

using testing::HasSubstr;

class GrpcStreamTest : public IngressTest {};

// ---- headers -----------------------------------------------------------------------------------

// Scenario: GET, then content types that are not gRPC.
// Guarantees: P-01: 405 and 415 as plain HTTP, and nothing counted as a request.
TEST_F(GrpcStreamTest, WhatIsNotGrpcGetsAnHttpStatus) {
  SetUpIngress();
  EXPECT_EQ(Ask(RequestHeaders(kExportPath, {{":method", "GET"}})).headers.at(":status"), "405");
  for (const char* type : {"application/json", "application/x-protobuf", "application/grpcx", ""}) {
    const auto& call = Ask(RequestHeaders(kExportPath, {{"content-type", type}}));
    EXPECT_EQ(call.headers.at(":status"), "415") << type;
    EXPECT_FALSE(call.headers.contains("grpc-status"));
    EXPECT_THAT(call.body, HasSubstr("application/grpc"));
  }
  EXPECT_EQ(ledger_.requests.received.Value(), 0u);
}

// Scenario: the services of metrics, logs and profiles, a misspelt method, the root.
// Guarantees: GS-22, P-02: UNIMPLEMENTED in a 200 without RetryInfo, however the body looks.
TEST_F(GrpcStreamTest, OtherServicesAreUnimplemented) {
  SetUpIngress();
  for (const char* path :
       {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/export", "/"}) {
    const auto& call = Ask(RequestHeaders(path), Framed("body"));
    EXPECT_EQ(call.headers.at(":status"), "200") << path;
    EXPECT_EQ(StatusOf(call), "12") << path;
    EXPECT_FALSE(RetryOf(call).has_value());
  }
}

// Scenario: encodings that are not served; JSON as the codec.
// Guarantees: P-03: UNIMPLEMENTED, and grpc-accept-encoding lists what is; refused before the body.
TEST_F(GrpcStreamTest, UnknownEncodingsAreUnimplementedAndTheKnownAreListed) {
  SetUpIngress();
  for (const char* encoding : {"br", "compress", "GZIP", "gzip,gzip"}) {
    const auto& call = AskWithoutEnd(RequestHeaders(kExportPath, {{"grpc-encoding", encoding}}));
    EXPECT_EQ(StatusOf(call), "12") << encoding;
    EXPECT_EQ(call.headers.at("grpc-accept-encoding"), AcceptedEncodings()) << encoding;
  }
  const Headers json = RequestHeaders(kExportPath, {{"content-type", "application/grpc+json"}});
  EXPECT_EQ(StatusOf(AskWithoutEnd(json)), "12");
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kProtocol), 5u);
}

// Scenario: the compressed flag without a grpc-encoding, and with identity.
// Guarantees: P-03: INTERNAL.
TEST_F(GrpcStreamTest, CompressedFlagWithoutEncodingIsInternal) {
  SetUpIngress();
  const std::string frame = Framed(Gzipped("x"), '\1');
  EXPECT_EQ(StatusOf(Ask(RequestHeaders(kExportPath), frame)), "13");
  EXPECT_EQ(StatusOf(Ask(RequestHeaders(kExportPath, {{"grpc-encoding", "identity"}}), frame)),
            "13");
}

// Scenario: what gRPC C++ 1.51 makes of a message that it repeats by itself (its issue 37742): gzip
// whose flag says plain, gzip in gzip; the same without grpc-encoding, too large, and deeper.
// Guarantees: it is read, and bounded, as the gzip that it is; the others are no OTLP.
TEST_F(GrpcStreamTest, GzipThatAClientHasHiddenIsRead) {
  options_.request_bytes_max = 100'000;
  SetUpIngress();
  const Headers headers = RequestHeaders(kExportPath, {{"grpc-encoding", "gzip"}});
  const std::string plain = Field(900, "nothing");
  const std::string once = Gzipped(plain);
  const std::string twice = Gzipped(once);
  for (const std::string& frame : {Framed(plain, '\0'), Framed(once, '\0'), Framed(once, '\1'),
                                   Framed(twice, '\0'), Framed(twice, '\1')}) {
    EXPECT_EQ(StatusOf(Ask(headers, frame)), "0");
  }
  EXPECT_EQ(StatusOf(Ask(headers, Framed(Gzipped(std::string(100'001, '\0')), '\0'))), "8");
  EXPECT_EQ(StatusOf(Ask(RequestHeaders(kExportPath), Framed(once, '\0'))), "3");
  EXPECT_EQ(StatusOf(Ask(headers, Framed(Gzipped(Gzipped(twice)), '\0'))), "3");
}

// Scenario: grpc-timeout malformed in several ways; then 0 in several units.
// Guarantees: P-05: an error for the first; DEADLINE_EXCEEDED for the second, before the body.
TEST_F(GrpcStreamTest, BadAndUsedUpTimeouts) {
  SetUpIngress();
  for (const char* timeout : {"", "S", "10", "123456789S", "-1S", "1s", "1.5S", "S1"}) {
    const auto& call = AskWithoutEnd(RequestHeaders(kExportPath, {{"grpc-timeout", timeout}}));
    EXPECT_EQ(StatusOf(call), "13") << timeout;
  }
  for (const char* timeout : {"0S", "0n", "00000000H"}) {
    const auto& call = AskWithoutEnd(RequestHeaders(kExportPath, {{"grpc-timeout", timeout}}));
    EXPECT_EQ(StatusOf(call), "4") << timeout;
  }
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kProtocol), 8u);
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kDeadline), 3u);
}

// ---- the message -------------------------------------------------------------------------------

// Scenario: the length prefix announces the limit, and one more; not one byte of the message is
// sent.
// Guarantees: GS-02, GS-04: the second is RESOURCE_EXHAUSTED at once, without RetryInfo; nothing
// is charged for a claim.
TEST_F(GrpcStreamTest, TooLargeIsRefusedFromThePrefix) {
  options_.request_bytes_max = 1000;
  SetUpIngress();
  const std::string prefix_ok = Framed(std::string(1000, 'x')).substr(0, 5);
  Http2Client& client = NewClient();
  const std::int32_t id = client.Open(RequestHeaders(kExportPath));
  client.Write(id, prefix_ok);
  PumpTurns();
  EXPECT_FALSE(client.call(id).is_ended);
  const auto& call =
      AskWithoutEnd(RequestHeaders(kExportPath), Framed(std::string(1001, 'x')).substr(0, 5));
  EXPECT_EQ(StatusOf(call), "8");
  EXPECT_FALSE(RetryOf(call).has_value());
  EXPECT_THAT(call.headers.at("grpc-message"), HasSubstr("1000 bytes"));
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kTooLarge), 1u);
}

// Scenario: gzip that inflates to the limit, to one more, and a bomb of 1000:1.
// Guarantees: GS-02: the limit counts after decompression too; RESOURCE_EXHAUSTED without
// RetryInfo; nothing stays charged.
TEST_F(GrpcStreamTest, TheLimitCountsAfterDecompression) {
  options_.request_bytes_max = 200'000;
  SetUpIngress();
  const Headers headers = RequestHeaders(kExportPath, {{"grpc-encoding", "gzip"}});
  const auto request_of = [](std::size_t size) {  // an unknown field of the request: no spans
    std::string request = Field(900, std::string(size - 5, 'u'));
    while (request.size() > size) request = Field(900, std::string(size - 6, 'u'));
    return request;
  };
  ASSERT_EQ(request_of(200'000).size(), 200'000u);
  EXPECT_EQ(StatusOf(Ask(headers, Framed(Gzipped(request_of(200'000)), '\1'))), "0");
  for (const std::size_t size : {std::size_t{200'001}, std::size_t{20'000'000}}) {
    const auto& call = Ask(headers, Framed(Gzipped(std::string(size, '\0')), '\1'));
    EXPECT_EQ(StatusOf(call), "8") << size;
    EXPECT_FALSE(RetryOf(call).has_value());
  }
}

// Scenario: gzip cut short, gzip with a flipped bit, bytes that are no gzip.
// Guarantees: GS-13: INVALID_ARGUMENT, counted as malformed.
TEST_F(GrpcStreamTest, DamagedGzipIsInvalidArgument) {
  SetUpIngress();
  const Headers headers = RequestHeaders(kExportPath, {{"grpc-encoding", "gzip"}});
  const std::string good = Gzipped(RequestOf({std::string(16, 'a')}));
  std::string flipped = good;
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);
  for (const std::string& bad : {good.substr(0, good.size() - 3), flipped, std::string("plain")}) {
    EXPECT_EQ(StatusOf(Ask(headers, Framed(bad, '\1'))), "3");
  }
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kMalformed), 3u);
}

// Scenario: the stream ends before the message, inside the prefix, inside the message; goes on
// after it; a flag of 2.
// Guarantees: P-04: an error for each, counted as protocol.
TEST_F(GrpcStreamTest, BrokenFramingIsInternal) {
  SetUpIngress();
  const std::string frame = Framed("0123456789");
  for (const std::string& bytes : {std::string(), frame.substr(0, 3), frame.substr(0, 12),
                                   frame + frame, frame + "x", Framed("abc", '\2')}) {
    EXPECT_EQ(StatusOf(Ask(RequestHeaders(kExportPath), bytes)), "13") << bytes.size();
  }
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kProtocol), 6u);
}

// Scenario: the request arrives one byte per DATA frame, gzip and plain.
// Guarantees: P-04, GS-01: message boundaries do not follow frames; the same bytes reach the
// backend both ways.
TEST_F(GrpcStreamTest, BytesMayArriveOneByOne) {
  SetUpIngress(1);
  const std::string request = RequestOf({IdOf(0), IdOf(0, 1)});
  for (const bool gzip : {false, true}) {
    Http2Client& client = NewClient();
    const std::int32_t id =
        client.Open(gzip ? RequestHeaders(kExportPath, {{"grpc-encoding", "gzip"}})
                         : RequestHeaders(kExportPath));
    const std::string frame = gzip ? Framed(Gzipped(request), '\1') : Framed(request);
    for (const char byte : frame) {
      client.Write(id, {&byte, 1});
      PumpTurns(2);
    }
    client.End(id);
    ASSERT_TRUE(PumpUntil([&] { return client.call(id).is_closed; }));
    EXPECT_EQ(StatusOf(client.call(id)), "0");
    EXPECT_EQ(client.call(id).body, Framed("")) << "GS-07";
    EXPECT_EQ(backends_[0]->requests().back().message, request);
  }
}

// Scenario: half of a message arrives, then nothing, with a timeout of 200 ms.
// Guarantees: P-14: DEADLINE_EXCEEDED at the deadline; the memory is given back.
TEST_F(GrpcStreamTest, ASlowBodyEndsAtTheDeadline) {
  SetUpIngress();
  const TimePoint start = Clock::now();
  const auto& call = AskWithoutEnd(RequestHeaders(kExportPath, {{"grpc-timeout", "200m"}}),
                                   Framed(std::string(1000, 'x')).substr(0, 500));
  EXPECT_EQ(StatusOf(call), "4");
  EXPECT_GE(Clock::now() - start, milliseconds(100));
  EXPECT_EQ(memory_.charged(), 0u);
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kDeadline), 1u);
}

// Scenario: the memory budget cannot hold the body that arrives beside what others hold.
// Guarantees: GS-15: UNAVAILABLE + RetryInfo, counted overload, nothing stays charged.
TEST_F(GrpcStreamTest, AFullBudgetIsOverload) {
  SetUpIngress();
  budget_.SetLimit(500'000);
  ASSERT_TRUE(budget_.TryTake(370'000));
  const auto& call = AskWithoutEnd(RequestHeaders(kExportPath), Framed(std::string(300'000, 'x')));
  budget_.Give(370'000);
  EXPECT_EQ(StatusOf(call), "14");
  EXPECT_TRUE(RetryOf(call).has_value());
  EXPECT_EQ(memory_.charged(), 0u);
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kOverload), 1u);
}

// Scenario: the body that arrives is larger than the memory budget, of which nothing is used.
// Guarantees: it is refused for good: it would never fit.
TEST_F(GrpcStreamTest, WhatIsLargerThanTheBudgetIsTooLarge) {
  SetUpIngress();
  budget_.SetLimit(100'000);
  const auto& call = AskWithoutEnd(RequestHeaders(kExportPath), Framed(std::string(300'000, 'x')));
  EXPECT_EQ(StatusOf(call), "8");
  EXPECT_FALSE(RetryOf(call).has_value());
  EXPECT_EQ(memory_.charged(), 0u);
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kTooLarge), 1u);
}

// Scenario: no backend is known.
// Guarantees: GS-12: UNAVAILABLE, and the RetryInfo can be read from grpc-status-details-bin.
TEST_F(GrpcStreamTest, RefusalsCarryRetryInfo) {
  SetUpIngress();
  const auto& call = Ask(RequestHeaders(kExportPath), Framed(RequestOf({std::string(16, 'a')})));
  EXPECT_EQ(StatusOf(call), "14");
  ASSERT_TRUE(RetryOf(call).has_value());
  EXPECT_GE(*RetryOf(call), milliseconds(800));
  EXPECT_LE(*RetryOf(call), milliseconds(1200));
}

// Scenario: a request without spans.
// Guarantees: GS-05…GS-07: OK with an empty ExportTraceServiceResponse, without any backend.
TEST_F(GrpcStreamTest, EmptyRequestIsOk) {
  SetUpIngress();
  const auto& call = Ask(RequestHeaders(kExportPath), Framed(""));
  EXPECT_EQ(StatusOf(call), "0");
  EXPECT_EQ(call.body, Framed(""));
  EXPECT_EQ(ledger_.requests.forwarded.Value(), 1u);
}

// Scenario: a backend rejects one span, with 60 KiB of text.
// Guarantees: GS-08, GS-11: the client reads the count from partial_success and the text is cut.
TEST_F(GrpcStreamTest, PartialSuccessReachesTheClient) {
  SetUpIngress(1);
  backends_[0]->AnswerBy([](ServerStream& stream) {
    stream.RespondMessage(
        SerializeExportResponse({.rejected_spans = 1, .message = std::string(60'000, 'm')}));
  });
  const auto& call = Ask(RequestHeaders(kExportPath), Framed(RequestOf({IdOf(0), IdOf(0, 1)})));
  EXPECT_EQ(StatusOf(call), "0");
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse answer;
  ASSERT_TRUE(answer.ParseFromString(call.body.substr(5)));
  EXPECT_EQ(answer.partial_success().rejected_spans(), 1);
  EXPECT_LE(answer.partial_success().error_message().size(), 1024u);
}

// Scenario: a backend is unavailable and says why in 30 KiB of binary text.
// Guarantees: GS-11, P-07: the answer's headers stay within what clients take by default (8 KiB).
TEST_F(GrpcStreamTest, ABackendsLongMessageDoesNotBurstTheAnswer) {
  SetUpIngress(1);
  backends_[0]->AnswerBy([](ServerStream& stream) {
    stream.RespondStatus({.code = GrpcCode::kUnavailable, .message = std::string(15'000, '\xC3')});
  });
  const auto& call =
      Ask(RequestHeaders(kExportPath, {{"grpc-timeout", "300m"}}), Framed(RequestOf({IdOf(0)})));
  EXPECT_EQ(StatusOf(call), "14");
  std::size_t bytes = 0;
  for (const auto& [name, value] : call.headers) bytes += name.size() + value.size() + 32;
  EXPECT_LE(bytes, 8192u);
}

// ---- the client goes away ----------------------------------------------------------------------

// Scenario: the client resets the stream while its body arrives; while it is at a backend; and
// closes the connection with a request at a backend.
// Guarantees: P-15, FM-17: each request is booked once, as cancelled; the memory is free when
// the backend has answered.
TEST_F(GrpcStreamTest, ClientsMayLeaveAtAnyMoment) {
  SetUpIngress(1);
  backends_[0]->Hold();
  const std::string frame = Framed(RequestOf({IdOf(0)}));
  Http2Client& client = NewClient();
  const std::int32_t reading = client.Open(RequestHeaders(kExportPath));
  client.Write(reading, frame.substr(0, frame.size() / 2));
  PumpTurns(20);
  client.Reset(reading);
  ASSERT_TRUE(PumpUntil([&] { return ledger_.requests.cancelled.Value() == 1; }));

  std::vector<std::int32_t> ids;
  for (int i = 0; i < 2; ++i) {
    ids.push_back(client.Open(RequestHeaders(kExportPath)));
    client.Write(ids.back(), frame);
    client.End(ids.back());
  }
  ASSERT_TRUE(PumpUntil([&] { return backends_[0]->held() == 2; }));
  client.Reset(ids[0]);
  PumpTurns(50);
  clients_.clear();
  ASSERT_TRUE(RunUntil([&] { return server_->connection_count() == 0; }));
  backends_[0]->Release([](ServerStream& stream) { stream.RespondMessage(""); });
  ASSERT_TRUE(RunUntil([&] { return forwarder_->calls_in_flight() == 0; }));
  EXPECT_EQ(ledger_.requests.cancelled.Value(), 3u);
  EXPECT_EQ(ledger_.requests.received.Value(), 3u);
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 2u) << "the backend took them";
  EXPECT_EQ(ledger_.http_spans.received.Value(), 0u);
}

// Scenario: the connection dies right after the answers were given, before they are written.
// Guarantees: I4: an answered request is not booked again when its stream ends.
TEST_F(GrpcStreamTest, AnAnsweredRequestIsNotCancelledToo) {
  SetUpIngress();
  Http2Client& client = NewClient();
  for (int i = 0; i < 10; ++i) {
    const std::int32_t id = client.Open(RequestHeaders(kExportPath));
    client.Write(id, Framed(""));
    client.End(id);
  }
  client.Pump();
  ASSERT_TRUE(RunUntil([&] {
    client.Pump();
    return ledger_.requests.received.Value() == 10;
  }));
  server_->CloseAll("test");
  EXPECT_EQ(Settled(ledger_.requests), 10u);
  EXPECT_EQ(ledger_.requests.cancelled.Value() + ledger_.requests.forwarded.Value(), 10u);
}

// ---- health and drain --------------------------------------------------------------------------

constexpr std::string_view kCheckPath = "/grpc.health.v1.Health/Check";
constexpr std::string_view kWatchPath = "/grpc.health.v1.Health/Watch";
const std::string kServing = Framed("\x08\x01");
const std::string kNotServing = Framed("\x08\x02");
const std::string kServiceUnknown = Framed("\x08\x03");

// Scenario: Check for "", for the trace service and for another; a broken request; then the process
// drains.
// Guarantees: P-16: SERVING, SERVING, NOT_FOUND, INVALID_ARGUMENT; NOT_SERVING when draining.
TEST_F(GrpcStreamTest, HealthCheckAnswers) {
  SetUpIngress();
  const std::string trace_service = Field(1, "opentelemetry.proto.collector.trace.v1.TraceService");
  EXPECT_EQ(Ask(RequestHeaders(kCheckPath), Framed("")).body, kServing);
  EXPECT_EQ(Ask(RequestHeaders(kCheckPath), Framed(trace_service)).body, kServing);
  EXPECT_EQ(StatusOf(Ask(RequestHeaders(kCheckPath), Framed(Field(1, "other")))), "5");
  EXPECT_EQ(StatusOf(Ask(RequestHeaders(kCheckPath), Framed("\x0A"))), "3");
  EXPECT_EQ(StatusOf(Ask(RequestHeaders(kCheckPath), Framed(std::string(2000, '\0')))), "8");
  health_.SetServing(false);
  EXPECT_EQ(Ask(RequestHeaders(kCheckPath), Framed("")).body, kNotServing);
  EXPECT_EQ(ledger_.requests.received.Value(), 0u) << "health is no export";
}

// Scenario: two clients watch, one of them a service that is not known; then the process drains;
// one leaves.
// Guarantees: P-16: the state at once and at each change; SERVICE_UNKNOWN stays.
TEST_F(GrpcStreamTest, HealthWatchFollowsTheState) {
  SetUpIngress();
  Http2Client& client = NewClient();
  const auto watch = [&](std::string_view request) {
    const std::int32_t id = client.Open(RequestHeaders(kWatchPath));
    client.Write(id, Framed(request));
    client.End(id);
    return id;
  };
  const std::int32_t known = watch("");
  const std::int32_t unknown = watch(Field(1, "other"));
  ASSERT_TRUE(PumpUntil([&] { return client.call(unknown).body == kServiceUnknown; }));
  ASSERT_TRUE(PumpUntil([&] { return client.call(known).body == kServing; }));
  health_.SetServing(false);
  ASSERT_TRUE(PumpUntil([&] { return client.call(known).body == kServing + kNotServing; }));
  client.Reset(known);
  PumpTurns(50);
  health_.SetServing(true);
  PumpTurns(50);
  EXPECT_EQ(client.call(known).body, kServing + kNotServing);
  EXPECT_EQ(client.call(unknown).body, kServiceUnknown);
}

// Scenario: a client watches the health when the process asks its clients to leave and names the
// last stream.
// Guarantees: FM-33: the watch ends, so that the connection closes and does not hold up the
// exit.
TEST_F(GrpcStreamTest, AWatchDoesNotHoldUpTheDrain) {
  SetUpIngress();
  Http2Client& client = NewClient();
  const std::int32_t id = client.Open(RequestHeaders(kWatchPath));
  client.Write(id, Framed(""));
  client.End(id);
  ASSERT_TRUE(PumpUntil([&] { return client.call(id).body == kServing; }));
  health_.SetServing(false);
  server_->AnnounceShutDown();
  PumpTurns(20);
  EXPECT_FALSE(client.call(id).is_closed);
  server_->ShutDown();
  ASSERT_TRUE(PumpUntil([&] { return client.call(id).is_closed; })) << "the watch goes on";
  EXPECT_EQ(StatusOf(client.call(id)), "14");
  EXPECT_TRUE(PumpUntil([&] { return server_->connection_count() == 0; }));
}

// Scenario: one idle client and one with a request at a backend when the process drains.
// Guarantees: FM-33: both hear GOAWAY; the idle connection closes, the other when its request was
// answered.
TEST_F(GrpcStreamTest, DrainLetsRequestsFinish) {
  SetUpIngress(1);
  backends_[0]->Hold();
  Http2Client& idle = NewClient();
  Http2Client& busy = NewClient();
  const std::int32_t id = busy.Open(RequestHeaders(kExportPath));
  busy.Write(id, Framed(RequestOf({IdOf(0)})));
  busy.End(id);
  ASSERT_TRUE(
      PumpUntil([&] { return backends_[0]->held() == 1 && server_->connection_count() == 2; }));
  server_->AnnounceShutDown();
  ASSERT_TRUE(PumpUntil([&] { return idle.is_leaving() && busy.is_leaving(); }));
  EXPECT_EQ(server_->connection_count(), 2u);
  server_->ShutDown();
  ASSERT_TRUE(PumpUntil([&] { return server_->connection_count() == 1; }));
  EXPECT_FALSE(busy.call(id).is_closed);
  backends_[0]->Release([](ServerStream& stream) { stream.RespondMessage(""); });
  ASSERT_TRUE(PumpUntil([&] { return busy.call(id).is_closed; }));
  EXPECT_EQ(StatusOf(busy.call(id)), "0");
  EXPECT_TRUE(PumpUntil([&] { return server_->connection_count() == 0; }));
}

}  // namespace
}  // namespace router::test
