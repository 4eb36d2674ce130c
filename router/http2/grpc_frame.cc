#include "router/http2/grpc_frame.h"

#include <algorithm>

namespace router {

GrpcMessageReader::Status GrpcMessageReader::Feed(std::span<const std::uint8_t> bytes) {
  if (prefix_size_ < prefix_.size()) {
    const std::size_t taken = std::min(prefix_.size() - prefix_size_, bytes.size());
    std::copy_n(bytes.begin(), taken, prefix_.begin() + static_cast<std::ptrdiff_t>(prefix_size_));
    prefix_size_ += taken;
    bytes = bytes.subspan(taken);
    if (prefix_size_ < prefix_.size()) return Status::kOk;
    if (const Status status = ReadPrefix(); status != Status::kOk) return status;
  }
  if (bytes.empty()) return Status::kOk;
  if (bytes.size() > announced_ - body_.size()) return Status::kSecondMessage;
  return body_.AppendArrived(bytes, announced_) ? Status::kOk : Status::kNoMemory;
}

GrpcMessageReader::Status GrpcMessageReader::ReadPrefix() {
  if (prefix_[0] > 1) return Status::kBadFlag;
  announced_ = std::size_t{prefix_[1]} << 24 | std::size_t{prefix_[2]} << 16 |
               std::size_t{prefix_[3]} << 8 | std::size_t{prefix_[4]};
  if (announced_ > message_bytes_max_) return Status::kTooLarge;
  if (announced_ > 0) return Status::kOk;
  return body_.Reserve(0) ? Status::kOk : Status::kNoMemory;
}

GrpcMessageReader::Status GrpcMessageReader::Finish() const {
  if (prefix_size_ == 0) return Status::kNoMessage;
  if (prefix_size_ < prefix_.size() || body_.size() < announced_) return Status::kTruncated;
  return Status::kOk;
}

}  // namespace router
