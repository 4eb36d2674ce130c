// Inflater: one compressed format into a Body, bounded in memory and time. Common to all formats.
//
// Inflating trusts nothing the sender says: output grows in bounded steps that are charged to the
// memory budget, and stops at the first byte too many. A size that a header or trailer claims is
// only a hint: it is reserved as far as the input makes it likely. Members, frames and chunks that
// stand one after the other are one message and count together. What costs much and yields nothing
// is not waited for (WorkBound).
// Thread safety: its worker only.
// Invariants: the output's capacity never exceeds the limit.
// Failure: a body handed to a call that fails comes back Reset(), its memory and charge given back.
// Source: rules GS-02, GC-02, A-06, A-07.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "router/base/body.h"
#include "router/codec/bounded_output.h"

namespace router {

enum class InflateError : std::uint8_t {
  kMalformed,  // another format, damaged, or something else behind the last member
  kTruncated,  // ends inside a member; also no bytes at all (which Snappy has for no content)
  kTooLarge,   // more than output_bytes_max
  kRatio,      // a bomb: out of proportion to the input in size (200:1 above 4 MiB) or in work
  kNoMemory,   // the memory budget is full
};

struct InflateLimits {
  std::size_t output_bytes_max;  // exactly so many bytes still pass; < 2^32
};

class Inflater {
 public:
  static constexpr std::size_t kRatioMax = 200;
  static constexpr std::size_t kRatioFreeBytes = 4 * 1024 * 1024;
  // Up to this ratio a claimed size is reserved at once; what has more grows into it.
  static constexpr std::size_t kHintRatioMax = 32;

  virtual ~Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Puts the inflated `in` into `out`. REQUIRES: out.size() == 0; in.size() < 2^32.
  std::optional<InflateError> Inflate(std::span<const std::uint8_t> in, const InflateLimits& limits,
                                      Body& out);

 protected:
  Inflater() = default;

 private:
  // What the message itself says about its inflated size; 0 when it says nothing.
  virtual std::size_t SizeHint(std::span<const std::uint8_t> in) const = 0;
  // All of `in`.
  virtual InflateProgress InflateAll(std::span<const std::uint8_t> in, BoundedOutput& output) = 0;
  // The message is over, however it ended: nothing may point into it any more.
  virtual void Forget() {}
};

}  // namespace router
