// GzipCodec: gzip in both directions, bounded in memory and in time (ISA-L).
//
// Inflating trusts nothing the sender says: output grows in bounded steps that are charged to the
// memory budget, and stops at the first byte too many. Concatenated members are one message;
// anything else behind a member is malformed. CRC and length of every member are checked. Blocks
// that cost much and yield nothing are not waited for: after 50 ms of processor time, 20 ns per
// byte read or written must do (honest data: about 1 ns).
// Thread safety: its worker only. Holds about 450 KiB of ISA-L state, reused for every message.
// Invariants: the output's capacity never exceeds the limit, and while it grows old and new copy
// together hold at most 1.2 times the limit.
// Failure: a body handed to a call that fails comes back Reset(), its memory and charge given back.
// Source: rules GS-02 and GC-02, RFC 1952.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "router/base/body.h"

struct inflate_state;
struct isal_zstream;

namespace router {

enum class InflateError : std::uint8_t {
  kMalformed,  // no gzip, damaged, or something else behind the last member
  kTruncated,  // ends inside a member; also no bytes at all
  kTooLarge,   // more than output_bytes_max
  kRatio,      // a bomb: out of proportion to the input in size (200:1 above 4 MiB) or in work
  kNoMemory,   // the memory budget is full
};

struct InflateLimits {
  std::size_t output_bytes_max;  // exactly so many bytes still pass; < 2^32
};

class GzipCodec {
 public:
  static constexpr std::size_t kRatioMax = 200;
  static constexpr std::size_t kRatioFreeBytes = 4 * 1024 * 1024;

  GzipCodec();
  ~GzipCodec();
  GzipCodec(const GzipCodec&) = delete;
  GzipCodec& operator=(const GzipCodec&) = delete;

  // Puts the inflated `in` into `out`, all members one after the other.
  // REQUIRES: out.size() == 0; in.size() < 2^32.
  std::optional<InflateError> Inflate(std::span<const std::uint8_t> in, const InflateLimits& limits,
                                      Body& out);

  // Appends `in` to `out` as one gzip member, level 1. False: the memory budget is full.
  // REQUIRES: in.size() < 2^32.
  [[nodiscard]] bool Deflate(std::span<const std::uint8_t> in, Body& out);

 private:
  class WorkBound;
  enum class Progress : std::uint8_t {
    kDone,
    kGrow,
    kMalformed,
    kTruncated,
    kTooLarge,
    kOverworked,
    kNoMemory,
  };

  Progress InflateMembers(std::span<const std::uint8_t> in, std::size_t size_max, Body& out);
  Progress InflateMember(WorkBound& work, std::size_t size_max, Body& out);

  std::unique_ptr<inflate_state> inflate_;
  std::unique_ptr<isal_zstream> deflate_;
  std::vector<std::uint8_t> level_buffer_;  // working memory of deflate_
};

}  // namespace router
