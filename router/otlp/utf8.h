// IsValidUtf8: the check Protobuf makes on every proto3 `string`.
//
// Thread safety: pure function. Refuses overlong forms, surrogates and everything above
// U+10FFFF; accepts NUL.
// Cost: about one nanosecond per 32 bytes of ASCII.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace router {

// The same for text that may hold anything. Out of line: telemetry is mostly ASCII.
bool IsValidUtf8Slow(const std::uint8_t* text, std::size_t size);

namespace internal {

template <typename Word>
Word LoadWord(const std::uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// REQUIRES: size >= 16. The last load overlaps the one before it.
inline bool IsAsciiLong(const std::uint8_t* text, std::size_t size) {
  const std::uint8_t* const last = text + size - 16;
#if defined(__SSE2__)
  const auto load = [](const std::uint8_t* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  __m128i seen = _mm_or_si128(load(text), load(last));
  for (text += 16; text < last; text += 16) seen = _mm_or_si128(seen, load(text));
  return _mm_movemask_epi8(seen) == 0;
#else
  std::uint64_t seen = LoadWord<std::uint64_t>(last) | LoadWord<std::uint64_t>(last + 8);
  for (; text < last; text += 16) {
    seen |= LoadWord<std::uint64_t>(text) | LoadWord<std::uint64_t>(text + 8);
  }
  return (seen & 0x8080808080808080) == 0;
#endif
}

}  // namespace internal

// The two loads of each size class overlap, so that no text needs a loop over single bytes.
inline bool IsAscii(const std::uint8_t* text, std::size_t size) {
  using internal::LoadWord;
  if (size >= 16) return internal::IsAsciiLong(text, size);
  if (size >= 8) {
    const std::uint64_t seen =
        LoadWord<std::uint64_t>(text) | LoadWord<std::uint64_t>(text + size - 8);
    return (seen & 0x8080808080808080) == 0;
  }
  if (size >= 4) {
    const std::uint32_t seen =
        LoadWord<std::uint32_t>(text) | LoadWord<std::uint32_t>(text + size - 4);
    return (seen & 0x80808080) == 0;
  }
  if (size == 0) return true;
  return ((text[0] | text[size / 2] | text[size - 1]) & 0x80) == 0;
}

inline bool IsValidUtf8(const std::uint8_t* text, std::size_t size) {
  return IsAscii(text, size) || IsValidUtf8Slow(text, size);
}

}  // namespace router
