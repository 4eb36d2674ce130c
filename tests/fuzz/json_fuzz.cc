// json_fuzz: any bytes as an OTLP/JSON request, against a small limit.
//
// Holds: no crash, no overrun; a failed call keeps no memory and says something that is ASCII; what
// passes is within the limit, is read by Protobuf, and indexed without a fault.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "router/otlp/json_codec.h"
#include "router/otlp/span_index.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLimit = 256 * 1024;
  static router::JsonCodec codec;  // reused, as by a worker: one request must not taint the next
  static router::SpanIndex index;
  router::MemoryBudget budget(16 << 20);
  router::MemoryAccount account(budget);
  router::Body body(account);
  const auto fault = codec.ToWire({data, size}, kLimit, body);
  Require(account.charged() == body.capacity());
  if (fault) {
    Require(body.capacity() == 0 && !fault->message.empty() && fault->message.size() < 600);
    for (const char character : fault->message) Require(character >= ' ' && character <= '~');
    return 0;
  }
  Require(body.size() <= kLimit);
  Require(!index.Parse(body.bytes(), {}));
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest request;
  Require(request.ParseFromArray(body.data(), static_cast<int>(body.size())));
  Require(request.ByteSizeLong() <= body.size());
  return 0;
}
