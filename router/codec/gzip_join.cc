#include "router/codec/gzip_join.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace router {
namespace {

// Deflate, no flags, no time, no extra flags, unknown system.
constexpr std::array<std::uint8_t, GzipJoin::kHeaderBytes> kHeader = {0x1F, 0x8B, 8, 0, 0,
                                                                      0,    0,    0, 0, 0xFF};
// Last block, fixed codes, end of block.
constexpr std::array<std::uint8_t, 2> kLastBlock = {3, 0};

std::uint32_t ReadUint32(const std::uint8_t* bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

std::uint8_t* WriteUint32(std::uint8_t* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) *out++ = static_cast<std::uint8_t>(value >> 8 * i);
  return out;
}

}  // namespace

std::span<const std::uint8_t> GzipJoin::Add(std::span<const std::uint8_t> member) {
  assert(member.size() >= kHeaderBytes + kTrailerBytes);
  const std::span<const std::uint8_t> trailer = member.last(kTrailerBytes);
  assert(std::equal(kLastBlock.begin(), kLastBlock.end(), trailer.begin()));
  const std::uint32_t length = ReadUint32(&trailer[6]);
  crc_ = static_cast<std::uint32_t>(crc32_combine(crc_, ReadUint32(&trailer[2]), length));
  length_ += length;
  return member.subspan(kHeaderBytes, member.size() - kHeaderBytes - kTrailerBytes);
}

void GzipJoin::WriteHeader(std::uint8_t* out) const {
  std::copy(kHeader.begin(), kHeader.end(), out);
}

void GzipJoin::WriteTrailer(std::uint8_t* out) const {
  out = std::copy(kLastBlock.begin(), kLastBlock.end(), out);
  WriteUint32(WriteUint32(out, crc_), length_);
}

}  // namespace router
