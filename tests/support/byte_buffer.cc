#include "tests/support/byte_buffer.h"

#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace router::test {

grpc::ByteBuffer ToByteBuffer(std::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::string DetailsWithRetryInfo(int code, std::string_view message,
                                 std::chrono::milliseconds retry_delay) {
  google::rpc::RetryInfo retry_info;
  retry_info.mutable_retry_delay()->set_seconds(retry_delay.count() / 1000);
  retry_info.mutable_retry_delay()->set_nanos(
      static_cast<std::int32_t>(retry_delay.count() % 1000 * 1'000'000));
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(std::string(message));
  status.add_details()->PackFrom(retry_info);
  return status.SerializeAsString();
}

std::optional<std::chrono::milliseconds> RetryDelayIn(const std::string& details) {
  google::rpc::Status status;
  if (!status.ParseFromString(details)) return std::nullopt;
  for (const auto& detail : status.details()) {
    google::rpc::RetryInfo retry_info;
    if (!detail.UnpackTo(&retry_info)) continue;
    return std::chrono::milliseconds(retry_info.retry_delay().seconds() * 1000 +
                                     retry_info.retry_delay().nanos() / 1'000'000);
  }
  return std::nullopt;
}

}  // namespace router::test
