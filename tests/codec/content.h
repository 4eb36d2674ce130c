// What the codec tests compress, and what they measure.
#pragma once

#include <cstdint>
#include <ctime>
#include <random>
#include <string>
#include <vector>

namespace router {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::size_t kMiB = 1 << 20;

// Bytes with the mixture of repetition and noise of a trace payload.
inline Bytes TraceLike(std::size_t size, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Bytes bytes;
  while (bytes.size() < size) {
    const std::string text = "http.request.method GET http.route /api/v1/orders/{id} service-" +
                             std::to_string(random() % 20);
    bytes.insert(bytes.end(), text.begin(), text.end());
    for (int i = 0; i < 24; ++i) bytes.push_back(static_cast<std::uint8_t>(random()));
  }
  bytes.resize(size);
  return bytes;
}

inline Bytes Noise(std::size_t size) {
  std::mt19937_64 random(2);
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

inline Bytes Joined(const Bytes& a, const Bytes& b) {
  Bytes both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

inline double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The limits on CPU time in the tests are meant for plain builds; sanitizers only have to see the
// same code end. TSan's memcpy alone makes a run of empty blocks 17 times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr double kCpuScale = 20;
#else
inline constexpr double kCpuScale = 1;
#endif

}  // namespace router
