// JsonCodec: what is taken, what is refused and what the refusal says.
#include "router/otlp/json_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/otlp/json_to_wire.h"

namespace router::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using JsonCodecTest = JsonCodecFixture;

constexpr std::string_view kSpanPath = "resourceSpans[0].scopeSpans[0].spans[0]";

// Scenario: the example of the OTLP specification, with white space.
// Guarantees: each field arrives; numbers in quotes and without.
TEST_F(JsonCodecTest, ReadsTheExampleOfTheSpecification) {
  ASSERT_EQ(to_wire_.Convert(R"( {
    "resourceSpans": [ {
      "resource": { "attributes": [ { "key": "service.name",
                                      "value": { "stringValue": "my.service" } } ] },
      "scopeSpans": [ {
        "scope": { "name": "my.library", "version": "1.0.0" },
        "spans": [ {
          "traceId": "5B8EFFF798038103D269B633813FC60C",
          "spanId": "EEE19B7EC3C1B174",
          "parentSpanId": "EEE19B7EC3C1B173",
          "name": "I'm a server span",
          "startTimeUnixNano": "1544712660000000000",
          "endTimeUnixNano": 1544712661000000000,
          "kind": 2,
          "attributes": [ { "key": "my.span.attr", "value": { "stringValue": "some value" } } ]
        } ] } ] } ] }
)"),
            "");
  const auto& resource = to_wire_.request().resource_spans(0);
  EXPECT_EQ(resource.resource().attributes(0).value().string_value(), "my.service");
  EXPECT_EQ(resource.scope_spans(0).scope().version(), "1.0.0");
  EXPECT_EQ(span().trace_id(), "\x5B\x8E\xFF\xF7\x98\x03\x81\x03\xD2\x69\xB6\x33\x81\x3F\xC6\x0C");
  EXPECT_EQ(span().parent_span_id(), "\xEE\xE1\x9B\x7E\xC3\xC1\xB1\x73");
  EXPECT_EQ(span().name(), "I'm a server span");
  EXPECT_EQ(span().start_time_unix_nano(), 1544712660000000000u);
  EXPECT_EQ(span().end_time_unix_nano(), 1544712661000000000u);
  EXPECT_EQ(span().kind(), 2);
}

// Scenario: requests without spans.
// Guarantees: nothing is written for what is not there, into a body that can be sent; a message
// that is there is written even when empty.
TEST_F(JsonCodecTest, WritesNothingForNothing) {
  for (const char* json : {"{}", " { } ", R"({"resourceSpans":[]})", R"({"resourceSpans":null})"}) {
    EXPECT_EQ(to_wire_.Convert(json), "") << json;
    EXPECT_EQ(to_wire_.wire(), "") << json;
    EXPECT_TRUE(to_wire_.is_allocated()) << json;
  }
  EXPECT_EQ(to_wire_.Convert(R"({"resourceSpans":[{"resource":{},"schemaUrl":""}]})"), "");
  EXPECT_EQ(to_wire_.wire(), std::string("\x0A\x02\x0A\x00", 4));
}

// Scenario: trace and span IDs in lower, upper and mixed case, empty, of other lengths, with other
// characters, in base64, as a number.
// Guarantees: hexadecimal of the right length or nothing; the text says so. J-01.
TEST_F(JsonCodecTest, TakesIdsInHexadecimalOnly) {
  ASSERT_EQ(Span(R"("traceId":"00ff00FF00fF00Ff0123456789abcdef")"), "");
  EXPECT_EQ(span().trace_id(),
            std::string("\x00\xFF\x00\xFF\x00\xFF\x00\xFF\x01\x23\x45\x67\x89\xAB\xCD\xEF", 16));
  EXPECT_EQ(Span(R"("traceId":"","spanId":"","parentSpanId":"")"), "");
  EXPECT_EQ(span().ByteSizeLong(), 0u);
  EXPECT_EQ(Span(R"("traceId":"W47/95gDgQPSabYzgT/GDA==")"),
            std::string(kSpanPath) +
                ".traceId: is 24 characters long; send 32 hexadecimal digits (not base64), or "
                "leave it out");
  for (const std::size_t size : {1u, 16u, 31u, 33u, 64u}) {
    EXPECT_THAT(Span("\"traceId\":\"" + std::string(size, 'a') + "\""), HasSubstr(".traceId: is "));
  }
  for (const char* fields :
       {R"("traceId":"0123456789abcdef0123456789abcdeg")", R"("spanId":"0123456789abcde ")",
        R"("parentSpanId":"0123456789abcde\n")", R"("spanId":1234567890123456)",
        R"("links":[{"traceId":"0123456789abcdef"}])", R"("spanId":["0123456789abcdef"])",
        R"("traceId":"é123456789abcdef0123456789abcde")"}) {
    EXPECT_THAT(Span(fields), HasSubstr("hexadecimal")) << fields;
  }
}

// Scenario: enumerators by number, by name, unknown, negative, out of range, with a fraction.
// Guarantees: integers only; an unknown one is kept. J-02.
TEST_F(JsonCodecTest, TakesEnumsAsIntegersOnly) {
  for (const auto& [text, number] : std::map<std::string, int>{
           {"2", 2}, {"0", 0}, {"77", 77}, {"-1", -1}, {"2.0", 2}, {"2147483647", 2147483647}}) {
    ASSERT_EQ(Span("\"kind\":" + text), "") << text;
    EXPECT_EQ(span().kind(), number);
  }
  ASSERT_EQ(Span(R"("status":{"code":2,"message":"m"})"), "");
  EXPECT_EQ(span().status().code(), 2);
  EXPECT_EQ(Span(R"("kind":"SPAN_KIND_SERVER")"),
            std::string(kSpanPath) +
                ".kind: is a string; send the number of the enumerator, not its name");
  for (const char* text : {"\"2\"", "1.5", "2147483648", "true", "{}", "[]"}) {
    EXPECT_THAT(Span(std::string("\"kind\":") + text), StartsWith(std::string(kSpanPath) + ".kind"))
        << text;
  }
}

// Scenario: names nobody knows at every level, with values of every kind, nested, with names that
// are known elsewhere.
// Guarantees: ignored with all that is in them. J-03.
TEST_F(JsonCodecTest, IgnoresUnknownNamesAtEveryLevel) {
  const std::string unknown =
      R"("x":{"traceId":7,"a":[1,-2.5e3,"\u00e9\\",true,false,null,{},[]]},"traceid":"zz","trace_":0,"spans_":0,"":[[{}]],)";
  const std::string json = "{" + unknown + R"("resourceSpans":[{)" + unknown + R"("resource":{)" +
                           unknown + R"("attributes":[{)" + unknown + R"("key":"k","value":{)" +
                           unknown + R"("kvlistValue":{)" + unknown +
                           R"("values":[]}}}]},"scopeSpans":[{)" + unknown + R"("scope":{)" +
                           unknown + R"("name":"s"},"spans":[{)" + unknown +
                           R"("name":"n","events":[{)" + unknown + R"("name":"e"}],"links":[{)" +
                           unknown + R"("flags":1}],"status":{)" + unknown + R"("code":1}}]}]}]})";
  ASSERT_EQ(to_wire_.Convert(json), "");
  EXPECT_EQ(to_wire_.request().resource_spans(0).scope_spans(0).scope().name(), "s");
  EXPECT_EQ(span().name(), "n");
  EXPECT_EQ(span().trace_id(), "");
  EXPECT_EQ(span().links(0).flags(), 1u);
  EXPECT_EQ(span().status().code(), 1);
}

// Scenario: names of the schema as in the .proto files, which the Collector takes and the
// specification does not; at each level.
// Guarantees: refused by name, so that nothing is acknowledged and not forwarded. J-04.
TEST_F(JsonCodecTest, OriginalNamesAreRefusedAndNotSkipped) {
  EXPECT_EQ(to_wire_.Convert(R"({"resource_spans":[]})"),
            "resourceSpans: is spelt \"resource_spans\"; names in OTLP/JSON are in lowerCamelCase");
  EXPECT_THAT(to_wire_.Convert(R"({"resourceSpans":[{"scope_spans":[]}]})"),
              StartsWith("resourceSpans[0].scopeSpans: is spelt \"scope_spans\""));
  EXPECT_THAT(Span(R"("start_time_unix_nano":1)"),
              StartsWith(std::string(kSpanPath) + ".startTimeUnixNano: is spelt"));
}

// Scenario: what is no JSON, inside values that are ignored.
// Guarantees: refused all the same.
TEST_F(JsonCodecTest, ChecksWhatItIgnores) {
  for (const char* value :
       {"01",          "+1",         "1.",       ".5",      "1e",          "0x1",
        "NaN",         "tru",        "nulll",    "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "[1,]",       "[,1]",     "[1 2]",   "{\"a\":}",    "{\"a\" 1}",
        "{a:1}",       "{\"a\":1,}", "'a'",      "",        "\"a\":\"b\"", "{\"\\q\":1}",
        "{1:2}",       "[1}",        "{\"a\":1]"}) {
    EXPECT_NE(to_wire_.Convert(std::string("{\"x\":") + value + "}"), "") << value;
    EXPECT_NE(Span(std::string("\"x\":") + value), "") << value;
    EXPECT_NE(Span(std::string("\"name\":") + value), "") << value;
  }
}

// Scenario: a string with a colon behind it, and a brace too many that makes up for it.
// Guarantees: refused; simdjson alone, skipping over values, would take the string for a name.
TEST_F(JsonCodecTest, TakesNoStringForName) {
  EXPECT_NE(to_wire_.Convert(R"({"x":"a":"b"},"y":1})"), "");
  EXPECT_NE(to_wire_.Convert(R"({"resourceSpans":[{"schemaUrl":"a":"b"},"schemaUrl":"c"}]})"), "");
  EXPECT_NE(to_wire_.Convert(R"({"x":["a":"b"],"y":1]})"), "");
}

// Scenario: integers of every width as numbers and strings, at the ends of their ranges and one
// beyond.
// Guarantees: exact over the whole range, refused beyond. J-05.
TEST_F(JsonCodecTest, ReadsIntegersExactlyOverTheirRange) {
  for (const std::string quote : {"", "\""}) {
    const auto number = [&quote](const std::string& text) { return quote + text + quote; };
    ASSERT_EQ(Span("\"startTimeUnixNano\":" + number("18446744073709551615") +
                   ",\"endTimeUnixNano\":" + number("9007199254740993") + ",\"flags\":" +
                   number("4294967295") + ",\"droppedLinksCount\":" + number("4294967295")),
              "");
    EXPECT_EQ(span().start_time_unix_nano(), 18446744073709551615u);
    EXPECT_EQ(span().end_time_unix_nano(), 9007199254740993u) << "2^53 + 1";
    EXPECT_EQ(span().flags(), 4294967295u);
    EXPECT_EQ(span().dropped_links_count(), 4294967295u);
    for (const std::int64_t integer : {std::numeric_limits<std::int64_t>::min(),
                                       std::numeric_limits<std::int64_t>::max(), std::int64_t{0}}) {
      ASSERT_EQ(Attribute("{\"intValue\":" + number(std::to_string(integer)) + "}"), "");
      EXPECT_EQ(value().int_value(), integer);
      EXPECT_TRUE(value().has_int_value());
    }
    for (const char* beyond : {"\"startTimeUnixNano\":18446744073709551616",
                               "\"startTimeUnixNano\":-1", "\"flags\":4294967296",
                               "\"droppedEventsCount\":-1", "\"droppedEventsCount\":4294967296"}) {
      std::string fields = beyond;
      fields = fields.substr(0, fields.find(':') + 1) + number(fields.substr(fields.find(':') + 1));
      EXPECT_THAT(Span(fields), HasSubstr("is out of range; send an integer of 0 or more"))
          << fields;
    }
    for (const char* beyond : {"9223372036854775808", "-9223372036854775809", "1e19", "1e400"}) {
      EXPECT_THAT(Attribute("{\"intValue\":" + number(beyond) + "}"), HasSubstr("out of range"));
    }
  }
}

// Scenario: integers as 1.0, 1e3, 1.5e1, -0, with leading zeros in quotes; with a fraction, empty,
// with spaces, as other types.
// Guarantees: what is an integer is one, however it is written. J-05.
TEST_F(JsonCodecTest, ReadsIntegersHoweverTheyAreWritten) {
  for (const auto& [text, integer] :
       std::map<std::string, std::int64_t>{{"1.0", 1},
                                           {"1e3", 1000},
                                           {"1.5e1", 15},
                                           {"-0", 0},
                                           {"-12E0", -12},
                                           {"1200e-2", 12},
                                           {"9223372036854775807.000", 9223372036854775807},
                                           {"\"1e3\"", 1000},
                                           {"\"007\"", 7},
                                           {"0e99999999999", 0},
                                           {"0.0", 0},
                                           {"922337203685477580.7e1", 9223372036854775807}}) {
    ASSERT_EQ(Attribute("{\"intValue\":" + text + "}"), "") << text;
    EXPECT_EQ(value().int_value(), integer) << text;
  }
  for (const char* text : {"1.5", "1e-1", "\"1.5\"", "9223372036854775806.5"}) {
    EXPECT_THAT(Attribute(std::string("{\"intValue\":") + text + "}"),
                HasSubstr("value.intValue: has a fraction; send an integer"))
        << text;
  }
  for (const char* text : {"\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"0x1\"", "\"NaN\"", "\"1,0\"",
                           "01", "-", "true", "{}", "[1]", "1e", "1_0"}) {
    EXPECT_NE(Attribute(std::string("{\"intValue\":") + text + "}"), "") << text;
  }
}

// Scenario: doubles as numbers, strings, the three words; too large; too small; other words.
// Guarantees: the nearest double, bit for bit. J-07.
TEST_F(JsonCodecTest, ReadsDoubles) {
  for (const auto& [text, number] :
       std::map<std::string, double>{{"0.1", 0.1},
                                     {"-1.5e300", -1.5e300},
                                     {"5e-324", 5e-324},
                                     {"1e-400", 0.0},
                                     {"3", 3.0},
                                     {"\"2.5\"", 2.5},
                                     {"\"Infinity\"", HUGE_VAL},
                                     {"\"-Infinity\"", -HUGE_VAL},
                                     {"9007199254740993", 9007199254740992.0},
                                     {"1.7976931348623157e308", 1.7976931348623157e308}}) {
    ASSERT_EQ(Attribute("{\"doubleValue\":" + text + "}"), "") << text;
    EXPECT_EQ(value().double_value(), number) << text;
  }
  ASSERT_EQ(Attribute("{\"doubleValue\":-0.0}"), "");
  EXPECT_TRUE(std::signbit(value().double_value()));
  ASSERT_EQ(Attribute("{\"doubleValue\":\"NaN\"}"), "");
  EXPECT_TRUE(std::isnan(value().double_value()));
  for (const char* text : {"1e309", "-1e309", "NaN", "Infinity", "\"nan\"", "\"inf\"", "\"\"",
                           "\"+Infinity\"", "true", "\"0x1p3\"", "\"1 \""}) {
    EXPECT_NE(Attribute(std::string("{\"doubleValue\":") + text + "}"), "") << text;
  }
}

// Scenario: bytes in base64, standard, URL-safe, padded, not, escaped, empty; and what is none.
// Guarantees: all spellings are one. J-06.
TEST_F(JsonCodecTest, ReadsBytesInBase64) {
  for (const auto& [text, bytes] :
       std::map<std::string, std::string>{{"", ""},
                                          {"+/8=", "\xFB\xFF"},
                                          {"-_8", "\xFB\xFF"},
                                          {"+\\/8=", "\xFB\xFF"},
                                          {"AAEC", std::string("\0\1\2", 3)},
                                          {"YQ==", "a"},
                                          {"YQ", "a"}}) {
    ASSERT_EQ(Attribute("{\"bytesValue\":\"" + text + "\"}"), "") << text;
    EXPECT_TRUE(value().has_bytes_value());
    EXPECT_EQ(value().bytes_value(), bytes) << text;
  }
  for (const char* text : {"\"A\"", "\"YQ=\"", "\"Y Q=\"", "\"YQ===\"", "\"=\"", "\"\\q\"", "1"}) {
    EXPECT_NE(Attribute(std::string("{\"bytesValue\":") + text + "}"), "") << text;
  }
}

// Scenario: strings with every escape, surrogate pairs, NUL, names written with escapes; wrong
// escapes.
// Guarantees: UTF-8 as meant. J-08.
TEST_F(JsonCodecTest, ReadsStringsAsMeant) {
  ASSERT_EQ(Span(R"("name":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\uDE00\u0000|é€😀")"), "");
  EXPECT_EQ(span().name(), std::string("\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 18) +
                               std::string(1, '\0') + "|\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  ASSERT_EQ(Span(R"("n\u0061me":"n","\u006bind":3)"), "");
  EXPECT_EQ(span().name(), "n");
  EXPECT_EQ(span().kind(), 3);
  for (const char* text :
       {R"("\ud83d")", R"("\ud83dx")", R"("\ude00")", R"("\ud83d\u0041")", R"("\u12")",
        R"("\u12g4")", R"("\x41")", R"("\")", "\"\n\"", "\"\x01\"", "1", "true", "{}", "[\"a\"]"}) {
    EXPECT_NE(Span(std::string("\"name\":") + text), "") << text;
  }
}

// Scenario: null for each kind of field, and as an element.
// Guarantees: the same as leaving the name out; an element of an array it cannot be. J-07.
TEST_F(JsonCodecTest, TakesNullForNothing) {
  ASSERT_EQ(Span(R"("traceId":null,"name":null,"kind":null,"startTimeUnixNano":null,"flags":null,)"
                 R"("attributes":null,"status":null,"events":[{"name":null}])"),
            "");
  EXPECT_EQ(span().ByteSizeLong(), 2u) << "the event";
  ASSERT_EQ(Attribute(R"({"stringValue":null,"intValue":5,"arrayValue":null})"), "");
  EXPECT_EQ(value().int_value(), 5);
  ASSERT_EQ(Attribute(R"({"stringValue":null})"), "");
  EXPECT_EQ(value().ByteSizeLong(), 0u);
  EXPECT_EQ(Span(R"("events":[null])"),
            std::string(kSpanPath) + ".events[0]: is null; send an object");
  EXPECT_NE(to_wire_.Convert("null"), "");
}

// Scenario: every member of AnyValue at its default; two members at once; a name twice.
// Guarantees: a member that is there is written; two are refused. J-07.
TEST_F(JsonCodecTest, KeepsWhichValueIsSet) {
  using Value = opentelemetry::proto::common::v1::AnyValue;
  for (const auto& [text, which] : std::map<std::string, Value::ValueCase>{
           {R"({"stringValue":""})", Value::kStringValue},
           {R"({"boolValue":false})", Value::kBoolValue},
           {R"({"intValue":"0"})", Value::kIntValue},
           {R"({"doubleValue":0})", Value::kDoubleValue},
           {R"({"arrayValue":{}})", Value::kArrayValue},
           {R"({"kvlistValue":{}})", Value::kKvlistValue},
           {R"({"bytesValue":""})", Value::kBytesValue},
           {R"({})", Value::VALUE_NOT_SET},
           {R"({"stringValueStrindex":0})", Value::kStringValueStrindex}}) {
    ASSERT_EQ(Attribute(text), "") << text;
    EXPECT_EQ(value().value_case(), which) << text;
  }
  EXPECT_THAT(Attribute(R"({"stringValue":"a","intValue":1})"),
              HasSubstr("value.intValue: is a second value beside another"));
  EXPECT_THAT(Attribute(R"({"intValue":1,"intValue":2})"), HasSubstr("is there twice"));
  EXPECT_EQ(Span(R"("name":"a","name":"b")"),
            std::string(kSpanPath) + ".name: is there twice; send it once");
  EXPECT_NE(Span(R"("attributes":[],"attributes":[])"), "");
  EXPECT_EQ(Span(R"("x":1,"x":2)"), "") << "nobody looks at unknown names";
}

// Scenario: bodies that are empty, no JSON, no object, with a byte order mark, with something
// behind the value, with comments, cut, not UTF-8.
// Guarantees: each is refused with a text that says what to do. J-08.
TEST_F(JsonCodecTest, RefusesWhatIsNotOneJsonObject) {
  EXPECT_EQ(to_wire_.Convert(""), "the body is not valid JSON: it is empty; send at least {}");
  EXPECT_EQ(to_wire_.Convert("\xEF\xBB\xBF{}"),
            "the body begins with a byte order mark; send UTF-8 without it");
  EXPECT_EQ(to_wire_.Convert("[]"),
            "the request is not a JSON object; send {\"resourceSpans\":[...]}");
  EXPECT_EQ(to_wire_.Convert("{\"a\":\"\xFF\"}"),
            "the body is not valid JSON: it is not valid UTF-8");
  for (const char* json : {" ",
                           "null",
                           "1",
                           "\"a\"",
                           "{} {}",
                           "{},",
                           "{}x",
                           "{} // a",
                           "/* a */{}",
                           "{/**/}",
                           "{",
                           "}",
                           "{\"a\":1",
                           "{\"a\"",
                           "{\"a\":\"b}",
                           "{\"resourceSpans\":[{}}",
                           "{\"resourceSpans\":{}}",
                           "{\"resourceSpans\":[{}]]}",
                           "{'a':1}",
                           "{\"a\":\"\xC0\x80\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           "{\"resourceSpans\" [{}]}",
                           "{\"resourceSpans\":[{}],}",
                           "{}}",
                           "{]",
                           "{\"a\":1}]}",
                           "\x1F\x8B\x08",
                           "\x0A\x00"}) {
    EXPECT_NE(to_wire_.Convert(json), "") << json;
  }
  EXPECT_NE(to_wire_.Convert(std::string_view("{}\0", 3)), "");
  EXPECT_NE(to_wire_.Convert(std::string_view("\0{}", 3)), "");
}

// Scenario: faults at known places.
// Guarantees: the path leads to the value, or the number of a byte is near it; nothing of the
// payload is in the text.
TEST_F(JsonCodecTest, SaysWhere) {
  const std::string json =
      R"({"resourceSpans":[{},{"scopeSpans":[{"spans":[{},{},{"links":[{"flags":"secret"}]}]}]}]})";
  const std::string fault = to_wire_.Convert(json);
  EXPECT_EQ(fault,
            "resourceSpans[1].scopeSpans[0].spans[2].links[0].flags: is a string that is not a "
            "number; send an integer of 0 or more, as a number or as a decimal string");
  EXPECT_THAT(to_wire_.Convert(R"({"resourceSpans":[{"schemaUrl":"a" "secret"}]})"),
              testing::AllOf(StartsWith("the body is not valid JSON near byte 3"),
                             testing::Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace router::test
