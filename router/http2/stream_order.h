// StreamOrder: notices DATA and HEADERS that a client must not send any more: on a stream that it
// has ended or reset itself, or under a number that it passed over.
//
// nghttp2 knows a closed stream only while it keeps it, 270 bytes each, and we let it keep none.
// This remembers the last few numbers instead, from what the client sent alone: what we reset may
// still have frames under way, which are no fault of the client's.
// Thread safety: a value.
// Cost: a few comparisons per HEADERS and DATA frame; no allocation.
// Failure: a stream that ended long ago is forgotten; frames on it are ignored, as RFC 9113 §5.1
// allows.
// Source: RFC 9113 §5.1, §5.1.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace router {

class StreamOrder {
 public:
  // The header of the client's next frame. Returns the error that ends the connection, or
  // NGHTTP2_NO_ERROR.
  std::uint32_t Note(std::uint8_t type, std::uint8_t flags, std::uint32_t stream);
  // The highest stream that the client has opened; 0: none.
  std::uint32_t last_opened() const { return last_opened_; }

 private:
  static constexpr std::size_t kRemembered = 8;

  bool HasEnded(std::uint32_t stream) const;
  bool IsPassedOver(std::uint32_t stream) const {
    return stream >= gap_first_ && stream < gap_end_;
  }
  void Open(std::uint32_t stream);

  std::uint32_t last_opened_ = 0;
  std::array<std::uint32_t, kRemembered> ended_{};  // a ring; 0: free
  std::size_t next_ = 0;
  // The latest numbers passed over: from first to before end.
  std::uint32_t gap_first_ = 0;
  std::uint32_t gap_end_ = 0;
};

}  // namespace router
