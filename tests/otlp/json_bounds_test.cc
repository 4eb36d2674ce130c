// JsonCodec: its limits, at them and beyond, and bytes that mean harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <fstream>

#include "router/otlp/json_codec.h"
#include "router/otlp/span_index.h"
#include "tests/otlp/json_to_wire.h"

namespace router::test {
namespace {

using testing::HasSubstr;

using JsonBoundsTest = JsonCodecFixture;

// Scenario: numbers of 512 and of 513 characters, known and ignored.
// Guarantees: the limit is exact. J-09.
TEST_F(JsonBoundsTest, BoundsTheLengthOfNumbers) {
  const std::string longest = "0." + std::string(510, '1');
  EXPECT_EQ(Attribute("{\"doubleValue\":" + longest + "}"), "");
  EXPECT_EQ(Span("\"x\":" + longest), "");
  EXPECT_THAT(Attribute("{\"doubleValue\":" + longest + "1}"), HasSubstr("longer than 512"));
  EXPECT_THAT(Attribute("{\"intValue\":\"" + longest + "1\"}"), HasSubstr("longer than 512"));
  EXPECT_NE(Span("\"x\":" + longest + "1"), "");
}

// Scenario: a valid request cut after every one of its bytes; with every byte replaced.
// Guarantees: no cut passes; nothing crashes; what passes is read by Protobuf and by the index.
TEST_F(JsonBoundsTest, SurvivesDamage) {
  const std::string json =
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"arrayValue":{"values":)"
      R"([{"intValue":"1"},{"doubleValue":1.5},{"bytesValue":"AA=="},{"boolValue":true}]}}}]},)"
      R"("scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","name":"\u00e9\n",)"
      R"("kind":2,"startTimeUnixNano":"15","flags":1,"x":[{"y":null}]}],"schemaUrl":"s"}]}]})";
  ASSERT_EQ(to_wire_.Convert(json), "");
  for (std::size_t size = 0; size < json.size(); ++size) {
    EXPECT_NE(to_wire_.Convert(std::string_view(json).substr(0, size)), "") << size;
  }
  for (std::size_t at = 0; at < json.size(); ++at) {
    for (const char other : std::string("\0\"\\{}[]:,09-.eEaZ \n\x80\xFF\x7F", 23)) {
      std::string damaged = json;
      damaged[at] = other;
      const std::string fault = to_wire_.Convert(damaged);
      ASSERT_NE(fault, "Protobuf does not read what was written") << damaged;
      SpanIndex index;
      if (!to_wire_.is_fault()) {
        ASSERT_FALSE(index.Parse(AsBytes(to_wire_.wire()), {})) << damaged;
      }
    }
  }
}

// Scenario: each control character, and DEL, at every place where white space may be: behind
// numbers, literals, strings, objects and arrays, known and ignored, and in front of them.
// Guarantees: white space is space, tab, line feed and carriage return; anything else is refused.
// J-08.
TEST_F(JsonBoundsTest, TakesNoOtherControlCharacterForWhiteSpace) {
  for (int code = 0; code <= 0x7F; code = code == ' ' ? 0x7F : code + 1) {
    const std::string character(1, static_cast<char>(code));
    const bool is_white = std::string_view(" \t\n\r").find(character) != std::string_view::npos;
    for (std::string fields : {R"("kind":2@)",
                               R"("kind":2@,"y":0)",
                               R"("kind":@2)",
                               R"("kind"@:2)",
                               R"(@"kind":2)",
                               R"("kind":null@)",
                               R"("kind":null@,"y":0)",
                               R"("flags":"7"@)",
                               R"("name":"a"@)",
                               R"("traceId":""@)",
                               R"("status":{"code":1@})",
                               R"("status":{"code":1}@)",
                               R"("status":null@)",
                               R"("events":[@])",
                               R"("events":[]@)",
                               R"("events":null@)",
                               R"("attributes":[{"value":{"boolValue":true@}}])",
                               R"("attributes":[{"value":{"doubleValue":1@}}])",
                               R"("attributes":[{"value":{"intValue":-1@}}])",
                               R"("attributes":[{"value":{"stringValue":null@}}])",
                               R"("attributes":[{"value":{"bytesValue":""@}}])",
                               R"("x":1.5@)",
                               R"("x":true@)",
                               R"("x":null@)",
                               R"("x":"a"@)",
                               R"("x":[1@])",
                               R"("x":[1@,2])",
                               R"("x":[1,@2])",
                               R"("x":[{}@])",
                               R"("x":{@})",
                               R"("x":{"a"@:0})",
                               R"("x":{"a":false@})",
                               R"("x":{"a":[0@]})",
                               R"("x":{"a":0@,"b":1})"}) {
      fields.replace(fields.find('@'), 1, character);
      EXPECT_EQ(Span(fields).empty(), is_white) << fields << ", code " << code;
    }
    EXPECT_EQ(to_wire_.Convert("{}" + character).empty(), is_white) << code;
    EXPECT_EQ(to_wire_.Convert(character + "{}").empty(), is_white) << code;
  }
}

std::string NestedArrays(int levels) {
  std::string json;
  for (int i = 0; i < levels; ++i) json += R"({"arrayValue":{"values":[)";
  json += "{}";
  for (int i = 0; i < levels; ++i) json += "]}}";
  return json;
}

// Scenario: AnyValue nested to the limit and one level beyond; unknown arrays the same.
// Guarantees: 100 messages below the request, as Protobuf itself takes them; 200 containers. J-09.
TEST_F(JsonBoundsTest, BoundsDepthAsProtobufDoes) {
  // resourceSpans, scopeSpans, spans, attributes, value: 5; then two per array.
  ASSERT_EQ(Attribute(NestedArrays(47)), "");
  EXPECT_EQ(Attribute(NestedArrays(46)), "");
  // A list in between takes three: 5 + 3 + 2 * 46 is 100.
  const std::string list_of_46 =
      R"({"kvlistValue":{"values":[{"value":)" + NestedArrays(46) + "}]}}";
  EXPECT_EQ(Attribute(list_of_46), "");
  EXPECT_THAT(Attribute(NestedArrays(48)), HasSubstr("nests more than 100 messages"));
  EXPECT_LE(Attribute(NestedArrays(48)).size(), 400u);
  EXPECT_EQ(Attribute("{\"arrayValue\":{\"values\":[" + NestedArrays(46) +
                      "]},\"x\":" + std::string(180, '[') + std::string(180, ']') + "}"),
            "");
  for (const int levels : {199, 200}) {
    const std::string json = "{\"x\":" + std::string(static_cast<std::size_t>(levels), '[') +
                             std::string(static_cast<std::size_t>(levels), ']') + "}";
    EXPECT_EQ(to_wire_.Convert(json) == "", levels == 199) << levels;
  }
}

long ResidentKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return 0;
}

// Scenario: a million opening brackets, alone, under an unknown name and as a value.
// Guarantees: refused in 10 ms, with less than 8 MiB of memory more. J-09, A-16.
TEST_F(JsonBoundsTest, RefusesMillionBracketsQuickly) {
  const std::string brackets(1'000'000, '[');
  for (const std::string& json :
       {brackets, "{\"x\":" + brackets + "}", "{\"resourceSpans\":" + brackets + "}"}) {
    const std::clock_t start = std::clock();
    [[maybe_unused]] const long before = ResidentKilobytes();
    EXPECT_NE(to_wire_.Convert(json), "");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LE(1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 10);
    EXPECT_LE(ResidentKilobytes() - before, 8 * 1024);
#endif
    RecordProperty("cpu_us", static_cast<int>(std::clock() - start));
  }
}

// Scenario: limits on the output of one byte less than a request takes, exactly that, and more.
// Guarantees: the limit is exact, and named as what it is. GS-02.
TEST_F(JsonBoundsTest, PassesExactlyTheLimit) {
  for (const std::size_t size : {0u, 100u, 5000u, 300000u}) {
    const std::string json =
        R"({"resourceSpans":[{"schemaUrl":")" + std::string(size, 'a') + "\"}]}";
    ASSERT_EQ(to_wire_.Convert(json), "");
    const std::size_t exact = to_wire_.wire().size();
    EXPECT_EQ(to_wire_.Convert(json, exact), "");
    EXPECT_EQ(to_wire_.wire().size(), exact);
    EXPECT_NE(to_wire_.Convert(json, exact - 1), "");
    EXPECT_TRUE(to_wire_.fault().is_too_large);
    EXPECT_FALSE(to_wire_.fault().is_no_memory);
  }
}

// Scenario: bytes in base64, plain, padded, and with each "/" escaped as some libraries do, or
// every digit; limits on the output of one byte less than they take, exactly that, and more.
// Guarantees: the limit is on what is written, not on its spelling. GS-02.
TEST_F(JsonBoundsTest, PassesBytesUpToExactlyTheLimit) {
  const auto repeated = [](std::string_view text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += text;
    return all;
  };
  for (const std::size_t count : {1u, 100u, 5000u, 100000u}) {
    for (const std::string& text :
         {repeated("+/8A", count), repeated("+/8A", count) + "YQ==", repeated("+\\/8A", count),
          repeated(R"(\u002b\u002f\u0038\u0041)", count), repeated("+/8A", count) + "YQ\\u003d="}) {
      const std::string json =
          R"({"resourceSpans":[{"resource":{"attributes":[{"value":{"bytesValue":")" + text +
          "\"}}]}}]}";
      ASSERT_EQ(to_wire_.Convert(json), "");
      const std::size_t exact = to_wire_.wire().size();
      ASSERT_LE(exact, 3 * count + 32);
      EXPECT_EQ(to_wire_.Convert(json, exact), "") << text.substr(0, 8) << " " << count;
      EXPECT_EQ(to_wire_.wire().size(), exact);
      EXPECT_NE(to_wire_.Convert(json, exact - 1), "");
      EXPECT_TRUE(to_wire_.fault().is_too_large);
    }
  }
}

// Scenario: base64 whose digits and padding are escaped, rightly or not; padding in every wrong
// place.
// Guarantees: an escape means what it means elsewhere, and padding stands only where it belongs.
TEST_F(JsonBoundsTest, ReadsEscapedBase64AndNoWrongPadding) {
  ASSERT_EQ(Attribute(R"({"bytesValue":"\u0059Q=\u003D"})"), "");
  EXPECT_EQ(value().bytes_value(), "a");
  for (const char* text : {"====", "A===", "YQ=A", "AAECYQ=", "AA\\n", "AA\\u00e9A", "YQ\\u003d"}) {
    EXPECT_THAT(Attribute(std::string(R"({"bytesValue":")") + text + "\"}"),
                HasSubstr("is not base64"))
        << text;
  }
  EXPECT_THAT(Attribute(R"({"bytesValue":"AA\q="})"), HasSubstr("has an escape that is not valid"));
}

// Scenario: budgets from nothing up to what a large request takes.
// Guarantees: is_no_memory, everything given back; the codec works for the next request.
TEST_F(JsonBoundsTest, ReportsFullBudget) {
  JsonCodec codec;
  const std::string small =
      R"({"resourceSpans":[{"schemaUrl":")" + std::string(9000, 'a') + "\"}]}";
  const std::string large =
      R"({"resourceSpans":[{"schemaUrl":")" + std::string(1 << 20, 'a') + "\"}]}";
  for (const std::string* json : {&small, &large}) {
    bool is_enough = false;
    for (std::size_t available = 0; !is_enough; available += json->size() / 2) {
      ASSERT_LE(available, 12 * json->size());
      MemoryBudget budget(available);
      MemoryAccount account(budget);
      Body body(account);
      const auto fault = codec.ToWire(AsBytes(*json), 64 << 20, body);
      is_enough = !fault;
      if (fault) {
        EXPECT_TRUE(fault->is_no_memory);
        EXPECT_EQ(body.capacity(), 0u);
      }
      EXPECT_EQ(account.charged(), body.capacity());
      EXPECT_TRUE(json != &large || !is_enough || available >= 7 * json->size());
    }
  }
}

// Scenario: a string of 8 MiB below 45 arrays, and a million empty messages.
// Guarantees: neither is copied once per level: well below a second. A-16.
TEST_F(JsonBoundsTest, DoesNotCopyOncePerLevel) {
  std::string deep = NestedArrays(45);
  deep.replace(deep.find("{}"), 2, "{\"stringValue\":\"" + std::string(8 << 20, 'a') + "\"}");
  std::string wide = "{}";
  for (int i = 0; i < 1'000'000; ++i) wide += ",{}";
  [[maybe_unused]] const std::clock_t start = std::clock();
  EXPECT_EQ(Attribute(deep), "");
  EXPECT_EQ(Span("\"events\":[" + wide + "]"), "");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 1);
#endif
}

}  // namespace
}  // namespace router::test
