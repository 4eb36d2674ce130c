// Codec: every compression in both directions, bounded in memory and in time.
//
// Thread safety: its worker only. What is never used costs nothing: each decoder and encoder is
// made with the first message that needs it.
// Failure: a body handed to a call that fails comes back Reset().
// Bounds of inflating: inflater.h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "router/base/body.h"
#include "router/codec/compression.h"
#include "router/codec/gzip.h"
#include "router/codec/inflater.h"
#include "router/codec/snappy.h"
#include "router/codec/zstd.h"

namespace router {

class Codec {
 public:
  // Puts the inflated `in` into `out`. REQUIRES: out.size() == 0; compression is not kNone.
  std::optional<InflateError> Inflate(Compression compression, std::span<const std::uint8_t> in,
                                      const InflateLimits& limits, Body& out);
  // Appends the compressed `in` to `out`. False: the memory budget is full.
  // REQUIRES: kGzip, kZstd or kSnappy.
  [[nodiscard]] bool Deflate(Compression compression, std::span<const std::uint8_t> in, Body& out);

 private:
  std::unique_ptr<GzipCodec> gzip_;
  std::array<std::unique_ptr<Inflater>, kCompressionCount> inflaters_;  // of all but gzip
  ZstdDeflater zstd_;
  SnappyDeflater snappy_;
};

}  // namespace router
