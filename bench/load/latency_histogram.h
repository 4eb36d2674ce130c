// LatencyHistogram: counts in buckets 1.6 % wide, from a microsecond to hours, in 20 kB.
//
// Thread safety: one thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace bench {

class LatencyHistogram {
 public:
  void Add(std::uint64_t nanoseconds) {
    ++counts_[Bucket(nanoseconds)];
    ++total_;
  }

  // The lower edge, in nanoseconds, of the bucket below which `fraction` of the values lie; 0 if
  // empty.
  std::uint64_t Quantile(double fraction) const {
    const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(total_));
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      below += counts_[i];
      if (below > rank) return Edge(i);
    }
    return 0;
  }

 private:
  static constexpr int kSubBits = 6;  // 64 buckets per power of two
  static constexpr std::size_t kOctaves = 40;

  static std::size_t Bucket(std::uint64_t value) {
    if (value < (std::uint64_t{1} << kSubBits)) return value;
    const int octave = static_cast<int>(std::bit_width(value)) - 1 - kSubBits;
    const std::size_t index = (static_cast<std::size_t>(octave + 1) << kSubBits) +
                              ((value >> octave) & ((std::uint64_t{1} << kSubBits) - 1));
    return index < kOctaves << kSubBits ? index : (kOctaves << kSubBits) - 1;
  }
  static std::uint64_t Edge(std::size_t index) {
    if (index < (std::size_t{1} << kSubBits)) return index;
    const std::size_t octave = (index >> kSubBits) - 1;
    const std::uint64_t sub = (index & ((std::size_t{1} << kSubBits) - 1)) | std::uint64_t{1}
                                                                                 << kSubBits;
    return sub << octave;
  }

  std::array<std::uint64_t, kOctaves << kSubBits> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace bench
