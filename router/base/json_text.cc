#include "router/base/json_text.h"

#include <fmt/format.h>

#include <cmath>

namespace router {
namespace {

// Bytes of the well-formed UTF-8 sequence that `text` begins with; 0: it does not.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool is_bad = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return is_bad ? 0 : length;
}

}  // namespace

void JsonText::Open(std::string_view key, char bracket) {
  Name(key);
  text_ += bracket;
  has_before_ = false;
}

void JsonText::Close(char bracket) {
  text_ += bracket;
  has_before_ = true;
}

void JsonText::Name(std::string_view key) {
  if (has_before_) text_ += ',';
  has_before_ = true;
  if (key.empty()) return;
  Quote(key);
  text_ += ':';
}

void JsonText::Field(std::string_view key, std::string_view value) {
  Name(key);
  Quote(value);
}

void JsonText::Field(std::string_view key, bool value) {
  Name(key);
  text_ += value ? "true" : "false";
}

void JsonText::Field(std::string_view key, double value) {
  Name(key);
  text_ += std::isfinite(value) ? fmt::format("{}", value) : "null";
}

void JsonText::Null(std::string_view key) {
  Name(key);
  text_ += "null";
}

void JsonText::Quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const char c = text.front();
    if (length == 0) {
      text_ += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      text_.append(1, '\\').append(1, c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text_ += c == '\n' ? std::string("\\n") : fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text_ += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

}  // namespace router
