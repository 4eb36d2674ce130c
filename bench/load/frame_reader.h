// FrameReader: turns what arrives on a socket into whole frames and whole header blocks.
//
// Thread safety: one thread. One reader per connection; the read buffer is lent by the caller and
// shared by all connections of its loop, so it stays in the cache.
// Invariants: a frame is announced once, whole; HEADERS and CONTINUATION are joined and decoded
// before OnHeaders; padding and priority fields are removed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/frame.h"
#include "bench/load/wire.h"

struct nghttp2_hd_inflater;

namespace bench {

struct HeaderField {
  std::string name;
  std::string value;
};

// What a reader announces. Views live until the call returns.
class FrameVisitor {
 public:
  virtual ~FrameVisitor() = default;
  virtual void OnData(const FrameHeader& frame, std::span<const std::uint8_t> payload) = 0;
  virtual void OnHeaders(const FrameHeader& frame, const std::vector<HeaderField>& fields) = 0;
  // Everything else: SETTINGS, PING, WINDOW_UPDATE, RST_STREAM, GOAWAY …
  virtual void OnControl(const FrameHeader& frame, std::span<const std::uint8_t> payload) = 0;
};

// Frees nghttp2's header decoder.
struct InflaterDeleter {
  void operator()(nghttp2_hd_inflater* inflater) const;
};

enum class ReadOutcome { kOpen, kClosed, kProtocolError };

class FrameReader {
 public:
  static constexpr std::size_t kBufferBytes = 512 * 1024;

  // expect_preface: the peer is a client and sends the 24 bytes of the preface first.
  explicit FrameReader(bool expect_preface);

  // Reads once, at most until `buffer` is full, and announces what is whole.
  // REQUIRES: buffer.size() == kBufferBytes. `bytes_read` is increased by what came in.
  ReadOutcome ReadSome(Wire& wire, std::span<std::uint8_t> buffer, FrameVisitor& visitor,
                       std::uint64_t& bytes_read);
  // The same from a socket in plaintext.
  ReadOutcome ReadSome(int fd, std::span<std::uint8_t> buffer, FrameVisitor& visitor,
                       std::uint64_t& bytes_read);

 private:
  bool Dispatch(const FrameHeader& frame, std::span<const std::uint8_t> payload,
                FrameVisitor& visitor);
  bool AddHeaderBlock(const FrameHeader& frame, std::span<const std::uint8_t> fragment,
                      FrameVisitor& visitor);

  bool preface_pending_;
  std::vector<std::uint8_t> tail_;  // the incomplete frame left by the last read
  std::unique_ptr<nghttp2_hd_inflater, InflaterDeleter> inflater_;
  FrameHeader block_frame_;  // the HEADERS frame whose block is being joined
  std::vector<std::uint8_t> block_;
  std::vector<HeaderField> fields_;
};

}  // namespace bench
