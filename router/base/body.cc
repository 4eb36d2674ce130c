#include "router/base/body.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace router {
namespace {

// While growing copies: few copies for the usual request. A few sizes, so that buffers are used
// again, and never more than eight times what has come.
std::size_t RoomFor(std::size_t needed, std::size_t capacity) {
  constexpr std::size_t kFirstStep = Body::kArrivalBytes / 8;
  if (needed <= kFirstStep / 8) return 8 * needed;
  if (needed <= kFirstStep) return kFirstStep;
  if (needed <= 8 * kFirstStep) return 8 * kFirstStep;
  if (needed <= 64 * kFirstStep) return 64 * kFirstStep;
  return capacity < 1024 * 1024 ? 4 * capacity : 2 * capacity;
}

}  // namespace

Body::Body(Body&& other) noexcept
    : account_(other.account_),
      memory_(std::move(other.memory_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Body& Body::operator=(Body&& other) noexcept {
  if (this != &other) {
    Reset();
    account_ = other.account_;
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

bool Body::Reserve(std::size_t capacity) {
  if (memory_ && capacity <= capacity_) return true;
  if (!account_->TryCharge(capacity - capacity_)) return false;
  const std::size_t used = memory_ ? kHeadroomBytes + size_ : 0;
  account_->buffers().Grow(memory_, used, kHeadroomBytes + capacity);
  capacity_ = capacity;
  return true;
}

bool Body::AppendArrived(std::span<const std::uint8_t> bytes, std::size_t size_max) {
  assert(size_ + bytes.size() <= size_max);
  const std::size_t needed = size_ + bytes.size();
  if (needed > capacity_) {
    const std::size_t wanted = std::min(size_max, std::max(needed, RoomFor(needed, capacity_)));
    if (!Reserve(wanted) && !Reserve(needed)) return false;
  }
  return Append(bytes);
}

bool Body::Append(std::span<const std::uint8_t> bytes) {
  const std::size_t needed = size_ + bytes.size();
  if (needed > capacity_ && !Reserve(std::max(needed, 2 * capacity_)) && !Reserve(needed)) {
    return false;
  }
  if (!bytes.empty()) std::memcpy(data() + size_, bytes.data(), bytes.size());
  size_ = needed;
  return true;
}

void Body::SetSize(std::size_t size) {
  assert(size <= capacity_);
  size_ = size;
}

void Body::Reset() {
  if (capacity_ > 0) account_->Release(capacity_);
  if (memory_) account_->buffers().Give(std::move(memory_));
  size_ = capacity_ = 0;
}

std::span<const std::uint8_t> Body::FrameAsGrpc(bool compressed) {
  return FrameAsGrpc(compressed, size_);
}

std::span<const std::uint8_t> Body::FrameAsGrpc(bool compressed, std::size_t bytes) {
  assert(memory_ && bytes <= 0xFFFFFFFF);
  std::uint8_t* prefix = memory_.get();
  prefix[0] = compressed ? 1 : 0;
  for (int i = 0; i < 4; ++i) prefix[1 + i] = static_cast<std::uint8_t>(bytes >> (24 - 8 * i));
  return {prefix, kHeadroomBytes + size_};
}

}  // namespace router
