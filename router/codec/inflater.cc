#include "router/codec/inflater.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace router {

std::optional<InflateError> Inflater::Inflate(std::span<const std::uint8_t> in,
                                              const InflateLimits& limits, Body& out) {
  [[maybe_unused]] constexpr std::size_t kUint32Max = std::numeric_limits<std::uint32_t>::max();
  assert(in.size() <= kUint32Max && limits.output_bytes_max < kUint32Max && out.size() == 0);
  const std::size_t ratio_max = std::max(kRatioFreeBytes, kRatioMax * in.size());
  const std::size_t size_max = std::min(limits.output_bytes_max, ratio_max);

  BoundedOutput output(out, size_max);
  const std::size_t likely = std::min(SizeHint(in), kHintRatioMax * in.size());
  const InflateProgress progress = output.Reserve(std::min(likely, size_max))
                                       ? InflateAll(in, output)
                                       : InflateProgress::kNoMemory;
  Forget();
  if (progress == InflateProgress::kDone) return std::nullopt;
  out.Reset();
  switch (progress) {
    case InflateProgress::kTruncated:
      return InflateError::kTruncated;
    case InflateProgress::kTooLarge:
      return size_max < limits.output_bytes_max ? InflateError::kRatio : InflateError::kTooLarge;
    case InflateProgress::kOverworked:
      return InflateError::kRatio;
    case InflateProgress::kNoMemory:
      return InflateError::kNoMemory;
    default:
      return InflateError::kMalformed;
  }
}

}  // namespace router
