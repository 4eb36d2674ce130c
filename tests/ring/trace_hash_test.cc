#include "router/ring/trace_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace router {
namespace {

using TraceId = std::array<std::uint8_t, kTraceIdBytes>;

constexpr std::uint32_t kKeys = 1u << 20;
constexpr std::uint32_t kSlotsLog2 = 16;

void StoreBigEndian(TraceId& id, std::size_t offset, std::size_t length, std::uint64_t value) {
  for (std::size_t i = 0; i < length; ++i) {
    id[offset + length - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

void StoreLittleEndian(TraceId& id, std::size_t offset, std::size_t length, std::uint64_t value) {
  for (std::size_t i = 0; i < length; ++i) {
    id[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

struct Family {
  std::string name;
  std::function<TraceId(std::uint32_t i, std::mt19937_64& random)> make;
};

std::vector<Family> IdFamilies() {
  std::vector<Family> families;
  const auto add = [&families](std::string name, auto make) {
    families.push_back({std::move(name), make});
  };
  add("random", [](std::uint32_t, std::mt19937_64& random) {
    TraceId id{};
    StoreBigEndian(id, 0, 8, random());
    StoreBigEndian(id, 8, 8, random());
    return id;
  });
  add("64-bit, zeros first", [](std::uint32_t, std::mt19937_64& random) {
    TraceId id{};
    StoreBigEndian(id, 8, 8, random());
    return id;
  });
  add("64-bit, zeros last", [](std::uint32_t, std::mt19937_64& random) {
    TraceId id{};
    StoreBigEndian(id, 0, 8, random());
    return id;
  });
  add("sequential big-endian", [](std::uint32_t i, std::mt19937_64&) {
    TraceId id{};
    StoreBigEndian(id, 8, 8, i + 1);
    return id;
  });
  add("sequential little-endian", [](std::uint32_t i, std::mt19937_64&) {
    TraceId id{};
    StoreLittleEndian(id, 0, 8, i + 1);
    return id;
  });
  add("X-Ray, 16 IDs a second", [](std::uint32_t i, std::mt19937_64& random) {
    TraceId id{};
    StoreBigEndian(id, 0, 4, 1700000000 + i / 16);
    StoreBigEndian(id, 4, 8, random());
    StoreBigEndian(id, 12, 4, random());
    return id;
  });
  add("equal halves", [](std::uint32_t, std::mt19937_64& random) {
    TraceId id{};
    const std::uint64_t half = random();
    StoreBigEndian(id, 0, 8, half);
    StoreBigEndian(id, 8, 8, half);
    return id;
  });
  add("sparse: one counter bit in every sixth", [](std::uint32_t i, std::mt19937_64&) {
    TraceId id{};
    for (std::size_t bit = 0; bit < 20; ++bit) {
      const std::size_t at = bit * 6;
      if ((i >> bit) & 1) id[at / 8] |= static_cast<std::uint8_t>(1u << (at % 8));
    }
    return id;
  });
  return families;
}

// Scenario: a million IDs of each family that tracers really make, over 65,536 slots, two seeds.
// Guarantees: the spread is that of random numbers (chi-square per degree of freedom 0.97 to 1.03).
// CP-7.
TEST(TraceHashTest, SpreadsEveryIdFamilyUniformly) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{0x9E3779B97F4A7C15}}) {
    for (const Family& family : IdFamilies()) {
      std::mt19937_64 random(42);
      std::vector<std::uint32_t> count(1u << kSlotsLog2);
      for (std::uint32_t i = 0; i < kKeys; ++i) {
        ++count[TraceHash(family.make(i, random), seed) >> (64 - kSlotsLog2)];
      }
      const double expected = static_cast<double>(kKeys) / static_cast<double>(count.size());
      double chi_square = 0;
      for (const std::uint32_t observed : count) {
        chi_square += (observed - expected) * (observed - expected) / expected;
      }
      const double per_freedom = chi_square / static_cast<double>(count.size() - 1);
      EXPECT_GE(per_freedom, 0.97) << family.name << ", seed " << seed;
      EXPECT_LE(per_freedom, 1.03) << family.name << ", seed " << seed;
    }
  }
}

// Scenario: one byte of an ID changes, one after the other; then the seed.
// Guarantees: all 16 bytes and the seed take part in the hash.
TEST(TraceHashTest, DependsOnEveryByteAndOnTheSeed) {
  TraceId id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(17 * i + 3);
  const std::uint64_t before = TraceHash(id, 0);
  for (std::uint8_t& byte : id) {
    byte ^= 0x40;
    EXPECT_NE(TraceHash(id, 0), before);
    byte ^= 0x40;
  }
  EXPECT_NE(TraceHash(id, 1), before);
  EXPECT_EQ(TraceHash(id, 0), before);
}

// Scenario: IDs of 0 to 40 bytes other than 16.
// Guarantees: each has a hash of exactly its own bytes: repeatable, different for different
// lengths.
TEST(TraceHashTest, HashesInvalidLengthsByTheBytesThatAreThere) {
  const std::vector<std::uint8_t> bytes(41, 0xA5);
  std::vector<std::uint64_t> seen;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto id = std::span(bytes).first(length);
    EXPECT_EQ(TraceHash(id, 5), TraceHash(std::vector<std::uint8_t>(length, 0xA5), 5));
    seen.push_back(TraceHash(id, 5));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

}  // namespace
}  // namespace router
