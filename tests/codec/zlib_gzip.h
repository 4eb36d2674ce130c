// ZlibGzip: gzip as zlib writes and reads it, to hold our codec against.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "tests/codec/content.h"

namespace router {

// One gzip member. `header` adds optional header fields.
inline Bytes ZlibGzip(std::span<const std::uint8_t> in, int level = 6,
                      int strategy = Z_DEFAULT_STRATEGY, gz_header* header = nullptr) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, strategy) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  if (header != nullptr) deflateSetHeader(&stream, header);
  Bytes out(deflateBound(&stream, static_cast<uLong>(in.size())) + 1024);
  stream.next_in = const_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw std::runtime_error("deflate");
  return out;
}

// One valid member of `mebibytes` MiB of zeros in about 1 KiB each: one compressed block, repeated,
// so that a bomb costs neither time nor memory to make.
inline Bytes ZlibGzipOfZeros(std::size_t mebibytes) {
  Bytes zeros(1 << 20);
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  Bytes block(1 << 16);
  stream.next_in = zeros.data();
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = block.data();
  stream.avail_out = static_cast<uInt>(block.size());
  deflate(&stream, Z_FULL_FLUSH);
  block.resize(stream.total_out);
  deflateEnd(&stream);

  const uLong block_crc = crc32(0, zeros.data(), static_cast<uInt>(zeros.size()));
  uLong crc = 0;
  Bytes out = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3};
  for (std::size_t i = 0; i < mebibytes; ++i) {
    out.insert(out.end(), block.begin(), block.end());
    crc = crc32_combine(crc, block_crc, 1 << 20);
  }
  out.insert(out.end(), {3, 0});  // an empty last block
  for (const std::uint64_t field : {std::uint64_t{crc}, std::uint64_t{mebibytes} << 20}) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(field >> (8 * i)));
  }
  return out;
}

// The content of one member that fills all of `in`, or nothing.
inline std::optional<Bytes> ZlibGunzip(std::span<const std::uint8_t> in) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::runtime_error("inflateInit2");
  Bytes out;
  Bytes step(1 << 16);
  stream.next_in = const_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  int code = Z_OK;
  while (code == Z_OK) {
    stream.next_out = step.data();
    stream.avail_out = static_cast<uInt>(step.size());
    code = inflate(&stream, Z_NO_FLUSH);
    out.insert(out.end(), step.data(), stream.next_out);
  }
  const bool whole = code == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? std::optional(out) : std::nullopt;
}

}  // namespace router
