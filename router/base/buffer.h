// Buffer: the memory of one message body.
//
// What is larger than kAllocatedBytesMax is mapped from the kernel by itself: it costs resident
// memory only where it was written, grows by moving pages instead of copying them, and is gone from
// the process when it is freed, whatever else the allocator holds.
// Thread safety: as any value.
// Ownership: move-only.
// Failure: no memory at all ends the process, as everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace router {

class Buffer {
 public:
  // A MiB and an eighth: a body of a MiB has a little in front of it.
  static constexpr std::size_t kAllocatedBytesMax = 1152 * 1024;

  Buffer() = default;
  // At least `bytes` uninitialised bytes; exactly so many up to kAllocatedBytesMax.
  explicit Buffer(std::size_t bytes);
  ~Buffer() {
    if (mapped_ != nullptr) Unmap();
  }
  Buffer(Buffer&& other) noexcept
      : allocated_(std::move(other.allocated_)),
        mapped_(std::exchange(other.mapped_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(allocated_, other.allocated_);
    std::swap(mapped_, other.mapped_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Makes it `bytes` long, or a little longer; keeps the content as far as it goes.
  // REQUIRES: is_mapped(); bytes > kAllocatedBytesMax.
  void Resize(std::size_t bytes);

  std::uint8_t* get() const { return mapped_ != nullptr ? mapped_ : allocated_.get(); }
  std::size_t size() const { return size_; }
  bool is_mapped() const { return mapped_ != nullptr; }
  explicit operator bool() const { return get() != nullptr; }

 private:
  void Unmap();

  std::unique_ptr<std::uint8_t[]> allocated_;
  std::uint8_t* mapped_ = nullptr;  // if that is null
  std::size_t size_ = 0;
};

}  // namespace router
