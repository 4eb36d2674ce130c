#include "router/otlp/json_token.h"

namespace router {
namespace {

// Any other control character is a part of the token, and makes it none.
bool IsWhiteSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::string_view TrimmedToken(std::string_view token) {
  while (!token.empty() && IsWhiteSpace(token.back())) token.remove_suffix(1);
  return token;
}

bool IsQuoted(std::string_view token) {
  return token.size() >= 2 && token.front() == '"' && token.back() == '"';
}

std::string_view Inside(std::string_view quoted) { return quoted.substr(1, quoted.size() - 2); }

std::string_view KindOfToken(std::string_view token) {
  const char first = token.empty() ? '\0' : token.front();
  if (first == '-' || (first >= '0' && first <= '9')) return "is a number";
  switch (first) {
    case '{':
      return "is an object";
    case '[':
      return "is an array";
    case '"':
      return "is a string";
    case 't':
    case 'f':
      return "is a boolean";
    case 'n':
      return "is null";
    default:
      return "is not a JSON value";
  }
}

std::string_view WhatToSend(const JsonField& field) {
  switch (field.kind) {
    case JsonKind::kString:
      return "send a string";
    case JsonKind::kTraceId:
      return "send 32 hexadecimal digits (not base64), or leave it out";
    case JsonKind::kSpanId:
      return "send 16 hexadecimal digits (not base64), or leave it out";
    case JsonKind::kBytes:
      return "send a string in base64";
    case JsonKind::kBool:
      return "send true or false";
    case JsonKind::kDouble:
      return "send a number, or \"NaN\", \"Infinity\" or \"-Infinity\"";
    case JsonKind::kInt32:
    case JsonKind::kInt64:
      return "send an integer, as a number or as a decimal string";
    case JsonKind::kUint32:
    case JsonKind::kFixed32:
    case JsonKind::kFixed64:
      return "send an integer of 0 or more, as a number or as a decimal string";
    case JsonKind::kEnum:
      return "send the number of the enumerator, not its name";
    case JsonKind::kMessage:
      return "send an object";
  }
  return "";
}

}  // namespace router
