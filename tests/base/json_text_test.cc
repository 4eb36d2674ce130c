#include "router/base/json_text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include "router/base/log.h"

namespace router {
namespace {

// Scenario: objects and arrays within each other, empty ones among them.
// Guarantees: commas between values and nowhere else.
TEST(JsonTextTest, NestsWithCommasBetween) {
  JsonText json;
  json.BeginObject();
  json.Field("a", 1);
  json.BeginArray("b");
  json.Item("x");
  json.BeginObject();
  json.EndObject();
  json.BeginObject();
  json.Field("c", true);
  json.EndObject();
  json.EndArray();
  json.BeginObject("d");
  json.EndObject();
  json.Null("e");
  json.Field("f", 0.5);
  json.EndObject();
  EXPECT_EQ(json.Take(), R"({"a":1,"b":["x",{},{"c":true}],"d":{},"e":null,"f":0.5})");
}

// Scenario: quotes, control characters, UTF-8, bytes that are none; a number that is none.
// Guarantees: valid JSON whatever came.
TEST(JsonTextTest, StringsAreAlwaysValid) {
  JsonText json;
  json.BeginArray();
  json.Item("\"\\\n\x01");
  json.Item("ä€𐍈");
  json.Item("\xff\xc0\xaf\xed\xa0\x80\xe2\x82");
  json.Field("", std::numeric_limits<double>::infinity());
  json.EndArray();
  EXPECT_EQ(json.Take(),
            "[\"\\\"\\\\\\n\\u0001\",\"ä€𐍈\","
            "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\",null]");
}

// Scenario: one line of the log in JSON.
// Guarantees: the Collector's keys, UTC with milliseconds, one line whatever the text holds.
TEST(JsonLogLineTest, HasTheCollectorsKeys) {
  const std::chrono::system_clock::time_point at{std::chrono::milliseconds(1700000000123)};
  EXPECT_EQ(JsonLogLine("warn", at, "a \"b\"\nc"),
            R"({"level":"warn","ts":"2023-11-14T22:13:20.123Z","msg":"a \"b\"\nc",)"
            R"("resource":{"service.name":"spanring"}})");
}

}  // namespace
}  // namespace router
