#include "router/ingress/request_head.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace router {
namespace {

RequestHead HeadOf(std::string_view name, std::string_view value) {
  RequestHead head;
  head.Add(name, value);
  return head;
}

// Scenario: paths served and not served.
// Guarantees: P-02, GS-22: exact matches only.
TEST(RequestHeadTest, RoutesByTheExactPath) {
  const std::pair<const char*, Route> table[] = {
      {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", Route::kTraceExport},
      {"/grpc.health.v1.Health/Check", Route::kHealthCheck},
      {"/grpc.health.v1.Health/Watch", Route::kHealthWatch},
      {"/grpc.health.v1.Health/check", Route::kUnknown},
      {"opentelemetry.proto.collector.trace.v1.TraceService/Export", Route::kUnknown},
      {"/opentelemetry.proto.collector.trace.v1.TraceService/Export/", Route::kUnknown},
      {"/opentelemetry.proto.collector.logs.v1.LogsService/Export", Route::kUnknown},
      {"", Route::kUnknown}};
  for (const auto& [path, route] : table) EXPECT_EQ(HeadOf(":path", path).route, route) << path;
}

// Scenario: content types.
// Guarantees: P-01: application/grpc alone, with a codec or with parameters; only the codec proto
// is ours.
TEST(RequestHeadTest, KnowsGrpcByItsContentType) {
  struct Row {
    const char* type;
    bool is_grpc;
    bool is_json;
  };
  for (const Row& row :
       {Row{"application/grpc", true, false}, Row{"application/grpc+proto", true, false},
        Row{"application/grpc;charset=utf-8", true, false},
        Row{"application/grpc+proto;a=b", true, false}, Row{"application/grpc+json", true, true},
        Row{"application/grpc+", true, true}, Row{"application/grpc-web", false, false},
        Row{"application/grpc-web+proto", false, false}, Row{"application/json", false, false},
        Row{"application/grp", false, false}, Row{"", false, false}}) {
    const RequestHead head = HeadOf("content-type", row.type);
    EXPECT_EQ(head.is_grpc, row.is_grpc) << row.type;
    EXPECT_EQ(head.is_json_grpc, row.is_json) << row.type;
  }
}

// Scenario: no grpc-encoding, those served, others.
// Guarantees: P-03: absent is identity; an unknown one is never taken for plain.
TEST(RequestHeadTest, KnowsItsEncodings) {
  EXPECT_EQ(RequestHead().encoding, Compression::kNone);
  EXPECT_EQ(HeadOf("grpc-encoding", "identity").encoding, Compression::kNone);
  EXPECT_EQ(HeadOf("grpc-encoding", "gzip").encoding, Compression::kGzip);
  for (const char* other : {"GZIP", "gzip,gzip", "br", "compress", " gzip"}) {
    EXPECT_EQ(HeadOf("grpc-encoding", other).encoding, std::nullopt) << other;
  }
  EXPECT_TRUE(AcceptedEncodings().starts_with("identity,gzip")) << AcceptedEncodings();
}

// Scenario: methods; a header that means nothing here.
// Guarantees: only POST is POST, and what is not known changes nothing.
TEST(RequestHeadTest, MethodAndUnknownHeaders) {
  EXPECT_TRUE(HeadOf(":method", "POST").is_post);
  EXPECT_FALSE(HeadOf(":method", "post").is_post);
  EXPECT_FALSE(HeadOf(":method", "GET").is_post);
  const RequestHead head = HeadOf("user-agent", "application/grpc");
  EXPECT_FALSE(head.is_post || head.is_grpc || head.has_bad_timeout);
  EXPECT_EQ(head.route, Route::kUnknown);
}

// Scenario: timeouts in every unit, and malformed ones; absent.
// Guarantees: P-05.
TEST(RequestHeadTest, ReadsTheTimeout) {
  EXPECT_FALSE(RequestHead().timeout.has_value());
  EXPECT_FALSE(RequestHead().has_bad_timeout);
  EXPECT_EQ(HeadOf("grpc-timeout", "2S").timeout, milliseconds(2000));
  EXPECT_EQ(HeadOf("grpc-timeout", "1H").timeout, std::chrono::hours(1));
  EXPECT_EQ(HeadOf("grpc-timeout", "7m").timeout, milliseconds(7));
  EXPECT_EQ(HeadOf("grpc-timeout", "0m").timeout, milliseconds(0));
  EXPECT_TRUE(HeadOf("grpc-timeout", "fast").has_bad_timeout);
  EXPECT_TRUE(HeadOf("grpc-timeout", "123456789m").has_bad_timeout);
}

}  // namespace
}  // namespace router
