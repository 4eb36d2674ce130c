#include "router/codec/bounded_output.h"

#include <algorithm>

namespace router {
namespace {

constexpr std::size_t kFirstStepBytes = 64 * 1024;

}  // namespace

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
  const std::size_t grown = std::max({2 * body_.capacity(), needed, kFirstStepBytes});
  return body_.Reserve(std::min(grown, size_max_)) ? InflateProgress::kMore
                                                   : InflateProgress::kNoMemory;
}

bool BoundedOutput::ChargeScratch(std::size_t bytes) {
  if (bytes <= scratch_bytes_) return true;
  if (!body_.account().TryCharge(bytes - scratch_bytes_)) return false;
  scratch_bytes_ = bytes;
  return true;
}

}  // namespace router
