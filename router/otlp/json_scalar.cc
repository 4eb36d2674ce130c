#include "router/otlp/json_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace router {
namespace {

constexpr std::uint8_t kInvalid = 0xFF;
using ByteTable = std::array<std::uint8_t, 256>;

constexpr ByteTable MakeHexTable() {
  ByteTable table{};
  table.fill(kInvalid);
  for (std::uint8_t i = 0; i < 10; ++i) table['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) {
    table['a' + i] = table['A' + i] = static_cast<std::uint8_t>(10 + i);
  }
  return table;
}
constexpr ByteTable kHex = MakeHexTable();

constexpr ByteTable MakeBase64Table() {
  ByteTable table{};
  table.fill(kInvalid);
  for (std::uint8_t i = 0; i < 26; ++i) {
    table['A' + i] = i;
    table['a' + i] = static_cast<std::uint8_t>(26 + i);
  }
  for (std::uint8_t i = 0; i < 10; ++i) table['0' + i] = static_cast<std::uint8_t>(52 + i);
  table['+'] = table['-'] = 62;
  table['/'] = table['_'] = 63;
  return table;
}
constexpr ByteTable kBase64 = MakeBase64Table();

std::uint8_t Lookup(const ByteTable& table, char character) {
  return table[static_cast<unsigned char>(character)];
}

bool IsDigit(char character) { return character >= '0' && character <= '9'; }

std::string_view TakeDigits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// -12.34e-5: the parts of a number.
struct NumberParts {
  bool is_negative = false;
  std::string_view whole;
  std::string_view fraction;
  int exponent = 0;  // within ±kExponentMax, which is beyond all that matters
};
constexpr int kExponentMax = 100'000;

NumberFault TakeApart(std::string_view text, NumberForm form, NumberParts& parts) {
  if (text.size() > kNumberBytesMax) return NumberFault::kTooLong;
  parts.is_negative = text.starts_with('-');
  if (parts.is_negative) text.remove_prefix(1);
  parts.whole = TakeDigits(text);
  if (parts.whole.empty()) return NumberFault::kNotNumber;
  if (form == NumberForm::kBare && parts.whole.size() > 1 && parts.whole[0] == '0') {
    return NumberFault::kNotNumber;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    parts.fraction = TakeDigits(text);
    if (parts.fraction.empty()) return NumberFault::kNotNumber;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    const std::string_view digits = TakeDigits(text);
    if (digits.empty()) return NumberFault::kNotNumber;
    for (const char digit : digits) {
      parts.exponent = std::min(10 * parts.exponent + (digit - '0'), kExponentMax);
    }
    if (is_negative) parts.exponent = -parts.exponent;
  }
  return text.empty() ? NumberFault::kNone : NumberFault::kNotNumber;
}

// Shifts one more digit into `value`; false: it does not fit.
bool AppendDigit(std::uint64_t& value, int digit) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const auto unit = static_cast<std::uint64_t>(digit);
  if (value > (kMax - unit) / 10) return false;
  value = 10 * value + unit;
  return true;
}

// Digits of a code unit behind "\u"; nothing when they are not four.
std::optional<std::uint32_t> CodeUnit(std::string_view text, std::size_t at) {
  if (text.size() < at + 4) return std::nullopt;
  std::uint32_t unit = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const std::uint8_t digit = Lookup(kHex, text[i]);
    if (digit == kInvalid) return std::nullopt;
    unit = unit << 4 | digit;
  }
  return unit;
}

std::size_t EncodeUtf8(std::uint32_t point, std::uint8_t* to) {
  const auto tail = [point](int shift) {
    return static_cast<std::uint8_t>(0x80 | (point >> shift & 0x3F));
  };
  if (point < 0x80) {
    to[0] = static_cast<std::uint8_t>(point);
    return 1;
  }
  if (point < 0x800) {
    to[0] = static_cast<std::uint8_t>(0xC0 | point >> 6);
    to[1] = tail(0);
    return 2;
  }
  if (point < 0x10000) {
    to[0] = static_cast<std::uint8_t>(0xE0 | point >> 12);
    to[1] = tail(6);
    to[2] = tail(0);
    return 3;
  }
  to[0] = static_cast<std::uint8_t>(0xF0 | point >> 18);
  to[1] = tail(12);
  to[2] = tail(6);
  to[3] = tail(0);
  return 4;
}

// The escape that begins with the backslash at `at`: writes its UTF-8 into four bytes, moves `at`
// behind it, returns the number of bytes; 0 for none.
std::size_t TakeEscape(std::string_view text, std::size_t& at, std::uint8_t* to) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (at + 1 >= text.size()) return 0;
  if (text[at + 1] != 'u') {
    const std::size_t letter = kLetters.find(text[at + 1]);
    if (letter == std::string_view::npos) return 0;
    to[0] = static_cast<std::uint8_t>(kMeanings[letter]);
    at += 2;
    return 1;
  }
  const std::optional<std::uint32_t> unit = CodeUnit(text, at + 2);
  if (!unit) return 0;
  at += 6;
  if (*unit < 0xD800 || *unit > 0xDFFF) return EncodeUtf8(*unit, to);
  if (*unit > 0xDBFF || text.substr(at, 2) != "\\u") return 0;
  const std::optional<std::uint32_t> low = CodeUnit(text, at + 2);
  if (!low || *low < 0xDC00 || *low > 0xDFFF) return 0;
  at += 6;
  return EncodeUtf8(0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00), to);
}

}  // namespace

NumberFault CheckNumber(std::string_view text, NumberForm form) {
  NumberParts parts;
  return TakeApart(text, form, parts);
}

NumberFault ParseInteger(std::string_view text, NumberForm form, DecimalInteger& integer) {
  NumberParts parts;
  const NumberFault fault = TakeApart(text, form, parts);
  if (fault != NumberFault::kNone) return fault;
  // The digits that count, and the power of ten behind them.
  std::uint64_t value = 0;
  bool fits = true;
  int zeros = 0;  // seen, not yet known to count
  const auto append = [&](char digit) {
    if (digit == '0') {
      ++zeros;
      return;
    }
    for (; value > 0 && zeros > 0 && fits; --zeros) fits = AppendDigit(value, 0);
    zeros = 0;
    fits = fits && AppendDigit(value, digit - '0');
  };
  for (const char digit : parts.whole) append(digit);
  for (const char digit : parts.fraction) append(digit);
  int exponent = parts.exponent - static_cast<int>(parts.fraction.size()) + zeros;
  if (value == 0 && fits) exponent = 0;
  if (exponent < 0) return NumberFault::kNotIntegral;
  for (; exponent > 0 && fits; --exponent) fits = AppendDigit(value, 0);
  if (!fits) return NumberFault::kOutOfRange;
  integer = {parts.is_negative && value > 0, value};
  return NumberFault::kNone;
}

NumberFault ParseDouble(std::string_view text, NumberForm form, double& number) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (form == NumberForm::kQuoted) {
    number = text == "NaN"         ? std::numeric_limits<double>::quiet_NaN()
             : text == "Infinity"  ? kInfinity
             : text == "-Infinity" ? -kInfinity
                                   : 0;
    if (number != 0) return NumberFault::kNone;
  }
  const NumberFault fault = CheckNumber(text, form);
  if (fault != NumberFault::kNone) return fault;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc()) return NumberFault::kNone;
  // Too large, or so small that it becomes 0: from_chars does not say which.
  std::array<char, kNumberBytesMax + 1> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  number = std::strtod(terminated.data(), nullptr);
  return std::isinf(number) ? NumberFault::kOutOfRange : NumberFault::kNone;
}

bool DecodeHex(std::string_view text, std::uint8_t* to) {
  if (text.size() % 2 != 0) return false;
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::uint8_t high = Lookup(kHex, text[i]);
    const std::uint8_t low = Lookup(kHex, text[i + 1]);
    seen = static_cast<std::uint8_t>(seen | high | low);
    to[i / 2] = static_cast<std::uint8_t>(high << 4 | (low & 0x0F));
  }
  return (seen & 0xF0) == 0;
}

std::optional<std::size_t> DecodeAnyBase64(std::string_view text, std::uint8_t* to) {
  std::uint8_t* next = to;
  std::uint32_t bits = 0;
  int bit_count = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (std::size_t at = 0; at < text.size();) {
    char character = text[at];
    if (character == '\\') {
      std::array<std::uint8_t, 4> escaped{};
      if (TakeEscape(text, at, escaped.data()) != 1) return std::nullopt;
      character = static_cast<char>(escaped[0]);
    } else {
      ++at;
    }
    if (character == '=') {
      ++padding;
      continue;
    }
    const std::uint8_t value = Lookup(kBase64, character);
    if (value == kInvalid || padding > 0) return std::nullopt;
    ++digits;
    bits = bits << 6 | value;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      *next++ = static_cast<std::uint8_t>(bits >> bit_count);
    }
  }
  const bool is_whole =
      padding == 0 ? digits % 4 != 1 : padding <= 2 && (digits + padding) % 4 == 0;
  if (!is_whole) return std::nullopt;
  return static_cast<std::size_t>(next - to);
}

std::optional<std::size_t> UnescapeJson(std::string_view text, std::uint8_t* to) {
  std::size_t written = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t plain = std::min(text.find('\\', at), text.size()) - at;
    if (to != nullptr) std::memcpy(to + written, text.data() + at, plain);
    written += plain;
    at += plain;
    if (at == text.size()) break;
    std::array<std::uint8_t, 4> character{};
    const std::size_t size = TakeEscape(text, at, character.data());
    if (size == 0) return std::nullopt;
    if (to != nullptr) std::memcpy(to + written, character.data(), size);
    written += size;
  }
  return written;
}

}  // namespace router
