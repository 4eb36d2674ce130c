#include "router/base/buffer_cache.h"

#include <bit>
#include <utility>

namespace router {

BufferCache::SizeClass BufferCache::ClassOf(std::size_t bytes) {
  const auto power = static_cast<std::size_t>(std::bit_width(bytes)) - 1;
  const std::size_t base = std::size_t{1} << power;
  const std::size_t step = base / kStepsPerDouble;
  const std::size_t steps = (bytes - base + step - 1) / step;
  const auto power_min = static_cast<std::size_t>(std::bit_width(kBytesMin)) - 1;
  return {.index = (power - power_min) * kStepsPerDouble + steps, .bytes = base + steps * step};
}

BufferCache::Memory BufferCache::Take(std::size_t bytes) {
  if (bytes < kBytesMin || bytes > kBytesMax) {
    return std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
  }
  const SizeClass size = ClassOf(bytes);
  std::vector<Memory>& free = free_[size.index];
  if (free.empty()) return std::make_unique_for_overwrite<std::uint8_t[]>(size.bytes);
  Memory memory = std::move(free.back());
  free.pop_back();
  held_bytes_ -= size.bytes;
  return memory;
}

void BufferCache::Give(Memory memory, std::size_t bytes) {
  if (bytes < kBytesMin || bytes > kBytesMax) return;
  const SizeClass size = ClassOf(bytes);
  if (held_bytes_ + size.bytes > kHeldBytesMax) return;
  held_bytes_ += size.bytes;
  free_[size.index].push_back(std::move(memory));
}

}  // namespace router
