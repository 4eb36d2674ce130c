// gzip_inflate_fuzz: any bytes as a gzip message, against a small limit and a small memory budget.
//
// Holds: no crash, no overrun; output within the limit; a failed call keeps no memory; what was
// read can be written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "router/codec/gzip.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

bool AreEqual(const router::Body& a, const router::Body& b) {
  return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first two bytes choose the limit, 0 to 1 MiB, so that mutations reach its edges.
  const std::size_t limit = (std::size_t{data[0]} << 8 | data[1]) * 16;
  const std::span<const std::uint8_t> message(data + 2, size - 2);
  static router::GzipCodec codec;  // reused, as by a worker: one message must not taint the next
  router::MemoryBudget budget(8 << 20);
  router::MemoryAccount account(budget);
  router::Body body(account);
  const auto error = codec.Inflate(message, {.output_bytes_max = limit}, body);
  Require(body.capacity() <= limit);
  if (error) {
    Require(account.charged() == 0);
    return 0;
  }
  router::Body packed(account);
  router::Body again(account);
  Require(codec.Deflate(body.bytes(), packed));
  Require(!codec.Inflate(packed.bytes(), {.output_bytes_max = limit}, again));
  Require(AreEqual(body, again));
  return 0;
}
