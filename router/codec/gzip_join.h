// GzipJoin: several gzip members of GzipCodec become one member, without compressing anew.
//
// What GzipCodec writes can be taken apart: a header, deflate blocks that end on a byte boundary
// and refer to nothing before them, an empty last block, CRC and length. Joined: one header, the
// blocks of all, one end, with the CRC of the whole computed from those of the parts. One member
// and not several, since not every decoder reads on after the first. Thread safety: a value.
// Source: RFC 1951 §3.2.3, RFC 1952 §2.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace router {

class GzipJoin {
 public:
  static constexpr std::size_t kHeaderBytes = 10;
  static constexpr std::size_t kTrailerBytes = 10;  // the empty last block, CRC32, length

  // The blocks of `member`, to be sent behind those added before.
  // REQUIRES: GzipCodec::Deflate() wrote `member`.
  std::span<const std::uint8_t> Add(std::span<const std::uint8_t> member);
  // Write kHeaderBytes, kTrailerBytes.
  void WriteHeader(std::uint8_t* out) const;
  void WriteTrailer(std::uint8_t* out) const;

 private:
  std::uint32_t crc_ = 0;
  std::uint32_t length_ = 0;  // modulo 2^32
};

}  // namespace router
