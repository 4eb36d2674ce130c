#include "router/codec/bounded_output.h"

#include <algorithm>

namespace router {
namespace {

constexpr std::size_t kFirstStepBytes = 64 * 1024;

// Growing copies: both copies together stay within 1.2 times the maximum as long as growth starts
// from at most a fifth of it. Hence doubling below, and one step to the maximum from there.
bool CanGrowFrom(std::size_t capacity, std::size_t capacity_max) {
  return capacity <= capacity_max / 5;
}

std::size_t NextCapacity(std::size_t capacity, std::size_t needed, std::size_t capacity_max) {
  const std::size_t grown = std::max({2 * capacity, needed, kFirstStepBytes});
  return CanGrowFrom(grown, capacity_max) ? grown : capacity_max;
}

}  // namespace

bool BoundedOutput::Restart(std::size_t capacity) {
  body_.Reset();
  return body_.Reserve(capacity);
}

std::span<std::uint8_t> BoundedOutput::Room() {
  const std::size_t room = body_.capacity() - body_.size();
  return room > 0 ? std::span(body_.data() + body_.size(), room) : std::span(&spare_, 1);
}

InflateProgress BoundedOutput::Take(std::size_t written) {
  if (written == 0) return InflateProgress::kMore;
  if (body_.size() < body_.capacity()) {
    body_.SetSize(body_.size() + written);
    return InflateProgress::kMore;
  }
  const InflateProgress prepared = Prepare(1);
  if (prepared != InflateProgress::kMore) return prepared;
  body_.data()[body_.size()] = spare_;
  body_.SetSize(body_.size() + 1);
  return InflateProgress::kMore;
}

InflateProgress BoundedOutput::Prepare(std::size_t bytes) {
  if (bytes > size_max_ - body_.size()) return InflateProgress::kTooLarge;
  const std::size_t needed = body_.size() + bytes;
  if (needed <= body_.capacity()) return InflateProgress::kMore;
  if (!CanGrowFrom(body_.capacity(), size_max_)) return InflateProgress::kGrow;
  return body_.Reserve(NextCapacity(body_.capacity(), needed, size_max_))
             ? InflateProgress::kMore
             : InflateProgress::kNoMemory;
}

bool BoundedOutput::ChargeScratch(std::size_t bytes) {
  if (bytes <= scratch_bytes_) return true;
  if (!body_.account().TryCharge(bytes - scratch_bytes_)) return false;
  scratch_bytes_ = bytes;
  return true;
}

}  // namespace router
