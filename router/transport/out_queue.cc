#include "router/transport/out_queue.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

namespace router {
namespace {
constexpr std::size_t kIovMax = 64;
}

void OutQueue::AppendCopy(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::size_t offset = copies_.size();
  copies_.insert(copies_.end(), bytes.begin(), bytes.end());
  bytes_ += bytes.size();
  if (!empty() && segments_.back().reference == nullptr) {
    segments_.back().size += bytes.size();
    return;
  }
  segments_.push_back({nullptr, offset, bytes.size(), nullptr});
}

void OutQueue::AppendReference(std::span<const std::uint8_t> bytes,
                               std::shared_ptr<const Body> body) {
  if (bytes.empty()) return;
  bytes_ += bytes.size();
  segments_.push_back({bytes.data(), 0, bytes.size(), std::move(body)});
}

Transport::Status OutQueue::WriteTo(Transport& transport) {
  while (!empty()) {
    std::array<iovec, kIovMax> iov;
    std::size_t count = 0;
    std::size_t offered = 0;
    for (std::size_t i = first_; i < segments_.size() && count < kIovMax; ++i, ++count) {
      const Segment& segment = segments_[i];
      const std::uint8_t* data =
          segment.reference != nullptr ? segment.reference : copies_.data() + segment.offset;
      iov[count] = {const_cast<std::uint8_t*>(data), segment.size};
      offered += segment.size;
    }
    const Transport::Outcome outcome = transport.Write(std::span(iov).first(count));
    if (outcome.status != Transport::Status::kOk) return outcome.status;
    Consume(outcome.size);
    if (outcome.size < offered) return Transport::Status::kBlocked;
  }
  return Transport::Status::kOk;
}

void OutQueue::Consume(std::size_t bytes) {
  bytes_ -= bytes;
  while (bytes > 0) {
    Segment& segment = segments_[first_];
    const std::size_t taken = std::min(bytes, segment.size);
    segment.size -= taken;
    bytes -= taken;
    if (segment.size > 0) {
      if (segment.reference != nullptr) {
        segment.reference += taken;
      } else {
        segment.offset += taken;
      }
      return;
    }
    segment.body.reset();
    ++first_;
  }
  if (empty()) {
    segments_.clear();
    copies_.clear();
    first_ = 0;
  }
}

}  // namespace router
