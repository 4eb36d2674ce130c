// ChunkDecoder: takes the chunked coding off a body, byte for byte, keeping nothing.
//
// Beast's parser wants the whole line in front of a chunk in one piece and bounds neither it nor
// the extensions; this one works on whatever has arrived. A chunk's size is hexadecimal digits and
// nothing else: no sign, no `0x`, no white space. Extensions and trailers are read and dropped.
// Thread safety: a value.
// Source: rule HS-18, RFC 9112 §7.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "router/base/limits.h"
#include "router/http1/line_scanner.h"

namespace router {

class ChunkDecoder {
 public:
  enum class Event : std::uint8_t {
    kNeedMore,
    kData,   // data()
    kEnd,    // the body and its trailers are complete
    kFault,  // status() and why()
  };

  // Takes from the front of `bytes` what the next event needs.
  Event Next(std::span<const std::uint8_t>& bytes);
  std::span<const std::uint8_t> data() const { return data_; }
  int status() const { return status_; }
  const char* why() const { return why_; }

 private:
  enum class State : std::uint8_t {
    kSizeFirst,  // at least one digit
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kEnd,
  };
  // One byte of the line in front of a chunk, or behind its data.
  [[nodiscard]] bool Step(std::uint8_t byte);
  [[nodiscard]] bool AddDigit(std::uint8_t byte);
  [[nodiscard]] bool EndSize(std::uint8_t byte);
  bool Refuse(const char* why, int status = 400);
  Event ReadTrailer(std::span<const std::uint8_t>& bytes);

  State state_ = State::kSizeFirst;
  int digits_ = 0;
  std::uint64_t left_ = 0;  // of the chunk
  std::size_t extension_bytes_ = 0;
  std::span<const std::uint8_t> data_;
  int status_ = 400;
  const char* why_ = "";
  LineScanner trailer_{{.block_bytes_max = kTrailerBytesMax,
                        .first_line_bytes_max = kTrailerBytesMax,
                        .is_head = false}};
};

}  // namespace router
