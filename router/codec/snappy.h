// Snappy in both directions (libsnappy): framed streams and bare blocks.
//
// Inflating takes both under one name, as HTTP peers mean both by `snappy`: what begins with the
// stream identifier is a framed stream, anything else a block. Framed: CRC-32C of every chunk is
// checked; chunks that mean nothing are skipped, unknown ones that must not be are malformed. A
// block has no checksum, and its end is not told apart from damage.
// Deflating: a framed stream, which is what gRPC peers of the Collector expect.
// Thread safety: its worker only. The deflater holds 75 KiB from its first message on.
// Failure: a body handed to a call that fails comes back Reset().
// Source: framing_format.txt and format_description.txt of google/snappy. Bounds: inflater.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "router/codec/inflater.h"

namespace router {

class SnappyInflater final : public Inflater {
 public:
  SnappyInflater() = default;

 private:
  std::size_t SizeHint(std::span<const std::uint8_t> in) const override;
  InflateProgress InflateAll(std::span<const std::uint8_t> in, BoundedOutput& output) override;
};

class SnappyDeflater {
 public:
  // Appends `in` to `out` as one framed stream. False: the memory budget is full.
  [[nodiscard]] bool Deflate(std::span<const std::uint8_t> in, Body& out);

 private:
  std::unique_ptr<std::uint8_t[]> chunk_;  // one compressed chunk before its size is known
};

}  // namespace router
