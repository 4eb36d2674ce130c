#include "router/app/env_expansion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

namespace router {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::optional<std::string> Lookup(const std::string& name) {
  static const std::map<std::string, std::string> kVariables{
      {"A", "alpha"}, {"B", "beta"}, {"EMPTY", ""}, {"NAME", "A"}, {"LOOP", "${LOOP}"}};
  const auto found = kVariables.find(name);
  return found == kVariables.end() ? std::nullopt : std::optional(found->second);
}

std::string Expanded(std::string_view text) { return ExpandEnvironment(text, Lookup).text; }

// Scenario: the forms of a reference, alone, inside text, several, nested, with a default.
// Guarantees: each gives the value the Collector would use.
TEST(EnvExpansionTest, ReplacesEveryFormOfReference) {
  EXPECT_EQ(Expanded("${env:A}"), "alpha");
  EXPECT_EQ(Expanded("${A}"), "alpha");
  EXPECT_EQ(Expanded("<${A}-${env:B}>"), "<alpha-beta>");
  EXPECT_EQ(Expanded("${env:X:-fallback}"), "fallback");
  EXPECT_EQ(Expanded("${env:X:-}"), "");
  EXPECT_EQ(Expanded("${env:A:-fallback}"), "alpha");
  EXPECT_EQ(Expanded("${env:EMPTY:-fallback}"), "fallback");
  EXPECT_EQ(Expanded("${env:X:-http://a:1}"), "http://a:1");
  EXPECT_EQ(Expanded("${env:${NAME}}"), "alpha");
  EXPECT_EQ(Expanded("${env:X:-${env:Y:-deep}}"), "deep");
}

// Scenario: dollars that are no references.
// Guarantees: `$$` is one dollar and protects a brace; a bare $NAME and an open brace stay.
TEST(EnvExpansionTest, KeepsEscapedAndBareDollars) {
  EXPECT_EQ(Expanded("a$$b"), "a$b");
  EXPECT_EQ(Expanded("$${A}"), "${A}");
  EXPECT_EQ(Expanded("$$${A}"), "$alpha");
  EXPECT_EQ(Expanded("$A"), "$A");
  EXPECT_EQ(Expanded("${A"), "${A");
  EXPECT_EQ(Expanded("}${A}"), "}alpha");
}

// Scenario: variables that are not set.
// Guarantees: empty text, and the name is reported.
TEST(EnvExpansionTest, ReportsUnsetVariables) {
  const Expansion expansion = ExpandEnvironment("a${env:X}b${Y:-c}", Lookup);
  EXPECT_EQ(expansion.text, "abc");
  EXPECT_THAT(expansion.unset, ElementsAre("X"));
  EXPECT_THAT(expansion.complaints, IsEmpty());
}

// Scenario: a value that is one reference, and one with text around it.
// Guarantees: only the first is read as YAML later.
TEST(EnvExpansionTest, TellsAWholeReferenceFromAPart) {
  EXPECT_TRUE(ExpandEnvironment("${A}", Lookup).is_whole);
  EXPECT_FALSE(ExpandEnvironment("${A}:4317", Lookup).is_whole);
  EXPECT_FALSE(ExpandEnvironment("plain", Lookup).is_whole);
}

// Scenario: other providers, malformed names, a variable that refers to itself.
// Guarantees: a complaint each, and an end.
TEST(EnvExpansionTest, ComplainsAboutWhatItCannotExpand) {
  EXPECT_THAT(ExpandEnvironment("${file:/etc/x}", Lookup).complaints, SizeIs(1));
  EXPECT_THAT(ExpandEnvironment("${1A}", Lookup).complaints, SizeIs(1));
  EXPECT_THAT(ExpandEnvironment("${}", Lookup).complaints, SizeIs(1));
  EXPECT_THAT(ExpandEnvironment("${LOOP}", Lookup).complaints, SizeIs(1));
}

}  // namespace
}  // namespace router
