#include "router/base/buffer_cache.h"

#include <malloc.h>

#include <algorithm>
#include <bit>
#include <cstring>
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

Buffer BufferCache::Take(std::size_t bytes) {
  if (bytes < kBytesMin) return Allocate(bytes);
  if (bytes > kBytesMax) return TakeMapped(bytes);
  const SizeClass size = ClassOf(bytes);
  std::vector<Buffer>& free = free_[size.index];
  if (free.empty()) return Allocate(size.bytes);
  Buffer buffer = std::move(free.back());
  free.pop_back();
  held_bytes_ -= buffer.size();
  return buffer;
}

Buffer BufferCache::TakeMapped(std::size_t bytes) {
  if (allocated_bytes_peak_ - allocated_bytes_ > kFreedBytesMax) {
    ::malloc_trim(0);
    allocated_bytes_peak_ = allocated_bytes_;
  }
  if (mapped_.empty()) return Buffer(bytes);
  Buffer buffer = std::move(mapped_.back());
  mapped_.pop_back();
  held_mapped_bytes_ -= buffer.size();
  if (buffer.size() < bytes) buffer.Resize(bytes);
  return buffer;
}

void BufferCache::GiveMapped(Buffer buffer) {
  if (held_mapped_bytes_ + std::min(buffer.size(), kHeldMappedBytesEach) > kHeldMappedBytesMax) {
    return;
  }
  if (buffer.size() > kHeldMappedBytesEach) buffer.Resize(kHeldMappedBytesEach);
  held_mapped_bytes_ += buffer.size();
  mapped_.push_back(std::move(buffer));
}

void BufferCache::Give(Buffer buffer) {
  if (buffer.is_mapped()) {
    GiveMapped(std::move(buffer));
  } else if (buffer.size() < kBytesMin || held_bytes_ + buffer.size() > kHeldBytesMax) {
    Free(std::move(buffer));
  } else {
    held_bytes_ += buffer.size();
    free_[ClassOf(buffer.size()).index].push_back(std::move(buffer));
  }
}

void BufferCache::Drop() {
  for (std::vector<Buffer>& free : free_) {
    for (Buffer& buffer : free) Free(std::move(buffer));
    free.clear();
  }
  mapped_.clear();
  held_bytes_ = held_mapped_bytes_ = 0;
  Buffer last(kBytesMax);  // whose end lets malloc give back, even where nothing was held
}

void BufferCache::Grow(Buffer& buffer, std::size_t used, std::size_t bytes) {
  if (buffer.size() >= bytes) return;
  if (buffer.is_mapped()) {
    buffer.Resize(bytes);
    return;
  }
  Buffer grown = Take(bytes);
  if (used > 0) std::memcpy(grown.get(), buffer.get(), used);
  if (buffer) Give(std::move(buffer));
  buffer = std::move(grown);
}

Buffer BufferCache::Allocate(std::size_t bytes) {
  allocated_bytes_ += bytes;
  allocated_bytes_peak_ = std::max(allocated_bytes_peak_, allocated_bytes_);
  return Buffer(bytes);
}

void BufferCache::Free(Buffer buffer) { allocated_bytes_ -= buffer.size(); }

}  // namespace router
