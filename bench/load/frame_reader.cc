#include "bench/load/frame_reader.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bench {
namespace {

constexpr std::size_t kHeaderBlockBytesMax = 256 * 1024;

// Removes padding and priority fields. False if they do not fit.
bool StripPadding(const FrameHeader& frame, std::span<const std::uint8_t>& payload) {
  std::size_t padding = 0;
  if (frame.Has(kFlagPadded)) {
    if (payload.empty()) return false;
    padding = payload[0];
    payload = payload.subspan(1);
  }
  if (frame.type == FrameType::kHeaders && frame.Has(kFlagPriority)) {
    if (payload.size() < 5) return false;
    payload = payload.subspan(5);
  }
  if (padding > payload.size()) return false;
  payload = payload.first(payload.size() - padding);
  return true;
}

bool InflateBlock(nghttp2_hd_inflater* inflater, std::span<const std::uint8_t> block,
                  std::vector<HeaderField>& fields) {
  const std::uint8_t* in = block.data();
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, in, left, 1);
    if (used < 0) return false;
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.push_back({{reinterpret_cast<const char*>(field.name), field.namelen},
                        {reinterpret_cast<const char*>(field.value), field.valuelen}});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      nghttp2_hd_inflate_end_headers(inflater);
      return true;
    }
    if (left == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return false;
  }
}

}  // namespace

void InflaterDeleter::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

FrameReader::FrameReader(bool expect_preface) : preface_pending_(expect_preface) {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) std::abort();  // out of memory
  inflater_.reset(inflater);
}

ReadOutcome FrameReader::ReadSome(int fd, std::span<std::uint8_t> buffer, FrameVisitor& visitor,
                                  std::uint64_t& bytes_read) {
  PlainWire wire(fd);
  return ReadSome(wire, buffer, visitor, bytes_read);
}

ReadOutcome FrameReader::ReadSome(Wire& wire, std::span<std::uint8_t> buffer, FrameVisitor& visitor,
                                  std::uint64_t& bytes_read) {
  std::size_t filled = tail_.size();
  std::copy(tail_.begin(), tail_.end(), buffer.begin());
  tail_.clear();
  const ssize_t received = wire.Read(buffer.subspan(filled));
  if (received == 0) return ReadOutcome::kClosed;
  if (received < 0) {
    tail_.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(filled));
    const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return again ? ReadOutcome::kOpen : ReadOutcome::kClosed;
  }
  filled += static_cast<std::size_t>(received);
  bytes_read += static_cast<std::uint64_t>(received);

  std::span<const std::uint8_t> rest = buffer.first(filled);
  if (preface_pending_) {
    const std::size_t seen = std::min(rest.size(), kClientPreface.size());
    if (std::memcmp(rest.data(), kClientPreface.data(), seen) != 0) {
      return ReadOutcome::kProtocolError;
    }
    if (seen == kClientPreface.size()) {
      rest = rest.subspan(seen);
      preface_pending_ = false;
    }
  }
  while (!preface_pending_ && rest.size() >= kFrameHeaderBytes) {
    const FrameHeader frame = DecodeFrameHeader(rest.data());
    if (frame.length > kFramePayloadBytesMax) return ReadOutcome::kProtocolError;
    if (rest.size() < kFrameHeaderBytes + frame.length) break;
    if (!Dispatch(frame, rest.subspan(kFrameHeaderBytes, frame.length), visitor)) {
      return ReadOutcome::kProtocolError;
    }
    rest = rest.subspan(kFrameHeaderBytes + frame.length);
  }
  tail_.assign(rest.begin(), rest.end());
  return ReadOutcome::kOpen;
}

bool FrameReader::Dispatch(const FrameHeader& frame, std::span<const std::uint8_t> payload,
                           FrameVisitor& visitor) {
  switch (frame.type) {
    case FrameType::kData:
      if (!StripPadding(frame, payload)) return false;
      visitor.OnData(frame, payload);
      return true;
    case FrameType::kHeaders:
      if (!StripPadding(frame, payload)) return false;
      block_frame_ = frame;
      block_.clear();
      return AddHeaderBlock(frame, payload, visitor);
    case FrameType::kContinuation:
      return AddHeaderBlock(frame, payload, visitor);
    default:
      visitor.OnControl(frame, payload);
      return true;
  }
}

bool FrameReader::AddHeaderBlock(const FrameHeader& frame, std::span<const std::uint8_t> fragment,
                                 FrameVisitor& visitor) {
  if (block_.size() + fragment.size() > kHeaderBlockBytesMax) return false;
  block_.insert(block_.end(), fragment.begin(), fragment.end());
  if (!frame.Has(kFlagEndHeaders)) return true;
  fields_.clear();
  if (!InflateBlock(inflater_.get(), block_, fields_)) return false;
  visitor.OnHeaders(block_frame_, fields_);
  return true;
}

}  // namespace bench
