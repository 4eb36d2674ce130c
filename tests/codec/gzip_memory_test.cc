// Looks at the memory that is really resident, because the budget is charged for a body once even
// while it is being moved.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "router/codec/gzip.h"
#include "tests/codec/zlib_gzip.h"

namespace router {
namespace {

constexpr std::size_t kLimit = 16 * kMiB;
// Pages of the decoder and of the program itself that were not touched before; counted by the
// kernel in batches.
constexpr std::size_t kBesideBytes = kMiB;

// VmRSS or VmHWM, the highest since ResetPeak().
std::size_t StatusBytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(key + ":")) {
      return 1024 * std::strtoull(line.c_str() + key.size() + 1, nullptr, 10);
    }
  }
  return 0;
}

void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

// Scenario: messages just above and below the limit and a bomb, whose last trailer claims anything
// from nothing to all.
// Guarantees: no more than the limit becomes resident, however the body grew, and all of it is
// given back. GS-02, A-06.
TEST(GzipMemoryTest, LimitIsAllThatBecomesResidentWhateverTrailerClaims) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's shadow memory is resident too";
#endif
  MemoryBudget budget(4 * kLimit);
  GzipCodec codec;
  const Bytes content = [] {
    Bytes bytes(kLimit);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 9);
    return bytes;
  }();
  const std::span<const std::uint8_t> all(content);
  for (Bytes message :
       {ZlibGzip(content, 1), ZlibGzip(all.first(kLimit / 2), 1), ZlibGzipOfZeros(100)}) {
    const std::size_t trailer = message.size() - 4;
    for (std::size_t claimed = 0; claimed <= kLimit; claimed += kLimit / 16) {
      for (std::size_t i = 0; i < 4; ++i) {
        message[trailer + i] = static_cast<std::uint8_t>(claimed >> (8 * i));
      }
      ResetPeak();
      const std::size_t before = StatusBytes("VmRSS");
      {
        MemoryAccount account(budget);  // anew: it keeps freed buffers
        Body body(account);
        codec.Inflate(message, {.output_bytes_max = kLimit}, body);
      }
      EXPECT_LE(StatusBytes("VmHWM"), before + kLimit + kBesideBytes) << claimed;
      EXPECT_LE(StatusBytes("VmRSS"), before + kBesideBytes) << claimed;
    }
  }
}

}  // namespace
}  // namespace router
