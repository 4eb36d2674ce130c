#include "router/codec/codec.h"

namespace router {

std::optional<InflateError> Codec::Inflate(Compression compression,
                                           std::span<const std::uint8_t> in,
                                           const InflateLimits& limits, Body& out) {
  if (compression == Compression::kGzip) return gzip_.Inflate(in, limits, out);
  out.Reset();
  return InflateError::kMalformed;
}

bool Codec::Deflate(Compression compression, std::span<const std::uint8_t> in, Body& out) {
  return compression == Compression::kGzip && gzip_.Deflate(in, out);
}

}  // namespace router
