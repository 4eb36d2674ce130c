#include "router/app/go_duration.h"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace router {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr int kFractionDigitsMax = 9;

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array kUnits = std::to_array<Unit>({{"ns", 1},
                                                   {"us", 1'000},
                                                   {"µs", 1'000},
                                                   {"μs", 1'000},
                                                   {"ms", 1'000'000},
                                                   {"s", 1'000'000'000},
                                                   {"m", 60'000'000'000},
                                                   {"h", 3'600'000'000'000}});

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<Error> NotADuration() {
  return Failure("not a duration; write a number and a unit, such as 500ms, 5s or 1m30s");
}

// Takes one `number unit` off the front of `text`; returns its nanoseconds.
Result<std::int64_t> TakePart(std::string_view& text) {
  std::int64_t whole = 0;
  std::int64_t fraction = 0;
  std::int64_t scale = 1;
  std::size_t at = 0;
  bool has_digits = false;
  for (; at < text.size() && IsDigit(text[at]); ++at) {
    has_digits = true;
    if (whole > (kMax - 9) / 10) {
      return Failure("the duration is too long");
    }
    whole = whole * 10 + (text[at] - '0');
  }
  if (at < text.size() && text[at] == '.') {
    int digits = 0;
    for (++at; at < text.size() && IsDigit(text[at]); ++at) {
      has_digits = true;
      if (digits < kFractionDigitsMax) {
        fraction = fraction * 10 + (text[at] - '0');
        scale *= 10;
        ++digits;
      }
    }
  }
  std::size_t end = at;
  while (end < text.size() && !IsDigit(text[end]) && text[end] != '.') {
    ++end;
  }
  const std::string_view name = text.substr(at, end - at);
  text.remove_prefix(end);
  for (const Unit& unit : kUnits) {
    if (has_digits && unit.name == name) {
      if (whole > kMax / unit.nanoseconds - 1) {
        return Failure("the duration is too long");
      }
      const auto part = static_cast<double>(fraction) *
                        (static_cast<double>(unit.nanoseconds) / static_cast<double>(scale));
      return whole * unit.nanoseconds + static_cast<std::int64_t>(part);
    }
  }
  return NotADuration();
}

}  // namespace

Result<Nanoseconds> ParseGoDuration(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  if (text == "0") {
    return Nanoseconds(0);
  }
  if (text.empty()) {
    return NotADuration();
  }
  std::int64_t total = 0;
  while (!text.empty()) {
    const Result<std::int64_t> part = TakePart(text);
    if (!part) {
      return tl::unexpected<Error>(part.error());
    }
    if (*part > kMax - total) {
      return Failure("the duration is too long");
    }
    total += *part;
  }
  return Nanoseconds(is_negative ? -total : total);
}

std::string FormatGoDuration(std::chrono::milliseconds duration) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 4> kParts{
      {{3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}}};
  std::int64_t left = duration.count();
  std::string text;
  for (const auto& [size, name] : kParts) {
    if (left / size != 0) {
      text += std::to_string(left / size);
      text += name;
      left %= size;
    }
  }
  return text.empty() ? "0s" : text;
}

}  // namespace router
