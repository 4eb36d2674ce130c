#include "router/base/buffer.h"

#include <sys/mman.h>

#include <cassert>
#include <cstdlib>

namespace router {
namespace {

// A multiple of every page size there is.
constexpr std::size_t kMappedStepBytes = 64 * 1024;

std::size_t MappedSize(std::size_t bytes) {
  return (bytes + kMappedStepBytes - 1) / kMappedStepBytes * kMappedStepBytes;
}

std::uint8_t* Mapped(void* address) {
  if (address == MAP_FAILED) std::abort();
  return static_cast<std::uint8_t*>(address);
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : size_(bytes) {
  if (bytes <= kAllocatedBytesMax) {
    allocated_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
    return;
  }
  size_ = MappedSize(bytes);
  mapped_ =
      Mapped(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void Buffer::Resize(std::size_t bytes) {
  assert(is_mapped() && bytes > kAllocatedBytesMax);
  const std::size_t size = MappedSize(bytes);
  if (size == size_) return;
  mapped_ = Mapped(::mremap(mapped_, size_, size, MREMAP_MAYMOVE));
  size_ = size;
}

void Buffer::Unmap() { ::munmap(mapped_, size_); }

}  // namespace router
