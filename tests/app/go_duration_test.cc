#include "router/app/go_duration.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace router {
namespace {

using namespace std::chrono_literals;

// Scenario: durations in every unit Go has, alone and composed.
// Guarantees: the value is Go's.
TEST(GoDurationTest, ReadsWhatGoWrites) {
  EXPECT_EQ(*ParseGoDuration("300ms"), 300ms);
  EXPECT_EQ(*ParseGoDuration("1.5s"), 1500ms);
  EXPECT_EQ(*ParseGoDuration(".5s"), 500ms);
  EXPECT_EQ(*ParseGoDuration("1h30m"), 90min);
  EXPECT_EQ(*ParseGoDuration("1m30s500ms"), 90'500ms);
  EXPECT_EQ(*ParseGoDuration("7us3ns"), 7003ns);
  EXPECT_EQ(*ParseGoDuration("7µs"), 7us);
  EXPECT_EQ(*ParseGoDuration("-2s"), -2s);
  EXPECT_EQ(*ParseGoDuration("0"), 0s);
  EXPECT_EQ(*ParseGoDuration("2562046h"), 2562046h);
}

// Scenario: numbers without a unit, unknown units, spaces, nothing, too much.
// Guarantees: an error, never a guess and never an overflow.
TEST(GoDurationTest, RefusesWhatIsNotADuration) {
  for (const char* text : {"", "5", "5 s", "s", ".s", "5d", "1h 30m", "5s5", "--5s", "1.2.3s", "5S",
                           "2562048h", "9223372036854775808ns", "99999999999999999999s"}) {
    EXPECT_FALSE(ParseGoDuration(text)) << text;
  }
}

// Scenario: durations written for people.
// Guarantees: the shortest form, which reads back as the same value.
TEST(GoDurationTest, WritesTheShortestForm) {
  EXPECT_EQ(FormatGoDuration(0ms), "0s");
  EXPECT_EQ(FormatGoDuration(5s), "5s");
  EXPECT_EQ(FormatGoDuration(90min), "1h30m");
  EXPECT_EQ(FormatGoDuration(1500ms), "1s500ms");
  EXPECT_EQ(*ParseGoDuration(FormatGoDuration(86'399'999ms)), 86'399'999ms);
}

}  // namespace
}  // namespace router
