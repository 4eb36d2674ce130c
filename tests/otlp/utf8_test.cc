#include "router/otlp/utf8.h"

#include <google/protobuf/stubs/common.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace router {
namespace {

bool IsValid(const std::string& text) {
  return IsValidUtf8(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

// Scenario: every sequence of one and two bytes and every lead byte with edge bytes behind it, at
// offsets 0 to 9.
// Guarantees: CP-4: the verdict is that of Protobuf's own check.
TEST(Utf8Test, AgreesWithProtobufOnEveryLeadByte) {
  const std::string edges = "\x01\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xFF";
  const auto check = [](const std::string& text) {
    ASSERT_EQ(IsValid(text), google::protobuf::internal::IsStructurallyValidUTF8(text));
  };
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      check({static_cast<char>(first), static_cast<char>(second)});
    }
    for (const char second : edges) {
      for (const char third : edges) {
        check({static_cast<char>(first), second, third});
        for (const char fourth : edges) {
          const std::string text = {static_cast<char>(first), second, third, fourth};
          check(text);
          for (std::size_t offset = 1; offset < 10; ++offset)
            check(std::string(offset, 'a') + text);
        }
      }
    }
  }
}

// Scenario: 200,000 random texts of whole characters, some with one byte changed.
// Guarantees: the same, in longer texts.
TEST(Utf8Test, AgreesWithProtobufOnRandomTexts) {
  const std::string characters[] = {"a",
                                    "\x7F",
                                    "\xC3\xA9",
                                    "\xE2\x82\xAC",
                                    "\xED\x9F\xBF",
                                    "\xF0\x9F\x98\x80",
                                    "plain ascii text"};
  std::mt19937 random(3);
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += characters[random() % std::size(characters)];
    if (!text.empty() && random() % 2 == 0)
      text[random() % text.size()] = static_cast<char>(random());
    ASSERT_EQ(IsValid(text), google::protobuf::internal::IsStructurallyValidUTF8(text));
  }
}

}  // namespace
}  // namespace router
