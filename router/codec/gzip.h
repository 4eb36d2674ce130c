// GzipCodec: gzip in both directions, bounded in memory and in time (ISA-L).
//
// Thread safety: its worker only. Holds about 450 KiB of ISA-L state, reused for every message.
// Failure: a body handed to a call that fails comes back Reset(), its memory and charge given back.
// Source: rules GS-02 and GC-02, RFC 1952. Bounds of inflating: inflater.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "router/base/body.h"
#include "router/codec/inflater.h"
#include "router/codec/isal_inflater.h"

struct isal_zstream;

namespace router {

// Whether a message begins as gzip does (RFC 1952): no Protobuf message does, 0x1f is a tag of a
// wire type that does not exist.
constexpr bool BeginsAsGzip(std::span<const std::uint8_t> message) {
  return message.size() >= 2 && message[0] == 0x1f && message[1] == 0x8b;
}

class GzipCodec {
 public:
  GzipCodec();
  ~GzipCodec();
  GzipCodec(const GzipCodec&) = delete;
  GzipCodec& operator=(const GzipCodec&) = delete;

  // Puts the inflated `in` into `out`, all members one after the other.
  // REQUIRES: out.size() == 0; in.size() < 2^32.
  std::optional<InflateError> Inflate(std::span<const std::uint8_t> in, const InflateLimits& limits,
                                      Body& out) {
    return inflater_.Inflate(in, limits, out);
  }

  // Appends `in` to `out` as one gzip member, level 1. False: the memory budget is full.
  // REQUIRES: in.size() < 2^32.
  [[nodiscard]] bool Deflate(std::span<const std::uint8_t> in, Body& out);

 private:
  IsalInflater inflater_{IsalInflater::Format::kGzip};
  std::unique_ptr<isal_zstream> deflate_;
  std::vector<std::uint8_t> level_buffer_;  // working memory of deflate_
};

}  // namespace router
