// Any bytes as the DATA of a gRPC call, cut anywhere: however it is cut, the outcome is the same,
// no more is taken from the budget than the limits allow, and all of it comes back (P-04). The same
// bytes as header values: a timeout that is read can be written again, and percent coding is undone
// by its inverse (P-05, P-07).
//
// Input: one byte that seeds the cuts, then the bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "router/http2/grpc_frame.h"
#include "router/http2/grpc_header.h"

namespace {

using router::GrpcMessageReader;
constexpr std::size_t kMessageBytesMax = 64 * 1024;

struct Outcome {
  GrpcMessageReader::Status status;
  std::string message;  // only of kOk: after a fault it depends on the cuts how much was kept
};

Outcome Read(std::span<const std::uint8_t> bytes, std::size_t piece_max, std::uint32_t seed) {
  router::MemoryBudget budget(4 * kMessageBytesMax);
  router::MemoryAccount account(budget);
  Outcome outcome{GrpcMessageReader::Status::kOk, {}};
  {
    router::Body body(account);
    GrpcMessageReader reader(body, kMessageBytesMax);
    while (!bytes.empty() && outcome.status == GrpcMessageReader::Status::kOk) {
      seed = seed * 1664525 + 1013904223;
      const std::size_t size =
          piece_max == 0 ? bytes.size() : std::min(bytes.size(), (seed >> 8) % (piece_max + 1));
      outcome.status = reader.Feed(bytes.first(size));
      bytes = bytes.subspan(size);
      if (body.size() > body.capacity() || body.capacity() > kMessageBytesMax) std::abort();
      if (account.charged() != body.capacity()) std::abort();
    }
    if (outcome.status == GrpcMessageReader::Status::kOk) outcome.status = reader.Finish();
    if (outcome.status == GrpcMessageReader::Status::kOk) {
      if (body.size() != reader.announced_bytes()) std::abort();
      outcome.message.assign(body.bytes().begin(), body.bytes().end());
    }
  }
  if (account.charged() != 0) std::abort();
  return outcome;
}

void CheckHeaders(std::string_view text) {
  if (const auto timeout = router::ParseGrpcTimeout(text)) {
    if (timeout->count() < 0) std::abort();
    const auto again = router::ParseGrpcTimeout(router::FormatGrpcTimeout(*timeout));
    if (!again || *again > *timeout) std::abort();
  }
  if (router::PercentDecode(router::PercentEncode(text)) != text) std::abort();
  if (router::PercentDecode(text).size() > text.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  const Outcome whole = Read(bytes, 0, 0);  // in one piece
  for (const std::size_t piece_max : {std::size_t{1}, std::size_t{7}, std::size_t{5000}}) {
    const Outcome cut = Read(bytes, piece_max, data[0]);
    if (cut.status != whole.status || cut.message != whole.message) std::abort();
  }
  CheckHeaders({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return 0;
}
