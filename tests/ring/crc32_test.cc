#include "router/ring/crc32.h"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

#include "tests/ring/golden_lines.h"

namespace router {
namespace {

std::uint32_t Crc32BitByBit(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
  }
  return ~crc;
}

// Scenario: the check value of the CRC catalogue and trace IDs whose CRC the Collector printed.
// Guarantees: it is the CRC of Go's crc32.NewIEEE.
TEST(Crc32Test, MatchesPublishedValues) {
  constexpr std::string_view kCheck = "123456789";
  EXPECT_EQ(Crc32({reinterpret_cast<const std::uint8_t*>(kCheck.data()), kCheck.size()}),
            0xCBF43926u);
  EXPECT_EQ(Crc32(BytesFromHex("4bf92f3577b34da6a3ce929d0e0e4736")), 0x164B78C5u);
  EXPECT_EQ(Crc32(BytesFromHex("0af7651916cd43dd8448eb211c80319c")), 0x0D4ADC15u);
  EXPECT_EQ(Crc32(BytesFromHex("ffffffffffffffffffffffffffffffff")), 0x3FB3C61Au);
  EXPECT_EQ(Crc32(BytesFromHex("5b8efff798038103d269b633813fc60c")), 0xD8133EB8u);
}

// Scenario: random bytes of every length from 0 to 64, in one piece and in two.
// Guarantees: the eight-byte steps, the rest and the continuation agree with the definition.
TEST(Crc32Test, AgreesWithBitwiseDefinitionAtEveryLengthAndCut) {
  std::mt19937_64 random(1);
  std::vector<std::uint8_t> bytes;
  for (int length = 0; length <= 64; ++length) {
    const std::span<const std::uint8_t> all(bytes);
    EXPECT_EQ(Crc32(all), Crc32BitByBit(all)) << length;
    const std::size_t cut = bytes.size() / 3;
    EXPECT_EQ(Crc32(all.subspan(cut), Crc32(all.first(cut))), Crc32(all)) << length;
    bytes.push_back(static_cast<std::uint8_t>(random()));
  }
}

}  // namespace
}  // namespace router
