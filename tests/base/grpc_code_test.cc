#include "router/base/grpc_code.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace router {
namespace {

// Scenario: every code of gRPC, and OTLP's table of what may be tried again.
// Guarantees: GC-09, code by code; RESOURCE_EXHAUSTED only with a RetryInfo (GC-10), which changes
// no other code.
TEST(GrpcCodeTest, RetryableCodesAreThoseOfOtlpGc09) {
  const std::set<std::string> retryable = {"CANCELLED",    "DEADLINE_EXCEEDED", "ABORTED",
                                           "OUT_OF_RANGE", "UNAVAILABLE",       "DATA_LOSS"};
  for (int value = 0; value < kGrpcCodeCount; ++value) {
    const auto code = static_cast<GrpcCode>(value);
    const std::string name(GrpcCodeName(code));
    EXPECT_EQ(IsRetryable(code, false), retryable.contains(name)) << name;
    EXPECT_EQ(IsRetryable(code, true), retryable.contains(name) || name == "RESOURCE_EXHAUSTED")
        << name;
  }
}

// Scenario: the names of all codes.
// Guarantees: gRPC's spelling in gRPC's order.
TEST(GrpcCodeTest, NamesAreThoseOfGrpc) {
  EXPECT_EQ(GrpcCodeName(GrpcCode::kOk), "OK");
  EXPECT_EQ(GrpcCodeName(GrpcCode::kUnknown), "UNKNOWN");
  EXPECT_EQ(GrpcCodeName(GrpcCode::kPermissionDenied), "PERMISSION_DENIED");
  EXPECT_EQ(GrpcCodeName(GrpcCode::kResourceExhausted), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(GrpcCodeName(GrpcCode::kUnimplemented), "UNIMPLEMENTED");
  EXPECT_EQ(GrpcCodeName(GrpcCode::kUnavailable), "UNAVAILABLE");
  EXPECT_EQ(GrpcCodeName(GrpcCode::kUnauthenticated), "UNAUTHENTICATED");
  std::set<std::string_view> names;
  for (int value = 0; value < kGrpcCodeCount; ++value)
    names.insert(GrpcCodeName(static_cast<GrpcCode>(value)));
  EXPECT_EQ(names.size(), 17U);
}

// Scenario: numbers that are codes, and 17, 99 and 2^64 - 1 that are none.
// Guarantees: GC-09: a code nobody knows counts as UNKNOWN, so it is final.
TEST(GrpcCodeTest, NumberThatIsNoCodeIsUnknown) {
  for (std::uint64_t value = 0; value < 17; ++value) {
    EXPECT_EQ(static_cast<std::uint64_t>(GrpcCodeFromInt(value)), value);
  }
  for (const std::uint64_t value :
       {std::uint64_t{17}, std::uint64_t{99}, std::uint64_t{256}, ~std::uint64_t{0}}) {
    EXPECT_EQ(GrpcCodeFromInt(value), GrpcCode::kUnknown) << value;
  }
  EXPECT_FALSE(IsRetryable(GrpcCodeFromInt(99), true));
}

}  // namespace
}  // namespace router
