#include "router/http2/grpc_header.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

namespace router {
namespace {

using namespace std::chrono_literals;

// Scenario: one value of every unit, and the largest of every unit.
// Guarantees: P-05: H M S m u n; below a millisecond is rounded down: what little is left counts as
// spent.
TEST(GrpcTimeoutTest, ReadsEveryUnitP05) {
  EXPECT_EQ(ParseGrpcTimeout("3H"), 3h);
  EXPECT_EQ(ParseGrpcTimeout("3M"), 3min);
  EXPECT_EQ(ParseGrpcTimeout("3S"), 3s);
  EXPECT_EQ(ParseGrpcTimeout("3m"), 3ms);
  EXPECT_EQ(ParseGrpcTimeout("3000u"), 3ms);
  EXPECT_EQ(ParseGrpcTimeout("3000000n"), 3ms);
  EXPECT_EQ(ParseGrpcTimeout("999u"), 0ms);
  EXPECT_EQ(ParseGrpcTimeout("1999u"), 1ms);
  EXPECT_EQ(ParseGrpcTimeout("999999n"), 0ms);
  EXPECT_EQ(ParseGrpcTimeout("0S"), 0ms);
  EXPECT_EQ(ParseGrpcTimeout("00000007S"), 7s);
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), std::chrono::hours(99'999'999));
  EXPECT_EQ(ParseGrpcTimeout("99999999n"), 99ms);
}

// Scenario: 8 and 9 digits.
// Guarantees: P-05: at most 8.
TEST(GrpcTimeoutTest, NineDigitsAreMalformedP05) {
  EXPECT_EQ(ParseGrpcTimeout("12345678m"), 12'345'678ms);
  EXPECT_EQ(ParseGrpcTimeout("123456789m"), std::nullopt);
  EXPECT_EQ(ParseGrpcTimeout("000000001m"), std::nullopt);
}

// Scenario: values that are no timeout.
// Guarantees: P-05: malformed, never guessed.
TEST(GrpcTimeoutTest, MalformedValuesAreRefusedP05) {
  for (const char* text : {"", "S", "5", "5s", "5h", "-5S", "+5S", " 5S", "5S ", "5 S", "5.5S",
                           "5SS", "0x5S", "S5", "5\xff", "5,S", "1e3m"}) {
    EXPECT_EQ(ParseGrpcTimeout(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseGrpcTimeout(std::string_view("5\0S", 3)), std::nullopt);
}

// Scenario: timeouts of every size are written and read again, at the borders of the units and at
// random.
// Guarantees: at most 8 digits, never longer than asked, and less than a unit shorter.
TEST(GrpcTimeoutTest, WrittenTimeoutIsReadBackAndNeverLonger) {
  std::mt19937_64 random(7);
  std::vector<std::chrono::milliseconds> all = {0ms,          1ms,
                                                99'999'999ms, 100'000'000ms,
                                                99'999'999s,  99'999'999'999ms,
                                                100'000'000s, std::chrono::hours(99'999'999)};
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t wide = random();
    all.emplace_back(static_cast<std::int64_t>((wide >> (15 + wide % 45)) % 350'000'000'000'000));
  }
  for (const auto timeout : all) {
    const std::string text = FormatGrpcTimeout(timeout);
    ASSERT_LE(text.size(), 9U) << text;
    const auto read = ParseGrpcTimeout(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_LE(*read, timeout) << text;
    const auto unit = text.back() == 'm'   ? 1ms
                      : text.back() == 'S' ? 1000ms
                                           : std::chrono::milliseconds(1h);
    EXPECT_LT(timeout - *read, unit) << text;
  }
  EXPECT_EQ(FormatGrpcTimeout(-5ms), "0m");
  EXPECT_EQ(FormatGrpcTimeout(std::chrono::milliseconds::max()), "99999999H");
}

// Scenario: every byte, encoded.
// Guarantees: P-07: only printable ASCII without '%' stays; the way back gives the same bytes.
TEST(PercentCodingTest, EveryByteComesBackP07) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string encoded = PercentEncode(all);
  for (const char c : encoded) {
    EXPECT_GE(c, 0x20);
    EXPECT_LT(c, 0x7F);
  }
  EXPECT_EQ(PercentDecode(encoded), all);
  EXPECT_EQ(PercentEncode("50% of \xc3\xa4\n"), "50%25 of %C3%A4%0A");
  EXPECT_EQ(PercentEncode("plain ~"), "plain ~");
}

// Scenario: escapes that are cut off, not hex, or in lower case.
// Guarantees: P-07: never an error; what is no escape stays as it is.
TEST(PercentCodingTest, InvalidEscapesStayP07) {
  EXPECT_EQ(PercentDecode("%"), "%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("a%zz%4g%g4"), "a%zz%4g%g4");
  EXPECT_EQ(PercentDecode("%%41"), "%A");
  EXPECT_EQ(PercentDecode("%c3%A4"), "\xc3\xa4");
  EXPECT_EQ(PercentDecode("%00"), std::string(1, '\0'));
  EXPECT_EQ(PercentDecode(""), "");
}

}  // namespace
}  // namespace router
