// JSON scalars as the proto3 JSON mapping reads them: from the bytes of one token, exactly.
//
// Thread safety: pure functions; none allocates. Time is linear in the token.
// Rules: J-01, J-05, J-06, J-08.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace router {

inline constexpr std::size_t kNumberBytesMax = 512;  // nobody needs more for a double (J-09)

enum class NumberFault : std::uint8_t {
  kNone,
  kNotNumber,    // not what JSON calls a number
  kNotIntegral,  // a fraction is left, as of 1.5 or 1e-3
  kOutOfRange,
  kTooLong,
};

// Where a number stands: in quotes leading zeros are taken, as the Collector does.
enum class NumberForm : std::uint8_t { kBare, kQuoted };

struct DecimalInteger {
  bool is_negative;  // false for -0
  std::uint64_t magnitude;
};

// Is it a number of JSON, of at most kNumberBytesMax bytes?
NumberFault CheckNumber(std::string_view text, NumberForm form);

// An integer, also as 1.0 or 1e3; never by way of a double. Out of range: beyond 2^64 - 1 either
// way.
NumberFault ParseInteger(std::string_view text, NumberForm form, DecimalInteger& integer);

// The nearest double; out of range where that is infinite. In quotes also NaN, Infinity, -Infinity.
NumberFault ParseDouble(std::string_view text, NumberForm form, double& number);

// Writes the text.size() / 2 bytes that hexadecimal digits of either case stand for. False: an odd
// number of them, or something else among them.
bool DecodeHex(std::string_view text, std::uint8_t* to);

// The inside of a JSON string, escapes and all: writes at most 3 bytes for 4 digits and returns how
// many. Standard and URL-safe alphabet, padded or not.
std::optional<std::size_t> DecodeAnyBase64(std::string_view text, std::uint8_t* to);

// Writes the UTF-8 that the inside of a JSON string stands for, at most text.size() bytes, and
// returns how many. Nothing for an escape that JSON has not, and for half a surrogate pair. With
// `to` null only checks. REQUIRES: valid UTF-8 without control characters.
std::optional<std::size_t> UnescapeJson(std::string_view text, std::uint8_t* to);

}  // namespace router
