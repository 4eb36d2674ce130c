// Any bytes as the value of grpc-status-details-bin, and any bytes under its base64: nothing
// crashes, and a delay that is read lies within its bounds (GC-13).
#include <google/protobuf/stubs/logging.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "router/otlp/base64.h"
#include "router/otlp/status_details.h"

namespace {

void Check(std::string_view text) {
  const auto delay = router::RetryDelayFromDetails(text);
  if (delay && (*delay < std::chrono::milliseconds(0) || *delay > router::kRetryDelayMax))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static google::protobuf::LogSilencer silence;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Check(bytes);
  Check(router::EncodeBase64(bytes));
  if (router::DecodeBase64(router::EncodeBase64(bytes)) != bytes) std::abort();
  return 0;
}
