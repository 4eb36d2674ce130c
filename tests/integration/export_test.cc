// Successful and malformed exports: bodies, encodings, concurrency, the split itself.
#include <map>
#include <set>

#include "tests/integration/router_test_fixture.h"

namespace router::test {
namespace {

class ExportTest : public RouterTest {};

// Scenario: one trace, one span.
// Guarantees: OK, and not one byte of partial_success on the wire.
TEST_F(ExportTest, Gs05Gs07SuccessLeavesPartialSuccessUnset) {
  const CallResult result = client().Export(RequestFor({TraceOf(0)}));
  EXPECT_EQ(result.code(), 0);
  EXPECT_EQ(result.response, "");
}

// Scenario: the same request plain and gzip.
// Guarantees: its backend gets the sender's very bytes, both times.
TEST_F(ExportTest, Gs01PlainAndGzipArriveAsTheSameBytes) {
  const std::string bytes = RequestFor({TraceOf(1)}, 200).SerializeAsString();
  EXPECT_EQ(client().Call(bytes).code(), 0);
  EXPECT_EQ(client().Call(bytes, {.gzip = true}).code(), 0);
  for (const ReceivedRequest& request : backend(1).requests()) {
    EXPECT_EQ(request.bytes, bytes);
  }
  EXPECT_EQ(backend(1).request_count(), 2u);
}

// Scenario: no bytes, empty ResourceSpans, empty ScopeSpans, a resource without spans.
// Guarantees: success; no backend hears of it.
TEST_F(ExportTest, Gs06EmptyRequestsSucceedAndAreNotForwarded) {
  ExportRequest resource_only;
  resource_only.add_resource_spans()->mutable_resource()->add_attributes()->set_key("a");
  ExportRequest empty_resource;
  empty_resource.add_resource_spans();
  ExportRequest empty_scope;
  empty_scope.add_resource_spans()->add_scope_spans();
  for (const ExportRequest& request :
       {ExportRequest(), empty_resource, empty_scope, resource_only}) {
    const CallResult result = client().Export(request);
    EXPECT_EQ(result.code(), 0) << request.ShortDebugString();
    EXPECT_EQ(result.response, "");
  }
  EXPECT_EQ(RequestsAtBackends(), 0u);
}

// Scenario: noise, a message cut short, one with a tag and no more, a varint that never ends.
// Guarantees: INVALID_ARGUMENT without RetryInfo, a readable text, nothing forwarded.
TEST_F(ExportTest, Gs09Gs13MalformedRequestIsInvalidForGood) {
  const std::string good = RequestFor({TraceOf(0)}).SerializeAsString();
  const std::vector<std::string> malformed = {"this is no protobuf",
                                              good.substr(0, good.size() - 1), good + '\x0a',
                                              std::string("\x0a") + std::string(11, '\xff')};
  for (std::size_t i = 0; i < malformed.size(); ++i) {
    const CallResult result = client().Call(malformed[i]);
    EXPECT_EQ(result.code(), grpc::INVALID_ARGUMENT) << "case " << i;
    EXPECT_EQ(result.retry_delay, std::nullopt) << "case " << i;
    const std::string text = result.status.error_message();
    EXPECT_TRUE(!text.empty() && text.size() <= 1024) << "case " << i;
    for (const char c : text) EXPECT_TRUE(c >= ' ' && c <= '~') << "case " << i;
  }
  EXPECT_EQ(RequestsAtBackends(), 0u);
}

// Scenario: a hundred calls at once on one connection; the backends answer later calls earlier.
// Guarantees: every call gets its own success and every span arrives once.
TEST_F(ExportTest, Gs18HundredCallsInFlightAnsweredOutOfOrder) {
  for (std::size_t i = 0; i < kBackends; ++i) {
    backend(i).SetScript([](const ReceivedRequest& request) {
      return Answer{
          .delay = milliseconds(request.number % 7 == 0 ? 400 : 400 / (request.number % 7 + 1))};
    });
  }
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (std::uint64_t i = 0; i < 100; ++i) {
    calls.push_back(client().Start(RequestFor({i + 1000, i + 2000}).SerializeAsString()));
  }
  for (const auto& call : calls) {
    const CallResult* result = call->Wait(seconds(20));
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->code(), 0) << result->status.error_message();
  }
  const SpanLedger ledger = LedgerOfBackends();
  EXPECT_EQ(ledger.copies(), 200u);
  EXPECT_EQ(ledger.distinct(), 200u);
}

// Scenario: unknown fields of every wire type at every level, one owner.
// Guarantees: the backend gets the very bytes.
TEST_F(ExportTest, Gs19UnknownFieldsOfOneOwnerPassByteIdentical) {
  const std::string bytes = RequestWithUnknownFields({TraceOf(2), TraceOf(2)}).SerializeAsString();
  EXPECT_EQ(client().Call(bytes).code(), 0);
  const auto requests = backend(2).requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].bytes, bytes);
}

// Scenario: the same, split over all backends.
// Guarantees: every span arrives once, with its resource, scope and all unknown fields of these
// levels.
TEST_F(ExportTest, Gs19UnknownFieldsSurviveTheSplit) {
  const ExportRequest request = RequestWithUnknownFields(TraceOfEach());
  EXPECT_EQ(client().Export(request).code(), 0);
  SpanLedger sent;
  sent.Add(request);
  const SpanLedger received = LedgerOfBackends();
  ASSERT_EQ(received.distinct(), sent.distinct());
  EXPECT_EQ(received.copies(), sent.copies());
  for (const auto& [key, entry] : sent.entries()) {
    const auto found = received.entries().find(key);
    ASSERT_NE(found, received.entries().end());
    EXPECT_EQ(found->second.fingerprint, entry.fingerprint) << Hex(key.trace_id);
  }
  int of_the_request = 0;
  for (std::size_t i = 0; i < kBackends; ++i) {
    const auto requests = backend(i).requests();
    ASSERT_EQ(requests.size(), 1u);
    const auto& part = requests[0].message;
    of_the_request += UnknownFieldCount(part);
    EXPECT_EQ(UnknownFieldCount(part.resource_spans(0)), 5) << "of ResourceSpans";
    EXPECT_EQ(UnknownFieldCount(part.resource_spans(0).scope_spans(0)), 5) << "of ScopeSpans";
  }
  EXPECT_EQ(of_the_request, 5)
      << "those of the request belong to one shard, or merging would multiply them";
}

// Scenario: five hundred traces, three spans each, spread over requests that mix them.
// Guarantees: CP-2, I2: each trace on exactly one backend, nothing lost or doubled.
TEST_F(ExportTest, I2EveryTraceEndsAtOneBackend) {
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t first = 10'000; first < 10'500; first += 50) {
      std::vector<std::uint64_t> traces;
      for (std::uint64_t trace = first; trace < first + 50; ++trace) traces.push_back(trace);
      ASSERT_EQ(client().Export(RequestFor(traces), {.gzip = round == 1}).code(), 0);
    }
  }
  std::map<std::string, std::set<std::size_t>> backends_of;
  for (std::size_t i = 0; i < kBackends; ++i) {
    const SpanLedger ledger = backend(i).ledger();
    EXPECT_GT(ledger.copies(), 200u) << "backend " << i << " has hardly a share";
    for (const auto& [key, entry] : ledger.entries()) backends_of[key.trace_id].insert(i);
  }
  EXPECT_EQ(backends_of.size(), 500u);
  for (const auto& [trace, backends] : backends_of) EXPECT_EQ(backends.size(), 1u) << Hex(trace);
  EXPECT_EQ(LedgerOfBackends().copies(), 1500u);
  EXPECT_EQ(LedgerOfBackends().distinct(), 1500u);
}

// Scenario: spans without a trace ID, with a short one, with zeros.
// Guarantees: none is dropped: they are routed by the bytes that are there, and counted.
TEST_F(ExportTest, InvalidTraceIdsAreForwardedAndCounted) {
  ExportRequest request = RequestFor({1, 2, 3});
  auto* spans = request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans();
  spans->Mutable(0)->clear_trace_id();
  spans->Mutable(1)->set_trace_id("short");
  spans->Mutable(2)->set_trace_id(std::string(16, '\0'));
  EXPECT_EQ(client().Export(request).code(), 0);
  EXPECT_EQ(LedgerOfBackends().distinct(), 3u);
}

// Scenario: methods of the other OTLP signals.
// Guarantees: UNIMPLEMENTED, so a client drops them instead of trying again.
TEST_F(ExportTest, Gs22UnservedSignalsAreUnimplemented) {
  for (const char* method :
       {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import"}) {
    const CallResult result = client().Call("", {.method = method});
    EXPECT_EQ(result.code(), grpc::UNIMPLEMENTED) << method;
    EXPECT_EQ(result.retry_delay, std::nullopt) << method;
  }
  EXPECT_EQ(RequestsAtBackends(), 0u);
}

}  // namespace
}  // namespace router::test
