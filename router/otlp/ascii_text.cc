#include "router/otlp/ascii_text.h"

#include <cassert>

namespace router {

std::string AsciiSafe(std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view kCut = "...";
  assert(bytes_max >= kCut.size());
  std::string safe;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if ((byte & 0xC0) == 0x80) continue;  // the rest of a character already replaced
    if (safe.size() == bytes_max) {
      safe.replace(bytes_max - kCut.size(), kCut.size(), kCut);
      break;
    }
    if (byte < 0x20 || byte == 0x7F) {
      safe.push_back(' ');
    } else {
      safe.push_back(byte < 0x80 ? character : '?');
    }
  }
  return safe;
}

}  // namespace router
