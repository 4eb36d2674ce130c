#include "router/codec/compression.h"

namespace router {

std::optional<Compression> CompressionFrom(std::string_view name) {
  if (name.empty() || name == "identity") return Compression::kNone;
  if (name == "gzip") return Compression::kGzip;
  if (name == "deflate" || name == "zlib") return Compression::kZlib;
  if (name == "zstd") return Compression::kZstd;
  if (name == "snappy" || name == "x-snappy-framed") return Compression::kSnappy;
  if (name == "lz4") return Compression::kLz4;
  return std::nullopt;
}

std::string_view NameOf(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "identity";
    case Compression::kGzip:
      return "gzip";
    case Compression::kZlib:
      return "deflate";
    case Compression::kZstd:
      return "zstd";
    case Compression::kSnappy:
      return "snappy";
    case Compression::kLz4:
      return "lz4";
  }
  return "identity";
}

}  // namespace router
