// BufferCache: where one worker's bodies get their memory, and where it goes when they are done:
// freed buffers are kept for the next bodies, still warm in the processor's cache.
//
// Bodies come and go by the thousand in the same few sizes; through malloc each costs searching,
// splitting and merging of free chunks, a tenth of a request. Sizes are grouped in classes an
// eighth apart, last in first out. A few mapped buffers are kept, too, so that not every page of
// each large body has to be faulted in.
//
// malloc keeps what is freed to it; before a large buffer is mapped it has to give back, if that
// is much. So small bodies do not count twice when large ones follow.
//
// Thread safety: its worker only.
// Invariant: holds at most kHeldBytesMax, and kHeldMappedBytesMax of mapped buffers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "router/base/buffer.h"

namespace router {

class BufferCache {
 public:
  static constexpr std::size_t kBytesMin = 4 * 1024;
  static constexpr std::size_t kBytesMax = Buffer::kAllocatedBytesMax;
  static constexpr std::size_t kHeldBytesMax = 4 * 1024 * 1024;
  static constexpr std::size_t kHeldMappedBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kHeldMappedBytesEach = 4 * 1024 * 1024;  // the rest is cut off
  static constexpr std::size_t kFreedBytesMax = 16 * 1024 * 1024;       // left with malloc

  // At least `bytes` uninitialised bytes. Behind them is at most an eighth more, or what is kept.
  Buffer Take(std::size_t bytes);
  // Takes back what Take() gave.
  void Give(Buffer buffer);
  // Makes `buffer`, from Take(), at least `bytes` long; keeps its first `used` bytes.
  void Grow(Buffer& buffer, std::size_t used, std::size_t bytes);

  // Frees all that is held, for when there is nothing to do.
  void Drop();

  std::size_t held_bytes() const { return held_bytes_ + held_mapped_bytes_; }

 private:
  static constexpr std::size_t kStepsPerDouble = 8;
  static constexpr std::size_t kClasses = 8 * kStepsPerDouble + 2;  // 4 KiB to 1152 KiB

  struct SizeClass {
    std::size_t index;
    std::size_t bytes;
  };
  // REQUIRES: kBytesMin <= bytes <= kBytesMax.
  static SizeClass ClassOf(std::size_t bytes);
  Buffer TakeMapped(std::size_t bytes);
  void GiveMapped(Buffer buffer);
  Buffer Allocate(std::size_t bytes);
  void Free(Buffer buffer);

  std::array<std::vector<Buffer>, kClasses> free_;
  std::size_t held_bytes_ = 0;
  std::vector<Buffer> mapped_;
  std::size_t held_mapped_bytes_ = 0;
  std::size_t allocated_bytes_ = 0;       // from malloc, with those held
  std::size_t allocated_bytes_peak_ = 0;  // since malloc last gave back
};

}  // namespace router
