#include "router/otlp/wire_reader.h"

namespace router::wire {

const std::uint8_t* ReadLongTag(const std::uint8_t* p, const std::uint8_t* end, std::uint32_t& tag,
                                WireError& error) {
  std::uint32_t value = 0;
  for (int i = 0; i < kTagBytesMax; ++i) {
    if (end - p <= i) return Fail(WireError::kTruncated, error);
    value |= (p[i] & 0x7Fu) << (7 * i);
    if (p[i] >= 0x80) continue;
    tag = value;
    return value >= 8 ? p + i + 1 : Fail(WireError::kBadTag, error);
  }
  return Fail(WireError::kBadTag, error);
}

const std::uint8_t* ReadLongLength(const std::uint8_t* p, const std::uint8_t* end,
                                   std::uint32_t& length, WireError& error) {
  std::uint64_t value = 0;
  for (int i = 0;; ++i) {
    if (i == kTagBytesMax) return Fail(WireError::kBadLength, error);
    if (p == end) return Fail(WireError::kTruncated, error);
    const std::uint8_t byte = *p++;
    value |= static_cast<std::uint64_t>(byte & 0x7Fu) << (7 * i);
    if (byte < 0x80) break;
  }
  if (value > kLengthMax) return Fail(WireError::kBadLength, error);
  if (value > static_cast<std::uint64_t>(end - p)) return Fail(WireError::kTruncated, error);
  length = static_cast<std::uint32_t>(value);
  return p;
}

const std::uint8_t* SkipLongVarint(const std::uint8_t* p, const std::uint8_t* end,
                                   WireError& error) {
  for (int i = 0; i < kVarintBytesMax; ++i) {
    if (p == end) return Fail(WireError::kTruncated, error);
    if (*p++ < 0x80) return p;
  }
  return Fail(WireError::kBadVarint, error);
}

}  // namespace router::wire
