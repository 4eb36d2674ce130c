#include "router/codec/codec.h"

#include <cassert>

#include "router/codec/isal_inflater.h"
#include "router/codec/lz4.h"

namespace router {
namespace {

std::unique_ptr<Inflater> MakeInflater(Compression compression) {
  switch (compression) {
    case Compression::kZlib:
      return std::make_unique<IsalInflater>(IsalInflater::Format::kZlib);
    case Compression::kZstd:
      return std::make_unique<ZstdInflater>();
    case Compression::kSnappy:
      return std::make_unique<SnappyInflater>();
    case Compression::kLz4:
      return std::make_unique<Lz4Inflater>();
    case Compression::kNone:
    case Compression::kGzip:
      break;
  }
  return nullptr;
}

GzipCodec& MadeOnce(std::unique_ptr<GzipCodec>& gzip) {
  if (!gzip) gzip = std::make_unique<GzipCodec>();
  return *gzip;
}

}  // namespace

std::optional<InflateError> Codec::Inflate(Compression compression,
                                           std::span<const std::uint8_t> in,
                                           const InflateLimits& limits, Body& out) {
  if (compression == Compression::kGzip) return MadeOnce(gzip_).Inflate(in, limits, out);
  std::unique_ptr<Inflater>& inflater = inflaters_[static_cast<std::size_t>(compression)];
  if (!inflater) inflater = MakeInflater(compression);
  assert(inflater);
  if (inflater) return inflater->Inflate(in, limits, out);
  out.Reset();
  return InflateError::kMalformed;
}

bool Codec::Deflate(Compression compression, std::span<const std::uint8_t> in, Body& out) {
  switch (compression) {
    case Compression::kGzip:
      return MadeOnce(gzip_).Deflate(in, out);
    case Compression::kZstd:
      return zstd_.Deflate(in, out);
    case Compression::kSnappy:
      return snappy_.Deflate(in, out);
    case Compression::kNone:
    case Compression::kZlib:
    case Compression::kLz4:
      break;
  }
  assert(false);
  out.Reset();
  return false;
}

}  // namespace router
