// BufferCache: freed body buffers kept for the next bodies, still warm in the processor's cache.
//
// Bodies come and go by the thousand in the same few sizes; through malloc each costs searching,
// splitting and merging of free chunks, a tenth of a request. Sizes are grouped in classes an
// eighth apart, last in first out.
// Thread safety: its worker only.
// Invariant: holds at most kHeldBytesMax; other sizes go straight to malloc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace router {

class BufferCache {
 public:
  using Memory = std::unique_ptr<std::uint8_t[]>;
  static constexpr std::size_t kBytesMin = 4 * 1024;
  static constexpr std::size_t kBytesMax = 1024 * 1024;
  static constexpr std::size_t kHeldBytesMax = 4 * 1024 * 1024;

  // At least `bytes` uninitialised bytes; at most an eighth more is behind them.
  Memory Take(std::size_t bytes);
  // Takes back what Take(bytes) gave.
  void Give(Memory memory, std::size_t bytes);

  std::size_t held_bytes() const { return held_bytes_; }

 private:
  static constexpr std::size_t kStepsPerDouble = 8;
  static constexpr std::size_t kClasses = 8 * kStepsPerDouble + 1;  // 4 KiB to 1 MiB

  struct SizeClass {
    std::size_t index;
    std::size_t bytes;
  };
  // REQUIRES: kBytesMin <= bytes <= kBytesMax.
  static SizeClass ClassOf(std::size_t bytes);

  std::array<std::vector<Memory>, kClasses> free_;
  std::size_t held_bytes_ = 0;
};

}  // namespace router
