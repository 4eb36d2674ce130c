// IdleResetFilter: leaves RST_STREAM frames for streams that were never opened out of what a client
// sends.
//
// gRPC's C core (the clients in C++, Python, Ruby, PHP) resets a stream that has its number but
// whose HEADERS were never written, because the call was cancelled or expired first. RFC 9113 §5.1
// makes that an error of the connection, and nghttp2 ends it with every other call on it; servers
// of the gRPC project ignore it, and so must we. Only once a first stream was opened: a client that
// begins with a reset speaks something else. On the way past it shows every frame to a StreamOrder,
// and lets nothing more through once that found a violation; and it notes whether the client is in
// the middle of a header block, which nghttp2 does not tell.
// Thread safety: its worker only.
// Cost: nine bytes looked at per frame; no allocation.
// Invariant: what passes is what came, in order, without whole frames of that kind; at most one
// frame header is held back until it is complete.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "router/http2/stream_order.h"

namespace router {

class IdleResetFilter {
 public:
  // Calls pass(bytes) for each range to be handed on, which says whether to go on. False: it said
  // no, or there is a violation.
  template <typename Pass>
  bool Feed(std::span<const std::uint8_t> in, Pass&& pass);

  // The HTTP/2 error that the connection has to end with; 0: none. Final.
  std::uint32_t violation() const { return violation_; }
  // The stream whose header block has begun and is not whole; 0: none.
  std::uint32_t open_header_block() const {
    return left_ > 0 || !is_block_end_ ? block_stream_ : 0;
  }

 private:
  static constexpr std::size_t kHeaderBytes = 9;
  static constexpr std::size_t kPrefaceBytes = 24;

  // Notes the frame of this header, and a violation. True: it shall not pass.
  bool BeginFrame(const std::uint8_t* header);

  std::array<std::uint8_t, kHeaderBytes> header_{};  // an incomplete one, from the end of a read
  std::size_t header_bytes_ = 0;
  std::size_t left_ = kPrefaceBytes;  // of the present frame's payload
  bool is_dropping_ = false;
  std::uint32_t block_stream_ = 0;  // of the present frame, if it is part of a header block …
  bool is_block_end_ = false;       // … the last
  StreamOrder order_;
  std::uint32_t violation_ = 0;
};

template <typename Pass>
bool IdleResetFilter::Feed(std::span<const std::uint8_t> in, Pass&& pass) {
  if (violation_ != 0) return false;
  std::size_t begin = 0;  // of what is to be passed next
  std::size_t at = 0;
  const auto pass_until = [&](std::size_t end, std::size_t next) {
    const bool goes_on = end == begin || pass(in.subspan(begin, end - begin));
    begin = next;
    return goes_on;
  };
  while (at < in.size()) {
    if (left_ > 0) {
      const std::size_t size = std::min(left_, in.size() - at);
      if (is_dropping_ && !pass_until(at, at + size)) return false;
      left_ -= size;
      at += size;
    } else if (header_bytes_ == 0 && in.size() - at >= kHeaderBytes) {
      const bool is_dropped = BeginFrame(in.data() + at);
      if ((is_dropped || violation_ != 0) && !pass_until(at, at + kHeaderBytes)) return false;
      if (violation_ != 0) return false;
      at += kHeaderBytes;
    } else {
      const std::size_t size = std::min(kHeaderBytes - header_bytes_, in.size() - at);
      std::memcpy(header_.data() + header_bytes_, in.data() + at, size);
      if (!pass_until(at, at + size)) return false;
      header_bytes_ += size;
      at += size;
      if (header_bytes_ < kHeaderBytes) continue;
      header_bytes_ = 0;
      const bool is_dropped = BeginFrame(header_.data());
      if (violation_ != 0) return false;
      if (!is_dropped && !pass(std::span<const std::uint8_t>(header_))) return false;
    }
  }
  return pass_until(at, at);
}

}  // namespace router
