#include "router/otlp/json_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace router {
namespace {

using testing::StartsWith;

// Scenario: answers in full success, with rejected spans, with a warning, with characters that JSON
// escapes; a status.
// Guarantees: JSON that Protobuf reads back to the same. HS-04, HS-11, J-05.
TEST(JsonAnswerTest, WritesAnswers) {
  EXPECT_EQ(ExportResponseJson({}), "{}");
  EXPECT_EQ(ExportResponseJson({3, "full"}),
            R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}})");
  EXPECT_EQ(ExportResponseJson({0, "a \"b\" \\ \n"}),
            R"({"partialSuccess":{"errorMessage":"a \"b\" \\  "}})");
  EXPECT_THAT(ExportResponseJson({9223372036854775807, ""}),
              StartsWith(R"({"partialSuccess":{"rejectedSpans":"9223372036854775807","errorM)"));
  EXPECT_EQ(StatusJson(GrpcCode::kInvalidArgument, "a \"b\""), R"({"code":3,"message":"a \"b\""})");
  EXPECT_EQ(SerializeStatus(GrpcCode::kInvalidArgument, "ab"),
            "\x08\x03\x12\x02"
            "ab");
}

}  // namespace
}  // namespace router
