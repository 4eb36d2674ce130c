// The primitives of Protobuf's wire format, decided as Protobuf C++ 3.21 decides them.
//
// Thread safety: pure functions. None reads at or past `end`; each returns the byte after what
// it read, or null with the reason in `error`. Two of Protobuf's own liberties are kept, for an
// equal verdict (CP-4): a 5-byte tag loses the bits above 32, and a 10-byte varint those above
// 64.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "router/otlp/wire_error.h"

namespace router::wire {

enum WireType : std::uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

inline constexpr int kTagBytesMax = 5;
inline constexpr int kVarintBytesMax = 10;
// Protobuf keeps 16 bytes of distance to INT_MAX in every length.
inline constexpr std::uint32_t kLengthMax = 0x7FFFFFFF - 16;

inline const std::uint8_t* Fail(WireError reason, WireError& error) {
  error = reason;
  return nullptr;
}

// What does not fit in one byte.
const std::uint8_t* ReadLongTag(const std::uint8_t* p, const std::uint8_t* end, std::uint32_t& tag,
                                WireError& error);
const std::uint8_t* ReadLongLength(const std::uint8_t* p, const std::uint8_t* end,
                                   std::uint32_t& length, WireError& error);
const std::uint8_t* SkipLongVarint(const std::uint8_t* p, const std::uint8_t* end,
                                   WireError& error);

// REQUIRES: p < end.
inline const std::uint8_t* ReadTag(const std::uint8_t* p, const std::uint8_t* end,
                                   std::uint32_t& tag, WireError& error) {
  if (*p >= 0x80) return ReadLongTag(p, end, tag, error);
  tag = *p;
  return tag >= 8 ? p + 1 : Fail(WireError::kBadTag, error);
}

// Also checks that `length` bytes are there.
inline const std::uint8_t* ReadLength(const std::uint8_t* p, const std::uint8_t* end,
                                      std::uint32_t& length, WireError& error) {
  if (p == end) return Fail(WireError::kTruncated, error);
  if (*p < 0x80) {
    length = *p++;
  } else if (end - p >= 2 && p[1] < 0x80) {
    length = (*p & 0x7Fu) | static_cast<std::uint32_t>(p[1]) << 7;
    p += 2;
  } else {
    return ReadLongLength(p, end, length, error);
  }
  return end - p >= static_cast<std::ptrdiff_t>(length) ? p : Fail(WireError::kTruncated, error);
}

inline const std::uint8_t* SkipVarint(const std::uint8_t* p, const std::uint8_t* end,
                                      WireError& error) {
  return p != end && *p < 0x80 ? p + 1 : SkipLongVarint(p, end, error);
}

inline const std::uint8_t* SkipFixed(const std::uint8_t* p, const std::uint8_t* end, int bytes,
                                     WireError& error) {
  return end - p >= bytes ? p + bytes : Fail(WireError::kTruncated, error);
}

// Bytes of `value` as a minimal varint.
constexpr std::uint32_t VarintBytes(std::uint32_t value) {
  return (static_cast<std::uint32_t>(std::bit_width(value | 1u)) + 6) / 7;
}

inline std::uint8_t* WriteVarint(std::uint8_t* out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<std::uint8_t>(value | 0x80);
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

}  // namespace router::wire
