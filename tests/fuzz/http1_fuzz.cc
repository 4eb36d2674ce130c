// Any bytes as a connection of HTTP/1: however they are cut, the same requests come out of them and
// the same fault, and none of them was kept that a bound forbids (HS-18, A-14).
//
// Input: one byte that chooses and seeds the cuts, then the bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "router/http1/request_parser.h"

namespace {

using router::RequestParser;

// Requests and the fault as text; bodies as they are.
std::string Read(std::span<const std::uint8_t> bytes, std::size_t piece_max, std::uint32_t seed) {
  RequestParser parser;
  std::string told;
  while (!bytes.empty()) {
    seed = seed * 1664525 + 1013904223;
    const std::size_t size =
        piece_max == 0 ? bytes.size() : std::min(bytes.size(), (seed >> 8) % (piece_max + 1));
    std::span<const std::uint8_t> piece = bytes.first(size);
    bytes = bytes.subspan(size);
    while (true) {
      const std::size_t before = piece.size();
      const RequestParser::Event event = parser.Next(piece);
      if (piece.size() > before) std::abort();
      if (event == RequestParser::Event::kNeedMore) {
        if (!piece.empty()) std::abort();
        break;
      }
      switch (event) {
        case RequestParser::Event::kHead:
          if (parser.head().fields.size() > router::kRequestFieldsMax) std::abort();
          if (parser.head().is_chunked && parser.head().content_length) std::abort();
          for (const auto& [name, value] : parser.head().fields) {
            // What a line is made of cannot be in a field.
            if (name.find_first_of("\r\n") != std::string_view::npos) std::abort();
            if (value.find_first_of("\r\n") != std::string_view::npos) std::abort();
            told.append(name).append("=").append(value).append("\n");
          }
          break;
        case RequestParser::Event::kData:
          if (parser.data().empty()) std::abort();
          told.append(reinterpret_cast<const char*>(parser.data().data()), parser.data().size());
          break;
        case RequestParser::Event::kEnd:
          told += "\nend\n";
          break;
        case RequestParser::Event::kFault:
          return told + std::to_string(parser.fault().status) + parser.fault().why;
        case RequestParser::Event::kNeedMore:
          break;
      }
    }
  }
  return told + (parser.is_between_requests() ? "idle" : "more");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  constexpr std::array<std::size_t, 4> kPiecesMax = {1, 3, 16, 200};
  const std::size_t piece_max = kPiecesMax[data[0] % kPiecesMax.size()];
  if (Read(bytes, piece_max, data[0]) != Read(bytes, 0, 0)) std::abort();
  return 0;
}
