// zstd in both directions (libzstd), bounded in memory and in time.
//
// Inflating: several frames and skippable frames are one message; checksums are checked where there
// are any. A frame that needs a window of more than 8 MiB, which RFC 8878 lets a decoder refuse, is
// malformed, and so is one with a dictionary or of a format before version 0.8. The window is
// charged to the budget while a message needs it; between messages at most kKeptBytes stay.
// Deflating: one frame, level 1, with content size and checksum.
// Thread safety: its worker only. Memory is taken with the first message: about 160 KiB to inflate,
// 1.3 MiB to deflate.
// Failure: a body handed to a call that fails comes back Reset().
// Source: RFC 8878. Bounds of inflating: inflater.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "router/codec/stream_inflater.h"

struct ZSTD_DCtx_s;
struct ZSTD_CCtx_s;

namespace router {

class ZstdInflater final : public StreamInflater {
 public:
  static constexpr int kWindowLogMax = 23;
  static constexpr std::size_t kKeptBytes = 1024 * 1024;

  ZstdInflater() : StreamInflater(Behind::kFramesAndSkippable) {}

  // Memory of the decoder now.
  std::size_t context_bytes() const;

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  std::size_t SizeHint(std::span<const std::uint8_t> in) const override;
  InflateProgress BeginFrame(std::span<const std::uint8_t> rest, BoundedOutput& output) override;
  Step Decode(std::span<const std::uint8_t> in, std::span<std::uint8_t> room) override;
  void Forget() override;

  std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
};

class ZstdDeflater {
 public:
  static constexpr int kLevel = 1;

  // Appends `in` to `out` as one frame. False: the memory budget, or memory itself, is full.
  [[nodiscard]] bool Deflate(std::span<const std::uint8_t> in, Body& out);

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
};

}  // namespace router
