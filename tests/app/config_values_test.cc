#include "router/app/config_values.h"

#include <gtest/gtest.h>

#include <string>

namespace router {
namespace {

// Scenario: addresses as Go accepts them for a listener.
// Guarantees: host and port apart, brackets gone, an empty host kept.
TEST(ConfigValuesTest, ReadsAddresses) {
  EXPECT_EQ(*ParseAddress("localhost:4317", 0), (Config::Address{"localhost", 4317}));
  EXPECT_EQ(*ParseAddress("0.0.0.0:0", 0), (Config::Address{"0.0.0.0", 0}));
  EXPECT_EQ(*ParseAddress("[::1]:4317", 0), (Config::Address{"::1", 4317}));
  EXPECT_EQ(*ParseAddress(":4317", 0), (Config::Address{"", 4317}));
  EXPECT_EQ(*ParseAddress("backend", 4317), (Config::Address{"backend", 4317}));
  EXPECT_EQ(*ParseAddress("[::1]", 53), (Config::Address{"::1", 53}));
  EXPECT_EQ(FormatAddress({"::1", 4317}), "[::1]:4317");
}

// Scenario: text that is no address.
// Guarantees: an error.
TEST(ConfigValuesTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"",       "localhost", "a:b",        "a:65536",       "a:-1",
                           "a:+1",   "a:",        "::1:4317",   "[::1",          "[]:1",
                           "[::1]x", "[a]:1",     "http://a:1", "unix:///run/x", "a/b:1",
                           "a b:1",  "user@a:1",  "a..b:1",     ".a:1",          "[a:b]:1"}) {
    EXPECT_FALSE(ParseAddress(text, 0)) << text;
  }
}

// Scenario: names with parts and as a whole at their longest and one beyond, dots in the wrong
// places.
// Guarantees: what DNS cannot be asked for is refused; a dot at the end is none too many.
TEST(ConfigValuesTest, HostNamesAreSuchAsDnsCanHave) {
  const std::string part(63, 'a');
  const std::string longest = part + "." + part + "." + part + "." + std::string(61, 'a');
  for (const std::string& name : {std::string("a"), std::string("a.b."), part, longest}) {
    EXPECT_TRUE(CheckHostName(name)) << name;
  }
  for (const std::string& name :
       {std::string(""), std::string("."), std::string("a.."), std::string("a..b"),
        std::string(".a"), part + "a", longest + "a"}) {
    EXPECT_FALSE(CheckHostName(name)) << name;
  }
}

// Scenario: sizes with and without units, and too large ones.
// Guarantees: bytes, or an error; no overflow.
TEST(ConfigValuesTest, ReadsSizes) {
  EXPECT_EQ(*ParseByteSize("0"), 0);
  EXPECT_EQ(*ParseByteSize("4194304"), 4194304);
  EXPECT_EQ(*ParseByteSize("512MiB"), 512 << 20);
  EXPECT_EQ(*ParseByteSize("512 MiB"), 512 << 20);
  EXPECT_EQ(*ParseByteSize("1Gi"), 1 << 30);
  EXPECT_EQ(*ParseByteSize("64KB"), 64'000);
  EXPECT_EQ(*ParseByteSize("+5"), 5);
  EXPECT_EQ(*ParseByteSize("9223372036854775807"), 9223372036854775807);
  for (const char* text : {"", "MiB", "-1", "+", "++1", "+-1", "1.5GiB", "1TiB", "1mib",
                           "9223372036854775808", "8589934592GiB"}) {
    EXPECT_FALSE(ParseByteSize(text)) << text;
  }
  EXPECT_EQ(FormatByteSize(64 << 20), "64MiB");
  EXPECT_EQ(FormatByteSize(1000), "1000");
}

// Scenario: booleans and integers at the edges of their grammar.
// Guarantees: YAML's spellings only; nothing after the number.
TEST(ConfigValuesTest, ReadsBooleansAndIntegers) {
  EXPECT_TRUE(*ParseBoolean("True"));
  EXPECT_FALSE(*ParseBoolean("FALSE"));
  EXPECT_FALSE(ParseBoolean("yes"));
  EXPECT_EQ(*ParseInteger("-12"), -12);
  EXPECT_EQ(*ParseInteger("+12"), 12);
  for (const char* text : {"", "+", "+-1", "1x", "0x10", "1.0", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInteger(text)) << text;
  }
  EXPECT_TRUE(ParseNumber("1.5"));
  EXPECT_TRUE(ParseNumber("+1.5"));
  EXPECT_FALSE(ParseNumber("1.5x"));
  EXPECT_FALSE(ParseNumber("+-1.5"));
}

// Scenario: typing errors of known words, and a word unlike any.
// Guarantees: the nearest one, or none at all.
TEST(ConfigValuesTest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(NearestWord("hostnmae", "hostname|port"), "hostname");
  EXPECT_EQ(NearestWord("routing-Key", "timeout|routing_key"), "routing_key");
  EXPECT_EQ(NearestWord("prt", "hostname|port"), "port");
  EXPECT_EQ(NearestWord("zzz", "hostname|port"), "");
  EXPECT_EQ(NearestWord("x", ""), "");
}

}  // namespace
}  // namespace router
