// One request over OTLP/HTTP: every refusal, and what gets through.
#include "router/ingress/http_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "router/ingress/http_status.h"
#include "tests/ingress/http_fixture.h"

namespace router::test {
namespace {

using testing::HasSubstr;
using Response = opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;

std::string Trace(char c) { return std::string(16, c); }

class HttpStreamTest : public HttpIngressTest {};

// ---- what is served ----------------------------------------------------------------------------

// Scenario: a request of two traces, plain, chunked and gzipped, for two backends.
// Guarantees: HS-02, HS-03, HS-06, HS-08: 200, the type of the request, an empty response, and the
// backends have the spans.
TEST_F(HttpStreamTest, RequestsReachTheBackends) {
  SetUpHttp(2);
  const std::string body = RequestOf({Trace('a'), Trace('b'), Trace('c'), Trace('d')});
  std::string chunked =
      "POST /v1/traces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
      "Content-Type: application/x-protobuf\r\n\r\n";
  for (const char c : body) chunked.append("1\r\n").append(1, c).append("\r\n");
  for (const std::string& request :
       {PostTraces(body), PostTraces(Gzipped(body), "Content-Encoding: gzip\r\n"),
        chunked + "0\r\n\r\n"}) {
    const Http1Answer answer = AskHttp(request);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header("content-type"), "application/x-protobuf");
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.Header("content-length"), "0");
    EXPECT_EQ(answer.Header("date").size(), 29u);
  }
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 12u);
  EXPECT_EQ(ledger_.requests.forwarded.Value(), 3u);
  EXPECT_EQ(ledger_.http_requests.Value(), 3u);
  EXPECT_EQ(ledger_.http_spans.received.Value(), 12u);
  EXPECT_EQ(ledger_.http_spans.forwarded.Value(), 12u);
  EXPECT_EQ(ledger_.http_spans.in_flight.Value(), 0u);
}

// Scenario: content types with parameters, other case and spaces; a query behind the path.
// Guarantees: HS-03: all are Protobuf.
TEST_F(HttpStreamTest, TheContentTypeIsReadAsHttpSays) {
  SetUpHttp();
  for (const char* type :
       {"application/x-protobuf", "Application/X-Protobuf", "application/x-protobuf;charset=utf-8",
        "application/x-protobuf ; a=\"b;c\""}) {
    const std::string field = "Content-Type: " + std::string(type) + "\r\n";
    EXPECT_EQ(AskHttp(PostTraces("", field, "/v1/traces?x=y")).status, 200) << type;
  }
}

// Scenario: no spans at all.
// Guarantees: HS-08: success.
TEST_F(HttpStreamTest, AnEmptyRequestSucceeds) {
  SetUpHttp();
  EXPECT_EQ(AskHttp(PostTraces("")).status, 200);
  EXPECT_EQ(ledger_.requests.forwarded.Value(), 1u);
}

// Scenario: another path is configured.
// Guarantees: HS-02: it is served, and the default is not.
TEST_F(HttpStreamTest, ThePathIsConfigurable) {
  options_.http.traces_path = "/tenant/traces";
  SetUpHttp();
  EXPECT_EQ(AskHttp(PostTraces("", "", "/tenant/traces")).status, 200);
  const Http1Answer answer = AskHttp(PostTraces(""));
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(StatusIn(answer).message(), HasSubstr("/tenant/traces"));
}

// Scenario: a backend rejects some spans.
// Guarantees: HS-09: 200 with partial_success.
TEST_F(HttpStreamTest, PartialSuccessIsPassedOn) {
  SetUpHttp(1);
  backends_[0]->AnswerBy(Partial(1, "too old"));
  const Http1Answer answer = AskHttp(PostTraces(RequestOf({Trace('a'), Trace('b')})));
  EXPECT_EQ(answer.status, 200);
  Response response;
  ASSERT_TRUE(response.ParseFromString(answer.body));
  EXPECT_EQ(response.partial_success().rejected_spans(), 1);
  EXPECT_THAT(response.partial_success().error_message(), HasSubstr("too old"));
}

// Scenario: OTLP/JSON: plain, gzipped, with a fault, an error at the headers.
// Guarantees: HS-04: the spans arrive; every answer is JSON.
TEST_F(HttpStreamTest, JsonIsAnsweredInJson) {
  SetUpHttp(1);
  const std::string type = "Content-Type: application/json; charset=utf-8\r\n";
  const std::string json =
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",)"
      R"("spanId":"EEE19B7EC3C1B174","name":"I'm a server span","kind":2}]}]}]})";
  const Http1Answer good = AskHttp(PostTraces(json, type));
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.Header("content-type"), "application/json");
  EXPECT_EQ(good.body, "{}");
  EXPECT_EQ(AskHttp(PostTraces(Gzipped(json), type + "Content-Encoding: gzip\r\n")).status, 200);
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 2u);
  const Http1Answer bad = AskHttp(PostTraces(R"({"resourceSpans":3})", type));
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.Header("content-type"), "application/json");
  EXPECT_THAT(bad.body, HasSubstr(R"("code":3,"message":"not OTLP/JSON: )"));
  const Http1Answer unknown = AskHttp(PostTraces("", type, "/v1/logs"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr(R"({"code":5,)"));
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kMalformed), 1u);
}

// ---- refused at the headers --------------------------------------------------------------------

// Scenario: wrong paths, those of other signals, wrong methods.
// Guarantees: HS-02, HS-10: 404; 405 with Allow; a Status as the body; nothing is counted.
TEST_F(HttpStreamTest, WrongPathsAndMethods) {
  SetUpHttp();
  for (const char* path :
       {"/", "/v1/trace", "/v1/traces/", "/V1/TRACES", "/v1/metrics", "/v1/logs"}) {
    const Http1Answer answer = AskHttp(PostTraces("x", "", path));
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_THAT(StatusIn(answer).message(), HasSubstr("/v1/traces")) << path;
  }
  EXPECT_THAT(StatusIn(AskHttp(PostTraces("", "", "/v1/metrics"))).message(),
              HasSubstr("traces only"));
  for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS"}) {
    const Http1Answer answer =
        AskHttp(std::string(method) + " /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(answer.Header("allow"), "POST");
    StatusIn(answer);
  }
  EXPECT_EQ(ledger_.requests.received.Value(), 0u);
}

// Scenario: GET, and HEAD.
// Guarantees: 405; to HEAD without the body, but with its length.
TEST_F(HttpStreamTest, HeadHasNoBody) {
  SetUpHttp();
  Http1Client& client = NewHttpClient();
  const Http1Answer got = AskHttp("GET /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n");
  client.is_next_without_body = true;
  client.Send("HEAD /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n" + PostTraces(""));
  ASSERT_TRUE(PumpHttpUntil([&] { return client.answers().size() == 2; }));
  EXPECT_EQ(client.answers()[0].status, 405);
  EXPECT_EQ(client.answers()[0].body, "");
  EXPECT_EQ(client.answers()[0].Header("content-length"), std::to_string(got.body.size()));
  EXPECT_EQ(client.answers()[1].status, 200);
}

// Scenario: types that are not served, none, two of them, gRPC by mistake.
// Guarantees: HS-10: 415 with a Status, booked as rejected.
TEST_F(HttpStreamTest, UnknownTypesAreRefused) {
  SetUpHttp();
  const char* fields[] = {"Content-Type: text/plain\r\n", "X-Content-Type: a\r\n",
                          "Content-Type: application/x-protobuf2\r\n",
                          "Content-Type: application/x-protobuf\r\n"
                          "Content-Type: application/x-protobuf\r\n",
                          "Content-Type:\r\n"};
  for (const char* field : fields) {
    const Http1Answer answer = AskHttp(PostTraces("abc", field));
    EXPECT_EQ(answer.status, 415) << field;
    EXPECT_THAT(StatusIn(answer).message(), HasSubstr("application/x-protobuf")) << field;
  }
  const Http1Answer grpc = AskHttp(PostTraces("abc", "Content-Type: application/grpc\r\n"));
  EXPECT_EQ(grpc.status, 415);
  EXPECT_THAT(StatusIn(grpc).message(), HasSubstr("4317"));
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kProtocol), 6u);
}

// Scenario: content codings known and unknown, in other case, empty, listed, twice.
// Guarantees: HS-06: identity and empty are plain; gzip in any case; all else is 415 with what is
// taken, never treated as plain.
TEST_F(HttpStreamTest, ContentCodings) {
  SetUpHttp();
  const auto status = [&](std::string_view body, const std::string& field) {
    return AskHttp(PostTraces(body, field)).status;
  };
  EXPECT_EQ(status("", "Content-Encoding: identity\r\n"), 200);
  EXPECT_EQ(status("", "Content-Encoding:\r\n"), 200);
  EXPECT_EQ(status(Gzipped(""), "Content-Encoding: GZIP\r\n"), 200);
  EXPECT_EQ(status("not gzip", "Content-Encoding: gzip\r\n"), 400);
  for (const char* field : {"Content-Encoding: br\r\n", "Content-Encoding: gzip, gzip\r\n",
                            "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n",
                            "Content-Encoding: gzip2\r\n"}) {
    const Http1Answer answer = AskHttp(PostTraces("", field));
    EXPECT_EQ(answer.status, 415) << field;
    EXPECT_THAT(answer.Header("accept-encoding"), HasSubstr("gzip"));
  }
  options_.http.compressions.fill(false);
  EXPECT_EQ(status("", ""), 415);
  options_.http.compressions[static_cast<std::size_t>(Compression::kNone)] = true;
  EXPECT_EQ(status("", ""), 200);
  EXPECT_EQ(status(Gzipped(""), "Content-Encoding: gzip\r\n"), 415);
}

// Scenario: bodies of the limit and one byte more: announced, chunked, inflated; a length that
// nobody would send.
// Guarantees: HS-07: 413; an announced one is refused before its body comes.
TEST_F(HttpStreamTest, TooLargeIs413) {
  options_.http.request_bytes_max = 1000;
  SetUpHttp();
  const std::string good = Field(900, std::string(1000 - 4, 'u'));
  ASSERT_EQ(good.size(), 1000u);
  EXPECT_EQ(AskHttp(PostTraces(good)).status, 200);
  EXPECT_EQ(AskHttp(PostTraces(Gzipped(good), "Content-Encoding: gzip\r\n")).status, 200);
  const std::string head =
      "POST /v1/traces HTTP/1.1\r\nHost: a\r\n"
      "Content-Type: application/x-protobuf\r\n";
  for (const std::string& request :
       {head + "Content-Length: 1001\r\n\r\n",
        head + "Content-Length: 18446744073709551615\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x'),
        PostTraces(Gzipped(std::string(1001, 'x')), "Content-Encoding: gzip\r\n"),
        PostTraces(Gzipped(std::string(9'000'000, 'x')), "Content-Encoding: gzip\r\n")}) {
    const Http1Answer answer = AskHttp(request);
    EXPECT_EQ(answer.status, 413);
    EXPECT_THAT(StatusIn(answer).message(), HasSubstr("max_request_body_size"));
    EXPECT_EQ(answer.Header("retry-after"), "");
  }
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kTooLarge), 5u);
}

// Scenario: POST with neither length nor chunks; bad chunks; what is no request at all.
// Guarantees: HS-10: 411 and 400 with a Status; a request that was begun is booked as rejected.
TEST_F(HttpStreamTest, BrokenFramingHasAStatusToo) {
  SetUpHttp();
  const Http1Answer without_length = AskHttp(
      "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n\r\n");
  EXPECT_EQ(without_length.status, 411);
  EXPECT_EQ(without_length.Header("connection"), "close") << "a body may follow all the same";
  StatusIn(without_length);
  const Http1Answer bad_chunk = AskHttp(
      "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n"
      "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_EQ(bad_chunk.status, 400);
  EXPECT_EQ(bad_chunk.Header("connection"), "close");
  StatusIn(bad_chunk);
  EXPECT_EQ(RejectedFor(ledger_.requests, RejectReason::kProtocol), 2u);
  const std::pair<std::string, int> rows[] = {
      {"nonsense\r\n\r\n", 400},
      {"POST / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'x'), 431},
      {"POST /" + std::string(9'000, 'x'), 414}};
  for (const auto& [text, status] : rows) {
    const Http1Answer answer = AskHttp(text);
    EXPECT_EQ(answer.status, status) << text.substr(0, 40);
    EXPECT_EQ(answer.Header("connection"), "close");
    StatusIn(answer);
  }
  EXPECT_EQ(ledger_.requests.received.Value(), 2u);
}

// ---- verdicts ----------------------------------------------------------------------------------

// Scenario: bytes that are no ExportTraceServiceRequest.
// Guarantees: HS-12: 400.
TEST_F(HttpStreamTest, UndecodableIs400) {
  SetUpHttp();
  const Http1Answer answer = AskHttp(PostTraces("\xff\xff"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(StatusIn(answer).code(), 3);
}

// Scenario: no backend is known; the memory budget is full.
// Guarantees: HS-13, HS-14: 503 with whole seconds of at least 1.
TEST_F(HttpStreamTest, NotNowIs503WithSeconds) {
  SetUpHttp();
  const Http1Answer answer = AskHttp(PostTraces(RequestOf({Trace('a')})));
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.Header("retry-after"), testing::AnyOf("1", "2"));
  EXPECT_EQ(StatusIn(answer).code(), 14);
}

// Scenario: every code a verdict can have, with and without a delay and with each reason.
// Guarantees: HS-14, HS-20: 429, 502, 503 and 504 for what may be retried and for nothing else;
// RESOURCE_EXHAUSTED is never 429.
TEST(HttpStatusTest, RetryableExactlyWhenTheVerdictIs) {
  for (int i = 0; i < kGrpcCodeCount; ++i) {
    const auto code = static_cast<GrpcCode>(i);
    const int status = HttpStatusOf(Rejection(code, 0, "x"));
    const bool is_retried = status == 429 || status == 502 || status == 503 || status == 504;
    EXPECT_EQ(is_retried, IsRetryable(code, false)) << GrpcCodeName(code);
    EXPECT_EQ(status == 200, code == GrpcCode::kOk);
    EXPECT_NE(status, 408);
    EXPECT_NE(status, 429);
  }
  EXPECT_EQ(HttpStatusOf(Refusal(RefuseReason::kThrottled, "", milliseconds(5))), 429);
  EXPECT_EQ(HttpStatusOf(Refusal(RefuseReason::kTransient, "", milliseconds(5))), 503);
  EXPECT_EQ(HttpStatusOf(Refusal(RefuseReason::kOverload, "", milliseconds(5))), 503);
  EXPECT_EQ(HttpStatusOf(Expiry("")), 504);
  EXPECT_EQ(HttpStatusOf(Rejection(GrpcCode::kUnauthenticated, 0, "")), 401);
  EXPECT_EQ(HttpStatusOf(Rejection(GrpcCode::kPermissionDenied, 0, "")), 403);
  EXPECT_EQ(HttpStatusOf(Rejection(GrpcCode::kResourceExhausted, 0, "")), 413);
  EXPECT_EQ(HttpStatusOf(Rejection(GrpcCode::kInvalidArgument, 0, "")), 400);
  EXPECT_EQ(HttpStatusOf(Rejection(GrpcCode::kInternal, 0, "")), 500);
  EXPECT_EQ(RetryAfterSeconds(milliseconds(0)), 1);
  EXPECT_EQ(RetryAfterSeconds(milliseconds(1000)), 1);
  EXPECT_EQ(RetryAfterSeconds(milliseconds(1001)), 2);
}

// Scenario: backends that refuse for good, that throttle, and that fail.
// Guarantees: section 8: 400 of INVALID_ARGUMENT; 429 with the backend's delay; 503.
TEST_F(HttpStreamTest, BackendsVerdictsBecomeStatusCodes) {
  SetUpHttp(1);
  const std::string request = PostTraces(RequestOf({Trace('a')}));
  backends_[0]->AnswerBy(Status(GrpcCode::kInvalidArgument));
  EXPECT_EQ(AskHttp(request).status, 400);
  backends_[0]->AnswerBy(Status(GrpcCode::kResourceExhausted));
  EXPECT_EQ(AskHttp(request).status, 413);
  backends_[0]->AnswerBy(Status(GrpcCode::kResourceExhausted, milliseconds(20'500)));
  const Http1Answer throttled = AskHttp(request);
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.Header("retry-after"), "21");
}

// ---- the answer --------------------------------------------------------------------------------

// Scenario: a long partial success for clients that take gzip, do not, or refuse it by q=0.
// Guarantees: HS-16: gzip only for who takes it and when it is worth it.
TEST_F(HttpStreamTest, LongAnswersAreGzippedForWhoTakesIt) {
  SetUpHttp(1);
  const std::string request = RequestOf({Trace('a'), Trace('b')});
  backends_[0]->AnswerBy(Partial(1, std::string(1024, 'm')));
  for (const auto& [accepted, coding] : {std::pair("gzip", "gzip"),
                                         {"br, GZIP;q=0.5", "gzip"},
                                         {"*", "gzip"},
                                         {"gzip;q=0", ""},
                                         {"*, gzip;q=0.0", ""},
                                         {"br", ""},
                                         {"", ""}}) {
    const Http1Answer answer =
        AskHttp(PostTraces(request, "Accept-Encoding: " + std::string(accepted) + "\r\n"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header("content-encoding"), coding) << accepted;
    EXPECT_EQ(answer.body.size() < 200, std::string_view(coding) == "gzip");
  }
  EXPECT_EQ(AskHttp(PostTraces("", "Accept-Encoding: gzip\r\n")).Header("content-encoding"), "");
}

// Scenario: headers of the configuration, on a good and on a bad answer.
// Guarantees: both have them.
TEST_F(HttpStreamTest, ConfiguredHeadersAreOnEveryAnswer) {
  options_.http.response_headers = {{"x-served-by", "me"}};
  SetUpHttp();
  EXPECT_EQ(AskHttp(PostTraces("")).Header("x-served-by"), "me");
  EXPECT_EQ(AskHttp(PostTraces("", "", "/x")).Header("x-served-by"), "me");
  EXPECT_EQ(AskHttp("nonsense\r\n\r\n").Header("x-served-by"), "me");
}

// ---- CORS --------------------------------------------------------------------------------------

// Scenario: preflight requests that may be granted and not: origin, method, headers.
// Guarantees: 204 and Vary always; the grant only when all three are allowed; nothing is counted.
TEST_F(HttpStreamTest, Preflight) {
  options_.http.cors = {.allowed_origins = {"https://*.example.com"},
                        .allowed_headers = {"x-tenant"},
                        .exposed_headers = "x-id",
                        .max_age = "60"};
  SetUpHttp();
  const auto ask = [&](std::string_view origin, std::string_view method, std::string_view headers) {
    return AskHttp("OPTIONS /v1/traces HTTP/1.1\r\nHost: a\r\nOrigin: " + std::string(origin) +
                   "\r\nAccess-Control-Request-Method: " + std::string(method) +
                   "\r\nAccess-Control-Request-Headers: " + std::string(headers) + "\r\n\r\n");
  };
  const Http1Answer granted = ask("https://A.example.com", "POST", "content-type, X-Tenant");
  EXPECT_EQ(granted.status, 204);
  EXPECT_EQ(granted.Header("access-control-allow-origin"), "https://A.example.com");
  EXPECT_EQ(granted.Header("access-control-allow-methods"), "POST");
  EXPECT_EQ(granted.Header("access-control-allow-headers"), "content-type, X-Tenant");
  EXPECT_EQ(granted.Header("access-control-max-age"), "60");
  EXPECT_EQ(granted.Header("content-length"), "");
  EXPECT_THAT(granted.Header("vary"), HasSubstr("origin"));
  for (const Http1Answer& refused :
       {ask("https://example.com", "POST", ""), ask("http://a.example.com", "POST", ""),
        ask("https://a.example.com.evil", "POST", ""), ask("https://a.example.com", "PUT", ""),
        ask("https://a.example.com", "POST", "x-other")}) {
    EXPECT_EQ(refused.status, 204);
    EXPECT_EQ(refused.Header("access-control-allow-origin"), "");
    EXPECT_THAT(refused.Header("vary"), HasSubstr("origin"));
  }
  EXPECT_EQ(ledger_.requests.received.Value(), 0u);
}

// Scenario: requests from an allowed page, another one, and none; then every origin is allowed.
// Guarantees: only the first may read the answer; all are served.
TEST_F(HttpStreamTest, PagesOfAllowedOriginsMayReadTheAnswer) {
  options_.http.cors = {.allowed_origins = {"https://a"}, .exposed_headers = "x-id"};
  SetUpHttp();
  const Http1Answer allowed = AskHttp(PostTraces("", "Origin: https://a\r\n"));
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.Header("access-control-allow-origin"), "https://a");
  EXPECT_EQ(allowed.Header("access-control-allow-credentials"), "true");
  EXPECT_EQ(allowed.Header("access-control-expose-headers"), "x-id");
  EXPECT_EQ(allowed.Header("vary"), "origin");
  const Http1Answer other = AskHttp(PostTraces("", "Origin: https://b\r\n"));
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(other.Header("access-control-allow-origin"), "");
  EXPECT_EQ(AskHttp(PostTraces("")).Header("access-control-allow-origin"), "");
  options_.http.cors.allowed_origins = {"*"};
  EXPECT_EQ(AskHttp(PostTraces("", "Origin: x\r\n")).Header("access-control-allow-origin"), "*");
}

// ---- HTTP/2 ------------------------------------------------------------------------------------

// Scenario: the same over HTTP/2 with prior knowledge: a request, a wrong path, too large a length.
// Guarantees: HS-01: the same answers.
TEST_F(HttpStreamTest, Http2OnTheSamePort) {
  options_.http.request_bytes_max = 1000;
  SetUpHttp(1);
  port_ = http_port_;
  const Headers type = {{"content-type", "application/x-protobuf"}};
  const auto& good = Ask(RequestHeaders("/v1/traces", type), RequestOf({Trace('a')}));
  EXPECT_EQ(good.headers.at(":status"), "200");
  EXPECT_EQ(good.headers.at("content-type"), "application/x-protobuf");
  EXPECT_FALSE(good.headers.contains("grpc-status"));
  EXPECT_EQ(Ask(RequestHeaders("/v1/logs", type), "x").headers.at(":status"), "404");
  Headers large = type;
  large.emplace_back("content-length", "1001");
  EXPECT_EQ(AskWithoutEnd(RequestHeaders("/v1/traces", large)).headers.at(":status"), "413");
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 1u);
}

}  // namespace
}  // namespace router::test
