#include "router/base/log.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace router {
namespace {

using std::chrono::seconds;
constexpr TimePoint kStart{seconds(1000)};

// Scenario: text with control characters, a quote, bytes beyond ASCII and a NUL.
// Guarantees: printable ASCII stays, everything else is escaped: no peer writes a line break or a
// terminal code.
TEST(PrintableTest, EscapesWhatIsNotPrintableAscii) {
  EXPECT_EQ(Printable("plain text ~!"), "plain text ~!");
  EXPECT_EQ(Printable("a\nb\r\tc"), "a\\x0ab\\x0d\\x09c");
  EXPECT_EQ(Printable("\x1b[31m\x7f"), "\\x1b[31m\\x7f");
  EXPECT_EQ(Printable("\xc3\xa4"), "\\xc3\\xa4");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Printable(""), "");
}

// Scenario: text of exactly the limit, and one byte longer.
// Guarantees: cut at the limit, and it shows.
TEST(PrintableTest, CutsBeyondTheLimit) {
  EXPECT_EQ(Printable("12345", 5), "12345");
  EXPECT_EQ(Printable("123456", 5), "12345…");
  EXPECT_EQ(Printable(std::string(256, 'x')).size(), 256U);
  EXPECT_EQ(Printable(std::string(1 << 20, '\n')).size(), 4 * 256 + std::string_view("…").size());
}

// Scenario: a hundred lines within one second, one in the next, one more after that.
// Guarantees: ten pass; the next that passes says how many did not, and only that one says it.
TEST(LogLimiterTest, PassesTenASecondAndCountsTheRest) {
  LogLimiter limiter;
  int passed = 0;
  for (int i = 0; i < 100; ++i) {
    if (const auto left_out = limiter.Allow(kStart + milliseconds(i))) {
      ++passed;
      EXPECT_EQ(*left_out, "");
    }
  }
  EXPECT_EQ(passed, 10);
  EXPECT_FALSE(limiter.Allow(kStart + milliseconds(999)).has_value());
  EXPECT_EQ(limiter.Allow(kStart + seconds(1)), " (91 such lines left out)");
  EXPECT_EQ(limiter.Allow(kStart + seconds(1)), "");
}

// Scenario: two kinds of line.
// Guarantees: a limiter of its own for each: one kind does not silence another.
TEST(LogLimiterTest, KindsDoNotShareTheirTen) {
  LogLimiter noisy;
  LogLimiter quiet;
  for (int i = 0; i < 20; ++i) noisy.Allow(kStart);
  EXPECT_FALSE(noisy.Allow(kStart).has_value());
  EXPECT_TRUE(quiet.Allow(kStart).has_value());
}

}  // namespace
}  // namespace router
