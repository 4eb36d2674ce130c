// PackedFormat: each compressed format as libraries of others write it, to hold our codecs against.
#pragma once

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>

#include "router/codec/compression.h"
#include "tests/codec/content.h"
#include "tests/codec/zlib_gzip.h"

namespace router {

inline void Expect(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

inline Bytes ZlibPack(std::span<const std::uint8_t> in, int level = 6) {
  uLongf size = compressBound(static_cast<uLong>(in.size()));
  Bytes out(size);
  Expect(compress2(out.data(), &size, in.data(), static_cast<uLong>(in.size()), level) == Z_OK,
         "compress2");
  out.resize(size);
  return out;
}

// One frame with its content's size in the header.
inline Bytes ZstdPack(std::span<const std::uint8_t> in, int level = 3, bool has_checksum = true) {
  Bytes out(ZSTD_compressBound(in.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, has_checksum ? 1 : 0);
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), in.data(), in.size());
  ZSTD_freeCCtx(context);
  Expect(ZSTD_isError(size) == 0, "ZSTD_compress2");
  out.resize(size);
  return out;
}

// One frame as a stream writes it: without its size, in blocks flushed every `flush_bytes`.
inline Bytes ZstdPackStreamed(std::span<const std::uint8_t> in, int window_log,
                              std::size_t flush_bytes = 1 << 30) {
  Bytes out(ZSTD_compressBound(in.size()) + in.size() / flush_bytes * 32 + 1024);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_outBuffer to = {out.data(), out.size(), 0};
  bool is_last = false;
  for (std::size_t at = 0; !is_last; at += flush_bytes) {
    const std::size_t size = std::min(flush_bytes, in.size() - std::min(at, in.size()));
    ZSTD_inBuffer from = {in.data() + at, size, 0};
    is_last = at + size >= in.size();
    std::size_t left = 1;
    while (left > 0) {
      left = ZSTD_compressStream2(context, &to, &from, is_last ? ZSTD_e_end : ZSTD_e_flush);
      Expect(ZSTD_isError(left) == 0, "ZSTD_compressStream2");
    }
  }
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

inline Bytes SnappyBlock(std::span<const std::uint8_t> in) {
  std::size_t size = snappy_max_compressed_length(in.size());
  Bytes out(size);
  Expect(snappy_compress(reinterpret_cast<const char*>(in.data()), in.size(),
                         reinterpret_cast<char*>(out.data()), &size) == SNAPPY_OK,
         "snappy_compress");
  out.resize(size);
  return out;
}

// CRC-32C bit by bit, masked as the framing format has it.
inline std::uint32_t MaskedCrc32c(std::span<const std::uint8_t> in) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t byte : in) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
  }
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

inline Bytes SnappyChunk(std::uint8_t type, const Bytes& body) {
  Bytes out = {type};
  for (int i = 0; i < 3; ++i) out.push_back(static_cast<std::uint8_t>(body.size() >> (8 * i)));
  return Joined(out, body);
}

inline Bytes SnappyDataChunk(std::span<const std::uint8_t> content, bool is_packed) {
  const std::uint32_t crc = MaskedCrc32c(content);
  Bytes body;
  for (int i = 0; i < 4; ++i) body.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  return SnappyChunk(
      is_packed ? 0 : 1,
      Joined(body, is_packed ? SnappyBlock(content) : Bytes(content.begin(), content.end())));
}

inline Bytes SnappyIdentifier() { return SnappyChunk(0xFF, {'s', 'N', 'a', 'P', 'p', 'Y'}); }

inline Bytes SnappyPack(std::span<const std::uint8_t> in) {
  Bytes out = SnappyIdentifier();
  for (std::size_t at = 0; at < in.size(); at += 65536) {
    out = Joined(out, SnappyDataChunk(in.subspan(at, std::min<std::size_t>(65536, in.size() - at)),
                                      at % 3 != 1));
  }
  return out;
}

// block_id 4 to 7: 64 KiB, 256 KiB, 1 MiB, 4 MiB.
inline Bytes Lz4Pack(std::span<const std::uint8_t> in, int block_id = 4, bool has_size = false) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = static_cast<LZ4F_blockSizeID_t>(block_id);
  preferences.frameInfo.blockMode = LZ4F_blockLinked;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  preferences.frameInfo.contentSize = has_size ? in.size() : 0;
  Bytes out(LZ4F_compressFrameBound(in.size(), &preferences));
  const std::size_t size =
      LZ4F_compressFrame(out.data(), out.size(), in.data(), in.size(), &preferences);
  Expect(LZ4F_isError(size) == 0, "LZ4F_compressFrame");
  out.resize(size);
  return out;
}

struct PackedFormat {
  const char* name;
  Compression compression;
  Bytes (*pack)(std::span<const std::uint8_t> in);
  bool has_checksum;
  bool may_be_joined;  // several of them are one message
};

inline std::ostream& operator<<(std::ostream& stream, const PackedFormat& format) {
  return stream << format.name;
}

inline constexpr PackedFormat kPackedFormats[] = {
    {"gzip", Compression::kGzip, [](auto in) { return ZlibGzip(in); }, true, true},
    {"zlib", Compression::kZlib, [](auto in) { return ZlibPack(in); }, true, false},
    {"zstd", Compression::kZstd, [](auto in) { return ZstdPack(in); }, true, true},
    {"zstd_streamed", Compression::kZstd, [](auto in) { return ZstdPackStreamed(in, 20, 50000); },
     true, true},
    {"snappy", Compression::kSnappy, [](auto in) { return SnappyPack(in); }, true, true},
    {"snappy_block", Compression::kSnappy, [](auto in) { return SnappyBlock(in); }, false, false},
    {"lz4", Compression::kLz4, [](auto in) { return Lz4Pack(in); }, true, true},
    {"lz4_sized", Compression::kLz4, [](auto in) { return Lz4Pack(in, 4, true); }, true, true},
    {"lz4_large_blocks", Compression::kLz4, [](auto in) { return Lz4Pack(in, 7, true); }, true,
     true},
};

}  // namespace router
