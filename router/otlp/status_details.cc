#include "router/otlp/status_details.h"

#include <algorithm>
#include <cstdint>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "router/otlp/ascii_text.h"
#include "router/otlp/base64.h"

namespace router {
namespace {

constexpr std::size_t kMessageBytesMax = 1024;
constexpr std::int32_t kNanosPerSecond = 1'000'000'000;
constexpr std::int32_t kNanosPerMilli = 1'000'000;

std::optional<std::chrono::milliseconds> DelayOf(const google::rpc::RetryInfo& info) {
  const std::int64_t seconds = info.retry_delay().seconds();
  const std::int32_t nanos = info.retry_delay().nanos();
  if (seconds < 0 || nanos < 0 || nanos >= kNanosPerSecond) return std::nullopt;
  const std::chrono::seconds whole(std::min<std::int64_t>(seconds, 24 * 3600));
  const std::chrono::milliseconds rest(nanos / kNanosPerMilli + (nanos % kNanosPerMilli != 0));
  return std::min<std::chrono::milliseconds>(whole + rest, kRetryDelayMax);
}

}  // namespace

std::optional<std::chrono::milliseconds> RetryDelayFromDetails(std::string_view base64) {
  if (base64.size() > kStatusDetailsBytesMax) return std::nullopt;
  base64 = base64.substr(0, base64.find(','));
  while (base64.starts_with(' ')) base64.remove_prefix(1);
  while (base64.ends_with(' ')) base64.remove_suffix(1);
  const std::optional<std::string> bytes = DecodeBase64(base64);
  google::rpc::Status status;
  if (!bytes || !status.ParseFromString(*bytes)) return std::nullopt;
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::RetryInfo info;
    if (!detail.Is<google::rpc::RetryInfo>() || !detail.UnpackTo(&info)) continue;
    if (const auto delay = DelayOf(info)) return delay;
  }
  return std::nullopt;
}

std::string DetailsWithRetryDelay(GrpcCode code, std::string_view message,
                                  std::chrono::milliseconds delay) {
  const std::int64_t millis = std::max<std::int64_t>(0, delay.count());
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(millis / 1000);
  info.mutable_retry_delay()->set_nanos(static_cast<std::int32_t>(millis % 1000) * kNanosPerMilli);
  google::rpc::Status status;
  status.set_code(static_cast<std::int32_t>(code));
  status.set_message(AsciiSafe(message, kMessageBytesMax));
  status.add_details()->PackFrom(info);
  return EncodeBase64(status.SerializeAsString());
}

}  // namespace router
