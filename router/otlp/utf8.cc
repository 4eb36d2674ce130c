#include "router/otlp/utf8.h"

namespace router {
namespace {

bool IsContinuation(std::uint8_t byte) { return (byte & 0xC0) == 0x80; }

// Bytes of the well-formed character at `text` (Unicode 15, table 3-7), 0 when there is none.
std::size_t CharacterBytes(const std::uint8_t* text, std::size_t size) {
  const std::uint8_t lead = text[0];
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  if (size < 2) return 0;
  const std::uint8_t second = text[1];
  if (lead < 0xE0) return IsContinuation(second) ? 2 : 0;
  if (lead < 0xF0) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return size >= 3 && second >= low && second <= high && IsContinuation(text[2]) ? 3 : 0;
  }
  const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
  return size >= 4 && second >= low && second <= high && IsContinuation(text[2]) &&
                 IsContinuation(text[3])
             ? 4
             : 0;
}

}  // namespace

bool IsValidUtf8Slow(const std::uint8_t* text, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    if (size - at >= 8 && IsAscii(text + at, 8)) {
      at += 8;
      continue;
    }
    const std::size_t bytes = CharacterBytes(text + at, size - at);
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

}  // namespace router
