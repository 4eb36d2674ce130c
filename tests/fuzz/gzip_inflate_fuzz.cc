// gzip_inflate_fuzz: any bytes as a gzip message, against a small limit and a small memory budget.
//
// Holds: no crash, no overrun; output within the limit; a failed call keeps no memory; what was
// read can be written and read again.
//
// Input: two bytes for the limit, then the message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "router/codec/gzip.h"

namespace {

constexpr std::size_t kLargeFrom = 0x8000;
// What was read is written and read again only so often: that takes ten times as long.
constexpr std::size_t kRoundTripEvery = 4;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool AreEqual(const router::Body& a, const router::Body& b) {
  return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // 0 to 32 KiB, or in steps of 32 to 1 MiB: mutations reach its edges, and few allocations are so
  // large that the sanitizer maps them one by one.
  const std::size_t chosen = std::size_t{data[0]} << 8 | data[1];
  const std::size_t limit = chosen < kLargeFrom ? chosen : (chosen - kLargeFrom + 1) * 32;
  const std::span<const std::uint8_t> message(data + 2, size - 2);
  static router::GzipCodec codec;  // reused, as by a worker: one message must not taint the next
  router::MemoryBudget budget(8 << 20);
  router::MemoryAccount account(budget);
  router::Body body(account);
  const auto error = codec.Inflate(message, {.output_bytes_max = limit}, body);
  Require(body.capacity() <= limit);
  Require(account.charged() == (error ? 0 : body.capacity()));
  if (error || size % kRoundTripEvery != 0) return 0;
  router::Body packed(account);
  router::Body again(account);
  Require(codec.Deflate(body.bytes(), packed));
  Require(!codec.Inflate(packed.bytes(), {.output_bytes_max = limit}, again));
  Require(AreEqual(body, again));
  return 0;
}
