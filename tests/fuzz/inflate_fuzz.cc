// inflate_fuzz: any bytes as a message in zlib, zstd, Snappy or LZ4, against a small limit and a
// small memory budget. (gzip: gzip_inflate_fuzz.) At its end it says how many inputs each had.
//
// Input: one byte for the format, and whether limit and budget are small or large; two bytes for
// the limit; the message.
//
// Holds: no crash, no overrun; output within the limit; a failed call keeps no memory, scratch
// memory is never kept; what was read can be written by each encoder and read again.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "router/codec/codec.h"

namespace {

using router::Compression;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool AreEqual(const router::Body& a, const router::Body& b) {
  return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

constexpr std::array kCompressions = {Compression::kZlib, Compression::kZstd, Compression::kSnappy,
                                      Compression::kLz4};
constexpr std::uint8_t kIsLarge = 0x80;
// What was read is written and read again only so often: that takes ten times as long.
constexpr std::size_t kRoundTripEvery = 8;

struct Counts {
  ~Counts() {
    for (const Compression compression : kCompressions) {
      std::fprintf(stderr, "%s: %llu inputs\n", router::NameOf(compression).data(),
                   of[static_cast<std::size_t>(compression)]);
    }
  }
  std::array<unsigned long long, router::kCompressionCount> of{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Compression compression = kCompressions[data[0] % kCompressions.size()];
  static Counts counts;
  ++counts.of[static_cast<std::size_t>(compression)];
  // 0 to 64 KiB, or to 1 MiB: mutations reach its edges, and few allocations are so large that the
  // sanitizer maps them one by one.
  const bool is_large = (data[0] & kIsLarge) != 0;
  const std::size_t limit = (std::size_t{data[1]} << 8 | data[2]) * (is_large ? 16 : 1);
  const std::span<const std::uint8_t> message(data + 3, size - 3);
  static router::Codec codec;  // reused, as by a worker: one message must not taint the next
  router::MemoryBudget budget(is_large ? 12 << 20 : 1 << 20);
  router::MemoryAccount account(budget);
  router::Body body(account);
  const auto error = codec.Inflate(compression, message, {.output_bytes_max = limit}, body);
  Require(body.capacity() <= limit);
  Require(account.charged() == (error ? 0 : body.capacity()));
  if (error || size % kRoundTripEvery != 0) return 0;
  for (const Compression out : {Compression::kZstd, Compression::kSnappy}) {
    router::Body packed(account);
    router::Body again(account);
    Require(codec.Deflate(out, body.bytes(), packed));
    Require(!codec.Inflate(out, packed.bytes(), {.output_bytes_max = limit}, again));
    Require(AreEqual(body, again));
  }
  return 0;
}
