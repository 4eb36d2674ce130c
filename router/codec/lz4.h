// Lz4Inflater: the LZ4 frame format (liblz4), bounded in memory and in time.
//
// Several frames and skippable frames are one message; header checksum, and checksums of blocks and
// content where there are any, are checked. Blocks of up to 4 MiB, as the format has them, are
// buffered by the decoder: charged to the budget while a message needs them, kept only up to 256
// KiB per block.
// Thread safety: its worker only. Memory is taken with the first message.
// Invariant: a decoder that has not seen its frame's end is not used again. Reset, liblz4 1.9.4
// still holds the next frame against the content size of that one.
// Source: LZ4 Frame Format 1.6. Bounds: inflater.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "router/codec/stream_inflater.h"

struct LZ4F_dctx_s;

namespace router {

class Lz4Inflater final : public StreamInflater {
 public:
  Lz4Inflater() : StreamInflater(Behind::kFramesAndSkippable) {}

 private:
  struct FreeContext {
    void operator()(LZ4F_dctx_s* context) const;
  };

  std::size_t SizeHint(std::span<const std::uint8_t> in) const override;
  InflateProgress BeginFrame(std::span<const std::uint8_t> rest, BoundedOutput& output) override;
  Step Decode(std::span<const std::uint8_t> in, std::span<std::uint8_t> room) override;
  void Forget() override;

  std::unique_ptr<LZ4F_dctx_s, FreeContext> context_;
  bool is_in_frame_ = false;         // of context_: the end of its last frame has not come
  std::size_t block_bytes_max_ = 0;  // of the frames since context_ was made
};

}  // namespace router
