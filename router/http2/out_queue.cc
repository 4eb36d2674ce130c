#include "router/http2/out_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

OutQueue::WriteResult OutQueue::WriteTo(int socket) {
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
    msghdr message{};
    message.msg_iov = iov.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? WriteResult::kBlocked : WriteResult::kFailed;
    }
    Consume(static_cast<std::size_t>(sent));
    if (static_cast<std::size_t>(sent) < offered) return WriteResult::kBlocked;
  }
  return WriteResult::kDone;
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
