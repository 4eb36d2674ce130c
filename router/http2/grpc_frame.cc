#include "router/http2/grpc_frame.h"

#include <algorithm>
#include <cstring>

namespace router {
namespace {
constexpr std::size_t kFirstBytes = 64 * 1024;
constexpr std::size_t kGrowth = 8;  // while small: few copies for the usual request
constexpr std::size_t kFastGrowthMax = 1024 * 1024;
}  // namespace

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
  const std::size_t needed = body_.size() + bytes.size();
  if (needed > body_.capacity() && !MakeRoom(needed)) return Status::kNoMemory;
  std::memcpy(body_.data() + body_.size(), bytes.data(), bytes.size());
  body_.SetSize(needed);
  return Status::kOk;
}

GrpcMessageReader::Status GrpcMessageReader::ReadPrefix() {
  if (prefix_[0] > 1) return Status::kBadFlag;
  announced_ = std::size_t{prefix_[1]} << 24 | std::size_t{prefix_[2]} << 16 |
               std::size_t{prefix_[3]} << 8 | std::size_t{prefix_[4]};
  if (announced_ > message_bytes_max_) return Status::kTooLarge;
  return body_.Reserve(std::min(announced_, kFirstBytes)) ? Status::kOk : Status::kNoMemory;
}

bool GrpcMessageReader::MakeRoom(std::size_t needed) {
  const std::size_t growth = body_.capacity() < kFastGrowthMax ? kGrowth : 2;
  const std::size_t wanted = std::min(announced_, std::max(needed, growth * body_.capacity()));
  return body_.Reserve(wanted) || body_.Reserve(needed);
}

GrpcMessageReader::Status GrpcMessageReader::Finish() const {
  if (prefix_size_ == 0) return Status::kNoMessage;
  if (prefix_size_ < prefix_.size() || body_.size() < announced_) return Status::kTruncated;
  return Status::kOk;
}

}  // namespace router
