#include "bench/load/identity.h"

#include <gtest/gtest.h>

#include "bench/load/random.h"

namespace bench {
namespace {

// Scenario: numbers from the whole range are made into IDs and read back.
// Guarantees: an ID gives its number again, and none is all zero.
TEST(IdentityTest, IdsGiveTheirNumbersBack) {
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t number = random.Next() >> (1 + random.Below(60));
    EXPECT_EQ(SpanNumber(MakeSpanId(number).data()), number);
    EXPECT_EQ(TraceNumber(MakeTraceId(number).data()), number);
    EXPECT_NE(MakeTraceId(number), TraceId{});
    EXPECT_NE(MakeSpanId(number), SpanId{});
  }
}

// Scenario: one bit of a trace ID is flipped.
// Guarantees: it is recognised as not ours, wherever the bit is.
TEST(IdentityTest, DamagedTraceIdIsRecognised) {
  for (std::size_t bit = 0; bit < 128; ++bit) {
    TraceId id = MakeTraceId(42);
    id[bit / 8] = static_cast<std::uint8_t>(id[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_EQ(TraceNumber(id.data()), std::nullopt) << "bit " << bit;
  }
}

}  // namespace
}  // namespace bench
