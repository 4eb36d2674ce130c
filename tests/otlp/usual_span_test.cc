// Spans as SDKs write them, on which the checker takes short cuts, and everything that is one byte
// away from them. Protobuf is the judge.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/otlp/span_index.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/wire_writer.h"

namespace router::test {
namespace {

std::string Attribute(std::string_view key, std::string_view value) {
  return WireWriter().Bytes(9, WireWriter().Bytes(1, key).Bytes(2, value).bytes()).bytes();
}
std::string Text(std::string_view text) { return WireWriter().Bytes(1, text).bytes(); }
std::string Number(std::uint32_t field, std::uint64_t value) {
  return WireWriter().Number(field, value).bytes();
}

// The fields before the attributes.
std::string Beginning(bool has_parent) {
  WireWriter span;
  span.Bytes(1, "0123456789abcdef").Bytes(2, "\x01\x02\x80\xFF\x05\x06\x07\x08");
  if (has_parent) span.Bytes(4, "parentid");
  span.Bytes(5, "GET /orders").Number(6, 2);
  span.Fixed64(7, "starting").Fixed64(8, "finished");
  return span.bytes();
}

std::string RequestOf(std::string_view span) {
  WireWriter scope;
  return WireWriter().Bytes(1, scope.Bytes(2, WireWriter().Bytes(2, span).bytes()).bytes()).bytes();
}

// Every shape that is told at a glance, and its neighbours that are not.
std::vector<std::string> UsualRequests() {
  const std::string status = WireWriter().Bytes(15, Number(3, 1)).bytes();
  const std::string flags = WireWriter().Fixed32(16, "flag").bytes();
  const std::string event =
      WireWriter().Bytes(11, WireWriter().Fixed64(1, "when now").Bytes(2, "sent").bytes()).bytes();
  std::string strings;
  for (const std::size_t bytes : {0, 1, 2, 7, 17, 40}) {
    strings += Attribute(std::string(1 + bytes / 2, 'k'), Text(std::string(bytes, 'v')));
  }
  std::string numbers;
  for (int bits = 1; bits <= 64; bits += 7) {
    numbers += Attribute("n", Number(3, ~std::uint64_t{0} >> (64 - bits)));
  }
  const std::string scalars = Attribute("b", Number(2, 1)) + Attribute("", Number(3, 300)) +
                              Attribute("d", WireWriter().Fixed64(4, "\xFF dou\xFE l").bytes());
  const std::string long_text = Attribute("long", Text(std::string(130, 'x')));
  const std::string foreign = Attribute("\xC3\xA9", Text("\xE2\x82\xAC\xF0\x9F\x98\x80")) +
                              Attribute("\xC3\xA9t\xC3\xA9 number", Number(3, 7));
  const std::string other = Attribute("bytes", WireWriter().Bytes(7, "\xFF").bytes()) +
                            Attribute("none", "") + Attribute("two", Text("a") + Text("b"));
  return {RequestOf(Beginning(true) + strings + status + flags),
          RequestOf(Beginning(false) + numbers + WireWriter().Bytes(15, "").bytes()),
          RequestOf(Beginning(true) + scalars + foreign + event + status + flags),
          RequestOf(Beginning(false) + foreign + other + strings),
          RequestOf(Beginning(true) + long_text + scalars + Number(10, 3) + status),
          RequestOf(Beginning(true))};
}

// Compares verdict and trace IDs with Protobuf's. True: accepted. `behind` lies in memory behind
// the body; without it a sanitizer sees a read past the end.
bool ExpectAsProtobuf(SpanIndex& index, const std::string& body, std::string_view behind = "") {
  std::vector<std::uint8_t> exact(body.begin(), body.end());
  exact.insert(exact.end(), behind.begin(), behind.end());
  const bool is_accepted = !index.Parse(std::span(exact).first(body.size()), {}).has_value();
  Flattened whole;
  EXPECT_EQ(is_accepted, Flatten(body, &whole)) << testing::PrintToString(body);
  if (!is_accepted) return false;
  EXPECT_EQ(index.span_count(), whole.spans.size()) << testing::PrintToString(body);
  for (std::size_t i = 0; i < index.span_count(); ++i) {
    const std::string id(index.trace_id(i).begin(), index.trace_id(i).end());
    EXPECT_EQ(whole.traces.count("N" + id) + whole.traces.count("O" + id), 1u)
        << testing::PrintToString(body);
  }
  return true;
}

// Scenario: usual spans, and each with any one byte replaced by any other.
// Guarantees: CP-4: the verdict and the trace ID are Protobuf's.
TEST(UsualSpanTest, Cp4EveryOneByteDamageIsJudgedAsByProtobuf) {
  google::protobuf::LogSilencer silence;
  SpanIndex index;
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const std::string& request : UsualRequests()) {
    ASSERT_TRUE(ExpectAsProtobuf(index, request));
    std::string body = request;
    for (std::size_t at = 0; at < body.size() && !HasFailure(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        body[at] = static_cast<char>(byte);
        (ExpectAsProtobuf(index, body) ? accepted : refused) += 1;
      }
      body[at] = request[at];
    }
  }
  EXPECT_GT(accepted, 50'000u);
  EXPECT_GT(refused, 50'000u);
}

// Scenario: the content of a usual span, cut at every byte, in a request whose lengths fit, alone
// in memory and with the rest behind it; and the request cut at every byte.
// Guarantees: CP-4: as Protobuf decides; no short cut looks past the end.
TEST(UsualSpanTest, Cp4EveryCutIsJudgedAsByProtobuf) {
  google::protobuf::LogSilencer silence;
  SpanIndex index;
  for (const std::string& request : UsualRequests()) {
    const std::vector<std::uint8_t> exact(request.begin(), request.end());
    ASSERT_EQ(index.Parse(exact, {}), std::nullopt);
    const std::size_t span_at = request.find(
        "\x0A\x10"
        "0123456789abcdef");
    ASSERT_NE(span_at, std::string::npos);
    const std::string span = request.substr(span_at);
    for (std::size_t size = 0; size < span.size(); ++size) {
      ExpectAsProtobuf(index, RequestOf(span.substr(0, size)));
      ExpectAsProtobuf(index, RequestOf(span.substr(0, size)), span.substr(size));
    }
    for (std::size_t size = 0; size < request.size(); ++size) {
      ExpectAsProtobuf(index, request.substr(0, size));
    }
  }
}

// Scenario: usual spans with two to four of their bytes damaged.
// Guarantees: CP-4 where two lengths lie in accord.
TEST(UsualSpanTest, Cp4DamageOfSeveralBytesIsJudgedAsByProtobuf) {
  google::protobuf::LogSilencer silence;
  std::mt19937_64 random(11);
  SpanIndex index;
  const std::vector<std::string> requests = UsualRequests();
  for (int round = 0; round < 100'000 && !HasFailure(); ++round) {
    std::string body = requests[random() % requests.size()];
    const std::size_t first = random() % body.size();
    for (std::uint64_t n = 2 + random() % 3; n > 0; --n) {
      const std::size_t at = std::min(first + random() % 48, body.size() - 1);
      // Small steps keep tags and lengths plausible.
      const auto step = static_cast<char>(random() % 9 - 4);
      body[at] =
          random() % 2 == 0 ? static_cast<char>(body[at] + step) : static_cast<char>(random());
    }
    ExpectAsProtobuf(index, body);
  }
}

// Scenario: attributes whose length, key or text has a length of two bytes that begins like one of
// one byte, all else fitting the latter.
// Guarantees: CP-4: a short cut takes no half of a length for the whole.
TEST(UsualSpanTest, Cp4LengthsOfTwoBytesAreNotTakenForShortOnes) {
  google::protobuf::LogSilencer silence;
  SpanIndex index;
  const std::string key_100 = "\x0A\x64" + std::string(100, 'k');
  const std::string text_24 = "\x12\x1A\x0A\x18" + std::string(24, 'v');
  const std::string of_130 = "\x4A\x82" + key_100 + text_24;
  EXPECT_FALSE(ExpectAsProtobuf(index, RequestOf(Beginning(true) + of_130)));
  EXPECT_FALSE(ExpectAsProtobuf(index, RequestOf(of_130)));
  // Read as a length of two bytes it ends within a later attribute.
  std::string filled = Beginning(true) + of_130;
  for (int i = 0; i < 20; ++i) filled += Attribute("filling", Text(std::string(70, 'f')));
  ExpectAsProtobuf(index, RequestOf(filled));
  for (const std::size_t key_bytes : {126, 127, 128, 129}) {
    for (const std::size_t text_bytes : {1, 110, 117, 118, 119, 120, 126, 127, 128, 129}) {
      const std::string attribute =
          Attribute(std::string(key_bytes, 'k'), Text(std::string(text_bytes, 'v'))) +
          Attribute("k", Text(std::string(text_bytes, 'v')));
      EXPECT_TRUE(ExpectAsProtobuf(index, RequestOf(Beginning(true) + attribute)));
    }
  }
  for (const std::size_t name_bytes : {126, 127, 128, 129}) {
    const std::string ids = Beginning(true).substr(0, 38);
    const std::string name = WireWriter().Bytes(5, std::string(name_bytes, 'n')).bytes();
    EXPECT_TRUE(ExpectAsProtobuf(index, RequestOf(ids + name)));
  }
}

// Scenario: a span whose attributes nest as deeply as the limit allows, and one level more.
// Guarantees: A-16 holds on the short cut too.
TEST(UsualSpanTest, A16ShortCutKeepsTheDepthLimit) {
  const std::string body = RequestOf(Beginning(true) + Attribute("key", Text("value")));
  SpanIndex index;
  IndexLimits limits;
  limits.depth_max = 5;
  EXPECT_EQ(index.Parse(AsBytes(body), limits), std::nullopt);
  limits.depth_max = 4;
  EXPECT_EQ(index.Parse(AsBytes(body), limits), WireError::kTooDeep);
}

// Scenario: text that is no UTF-8 in the name, a key and a value of a usual span.
// Guarantees: refused with the check, accepted without it.
TEST(UsualSpanTest, Utf8CheckCanBeTurnedOff) {
  SpanIndex index;
  IndexLimits unchecked;
  unchecked.check_utf8 = false;
  std::string bad_name = RequestOf(Beginning(true));
  bad_name[bad_name.find("GET")] = '\xFF';
  for (const std::string& body :
       {bad_name, RequestOf(Beginning(true) + Attribute("\xC3 key", Text("value"))),
        RequestOf(Beginning(true) + Attribute("\xC3 key", Number(3, 7))),
        RequestOf(Beginning(true) + Attribute("key", Text("of no use: \xED\xA0\x80")))}) {
    EXPECT_EQ(index.Parse(AsBytes(body), {}), WireError::kInvalidUtf8);
    EXPECT_EQ(index.Parse(AsBytes(body), unchecked), std::nullopt);
  }
}

}  // namespace
}  // namespace router::test
