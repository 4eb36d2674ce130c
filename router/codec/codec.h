// Codec: every compression in both directions, each bounded as GzipCodec is.
//
// Thread safety: its worker only. A compression that is never used costs nothing.
// Failure: a body handed to a call that fails comes back Reset().
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "router/base/body.h"
#include "router/codec/compression.h"
#include "router/codec/gzip.h"

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
  GzipCodec gzip_;
};

}  // namespace router
