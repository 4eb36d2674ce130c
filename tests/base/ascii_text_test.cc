#include "router/base/ascii_text.h"

#include <gtest/gtest.h>

namespace router {
namespace {

// Scenario: words in both cases, with characters beside the letters and beyond ASCII.
// Guarantees: only A to Z have another case.
TEST(AsciiTextTest, CaseIsOfLettersOnly) {
  EXPECT_EQ(LowerCase("Content-TYPE: @[`{\xC4"), "content-type: @[`{\xC4");
  EXPECT_TRUE(IsSameText("Bearer", "bEARER"));
  EXPECT_FALSE(IsSameText("Bearer", "Bear"));
  EXPECT_FALSE(IsSameText("@", "`"));
  EXPECT_TRUE(IsSameText("", ""));
}

// Scenario: text with space around and in it; nothing but space.
// Guarantees: spaces and tabs at both ends go, everything else stays.
TEST(AsciiTextTest, SpaceAroundIsTrimmed) {
  EXPECT_EQ(Trimmed(" \t a b\t "), "a b");
  EXPECT_EQ(Trimmed("\ra\n"), "\ra\n");
  EXPECT_EQ(Trimmed(" \t "), "");
}

}  // namespace
}  // namespace router
