// RecordGatherer: makes of many small segments and large bodies the pieces that TLS encrypts.
//
// Each piece is as large as a record may be while there is enough. What lies in one place is given
// as it is; only what would make a record smaller is copied together.
// Thread safety: a value; refers to the segments.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace router {

class RecordGatherer {
 public:
  explicit RecordGatherer(std::span<const iovec> segments) : segments_(segments) {
    for (const iovec& segment : segments_) bytes_left_ += segment.iov_len;
    SkipEmpty();
  }

  bool is_empty() const { return segments_.empty(); }
  std::size_t bytes_left() const { return bytes_left_; }

  // The next piece, of at most scratch.size() bytes; in `scratch`, or where it lay.
  // REQUIRES: !is_empty().
  std::span<const std::uint8_t> Next(std::span<std::uint8_t> scratch) {
    const std::span<const std::uint8_t> first = Rest();
    const bool is_last = first.size() == bytes_left_;
    if (first.size() >= scratch.size() || is_last) {
      const auto piece = first.first(std::min(first.size(), scratch.size()));
      Take(piece.size());
      return piece;
    }
    std::size_t size = 0;
    while (size < scratch.size() && !is_empty()) {
      const std::span<const std::uint8_t> rest = Rest();
      const std::size_t taken = std::min(rest.size(), scratch.size() - size);
      std::memcpy(scratch.data() + size, rest.data(), taken);
      size += taken;
      Take(taken);
    }
    return scratch.first(size);
  }

 private:
  std::span<const std::uint8_t> Rest() const {
    const iovec& segment = segments_.front();
    return std::span(static_cast<const std::uint8_t*>(segment.iov_base), segment.iov_len)
        .subspan(offset_);
  }
  void Take(std::size_t bytes) {
    offset_ += bytes;
    bytes_left_ -= bytes;
    if (offset_ < segments_.front().iov_len) return;
    segments_ = segments_.subspan(1);
    offset_ = 0;
    SkipEmpty();
  }
  void SkipEmpty() {
    while (!segments_.empty() && segments_.front().iov_len == 0) segments_ = segments_.subspan(1);
  }

  std::span<const iovec> segments_;
  std::size_t offset_ = 0;  // in the first
  std::size_t bytes_left_ = 0;
};

}  // namespace router
