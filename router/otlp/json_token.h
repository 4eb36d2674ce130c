// The tokens of JSON as simdjson cuts them, and what a fault says about them.
// Thread safety: pure functions.
#pragma once

#include <string_view>

#include "router/otlp/json_schema.h"

namespace router {

// Without the white space behind it, of which JSON has four kinds.
std::string_view TrimmedToken(std::string_view token);

// Is it a whole string?
bool IsQuoted(std::string_view token);
// REQUIRES: IsQuoted(quoted).
std::string_view Inside(std::string_view quoted);

// "is a string", "is an object" and so on, by its first byte.
std::string_view KindOfToken(std::string_view token);
// "send a string" and so on.
std::string_view WhatToSend(const JsonField& field);

}  // namespace router
