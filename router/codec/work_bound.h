// WorkBound: one input on its way through a decoder, slice by slice, and the work done for it.
//
// An empty block of 10 bits costs a third of a microsecond, so neither input nor output size bounds
// the time; this does: after 50 ms of processor time, 20 ns per byte read or written must do
// (honest data: about 1 ns).
// Thread safety: its worker only.
// Cost: asks the clock once per slice of input, thus never for messages of one slice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace router {

class WorkBound {
 public:
  static constexpr std::size_t kSliceBytes = 256 * 1024;

  explicit WorkBound(std::span<const std::uint8_t> in);

  // What is not read yet, when `next` is the next byte to read.
  std::span<const std::uint8_t> Rest(const std::uint8_t* next) const {
    return {next, static_cast<std::size_t>(end_ - next)};
  }
  // The same, at most kSliceBytes.
  std::span<const std::uint8_t> Slice(const std::uint8_t* next) const;

  // Call it once per step. `next` may go back by a few bytes, as a decoder's own buffer does.
  bool IsExceeded(const std::uint8_t* next, std::size_t output_bytes);

 private:
  static constexpr std::int64_t kFreeNs = 50'000'000;
  static constexpr std::int64_t kNsPerByteMax = 20;

  const std::uint8_t* const begin_;
  const std::uint8_t* const end_;
  const std::uint8_t* next_check_;
  std::int64_t started_ns_ = 0;
};

}  // namespace router
