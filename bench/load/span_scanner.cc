#include "bench/load/span_scanner.h"

#include <algorithm>
#include <cstring>

namespace bench {
namespace {

// The field that leads one level down: resource_spans, scope_spans, spans.
constexpr std::array<std::uint64_t, 3> kChildField = {1, 2, 2};
constexpr std::uint64_t kTraceIdField = 1;
constexpr std::uint64_t kSpanIdField = 2;

}  // namespace

bool SpanScanner::AtEnd() const {
  return depth_ == 0 && state_ == State::kTag && varint_shift_ == 0;
}

bool SpanScanner::TakeVarintByte(std::uint8_t byte, bool& complete) {
  if (varint_shift_ > 63) return false;
  varint_ |= std::uint64_t{byte & 0x7fu} << varint_shift_;
  varint_shift_ += 7;
  complete = (byte & 0x80) == 0;
  if (complete) varint_shift_ = 0;
  return true;
}

bool SpanScanner::OnTag() {
  field_ = varint_ >> 3;
  const std::uint64_t wire_type = varint_ & 7;
  varint_ = 0;
  switch (wire_type) {
    case 0:
      state_ = State::kVarint;
      return true;
    case 1:
      left_ = 8;
      state_ = State::kSkip;
      return true;
    case 2:
      state_ = State::kLength;
      return true;
    case 5:
      left_ = 4;
      state_ = State::kSkip;
      return true;
    default:
      return false;
  }
}

bool SpanScanner::OnLength(SpanObserver& observer) {
  const std::uint64_t length = varint_;
  varint_ = 0;
  if (depth_ > 0 && length > ends_[static_cast<std::size_t>(depth_)] - position_) return false;
  state_ = State::kSkip;
  left_ = length;
  if (depth_ < kSpanDepth && field_ == kChildField[static_cast<std::size_t>(depth_)]) {
    if (depth_ + 1 == kSpanDepth && !read_ids_) {
      observer.OnSpan(trace_id_, span_id_);
    } else {
      ++depth_;
      ends_[static_cast<std::size_t>(depth_)] = position_ + length;
      if (depth_ == kSpanDepth) {
        trace_id_.fill(0);
        span_id_.fill(0);
      }
      state_ = State::kTag;
      left_ = 0;
    }
  } else if (depth_ == kSpanDepth && field_ == kTraceIdField && length == trace_id_.size()) {
    capture_ = trace_id_.data();
    state_ = State::kCapture;
  } else if (depth_ == kSpanDepth && field_ == kSpanIdField && length == span_id_.size()) {
    capture_ = span_id_.data();
    state_ = State::kCapture;
  }
  if (left_ == 0) {
    state_ = State::kTag;
    CloseMessages(observer);
  }
  return true;
}

void SpanScanner::CloseMessages(SpanObserver& observer) {
  while (depth_ > 0 && position_ == ends_[static_cast<std::size_t>(depth_)]) {
    if (depth_ == kSpanDepth) observer.OnSpan(trace_id_, span_id_);
    --depth_;
  }
}

bool SpanScanner::Feed(std::span<const std::uint8_t> piece, SpanObserver& observer) {
  while (!piece.empty()) {
    if (state_ == State::kSkip || state_ == State::kCapture) {
      const std::size_t take =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece.size()));
      if (state_ == State::kCapture) {
        std::memcpy(capture_, piece.data(), take);
        capture_ += take;
      }
      piece = piece.subspan(take);
      position_ += take;
      left_ -= take;
      if (left_ > 0) continue;
      if (depth_ > 0 && position_ > ends_[static_cast<std::size_t>(depth_)]) return false;
      state_ = State::kTag;
      CloseMessages(observer);
      continue;
    }
    bool complete = false;
    if (!TakeVarintByte(piece[0], complete)) return false;
    piece = piece.subspan(1);
    ++position_;
    if (depth_ > 0) {
      const std::uint64_t end = ends_[static_cast<std::size_t>(depth_)];
      const bool value_ends = complete && state_ == State::kVarint;
      if (position_ > end || (position_ == end && !value_ends && state_ != State::kLength)) {
        return false;
      }
    }
    if (!complete) continue;
    if (state_ == State::kTag) {
      if (!OnTag()) return false;
    } else if (state_ == State::kLength) {
      if (!OnLength(observer)) return false;
    } else {
      varint_ = 0;
      state_ = State::kTag;
      CloseMessages(observer);
    }
  }
  return true;
}

}  // namespace bench
