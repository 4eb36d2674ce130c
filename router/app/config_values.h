// The scalar values of the configuration language: text to value, with a message for people.
// Messages never repeat the text, which may come from the environment; the caller decides.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "router/app/config.h"
#include "router/base/result.h"

namespace router {

// `true` or `false`, in YAML's three spellings.
Result<bool> ParseBoolean(std::string_view text);

// A decimal integer with an optional sign, `+` too, as YAML has it.
Result<std::int64_t> ParseInteger(std::string_view text);

// A number with an optional sign, fraction and exponent.
Result<double> ParseNumber(std::string_view text);

// Bytes: a plain number, or one with a unit: B, KiB, MiB, GiB (also Ki, Mi, Gi), KB, MB, GB; a `+`
// may stand before it.
Result<std::int64_t> ParseByteSize(std::string_view text);

// The largest unit that divides it: `64MiB`, `1000`.
std::string FormatByteSize(std::uint64_t bytes);

// A host name that DNS can be asked for: parts of 1 to 63 characters between its dots, 253 in all;
// a dot at its end is allowed. What characters they are is not looked at.
Result<void> CheckHostName(std::string_view name);

// A path as a request names it: a slash, then printable ASCII without spaces, '?', '#' and '*'.
bool IsUrlPath(std::string_view path);

// `host:port`, `[ipv6]:port`, `:port`. Without a port: `default_port`, or an error when that is 0.
// No scheme, no path; the host is empty, an address or passes CheckHostName().
Result<Config::Address> ParseAddress(std::string_view text, std::uint16_t default_port);

// `host:port`, an IPv6 host in brackets.
std::string FormatAddress(const Config::Address& address);

// The word of `candidates` (separated by '|') that `word` was probably meant to be, or nothing.
std::string NearestWord(std::string_view word, std::string_view candidates);

}  // namespace router
