// Compression: how a body is encoded, by the names that gRPC and HTTP use.
// Thread safety: values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace router {

enum class Compression : std::uint8_t { kNone, kGzip, kZlib, kZstd, kSnappy, kLz4 };
inline constexpr std::size_t kCompressionCount = 6;

// "" and "identity" are kNone, "deflate" and "zlib" both kZlib, "x-snappy-framed" is kSnappy; the
// name is lower case. Nothing: a name we do not take. These are the Collector's names.
std::optional<Compression> CompressionFrom(std::string_view name);
// As sent in grpc-encoding and content-encoding; "identity" for kNone.
std::string_view NameOf(Compression compression);

}  // namespace router
