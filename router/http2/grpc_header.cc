#include "router/http2/grpc_header.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

namespace router {
namespace {

constexpr std::size_t kTimeoutDigitsMax = 8;
constexpr std::int64_t kTimeoutValueMax = 99'999'999;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::chrono::milliseconds> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kTimeoutDigitsMax + 1) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  switch (text.back()) {
    case 'H':
      return std::chrono::hours(value);
    case 'M':
      return std::chrono::minutes(value);
    case 'S':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::milliseconds(value);
    case 'u':
      return std::chrono::milliseconds(value / 1000);
    case 'n':
      return std::chrono::milliseconds(value / 1'000'000);
    default:
      return std::nullopt;
  }
}

std::string FormatGrpcTimeout(std::chrono::milliseconds timeout) {
  const std::int64_t value = std::max<std::int64_t>(timeout.count(), 0);
  if (value <= kTimeoutValueMax) return std::to_string(value) + "m";
  if (value / 1000 <= kTimeoutValueMax) return std::to_string(value / 1000) + "S";
  return std::to_string(std::min(value / 3'600'000, kTimeoutValueMax)) + "H";
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '%') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexValue(text[i + 1]);
      const int low = HexValue(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace router
