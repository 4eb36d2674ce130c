#include "router/base/body.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace router {
namespace {

std::vector<std::uint8_t> Counted(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

std::vector<std::uint8_t> Copy(std::span<const std::uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

class BodyTest : public ::testing::Test {
 protected:
  MemoryBudget budget_{1'000'000};
  MemoryAccount account_{budget_};
};

// Scenario: a body that was never given anything.
// Guarantees: it is empty and charges nothing; appending nothing changes nothing.
TEST_F(BodyTest, EmptyBodyChargesNothing) {
  Body body(account_);
  EXPECT_TRUE(body.bytes().empty());
  EXPECT_TRUE(body.Append({}));
  EXPECT_EQ(body.capacity(), 0U);
  EXPECT_EQ(account_.charged(), 0U);
}

// Scenario: 1,000 appends of 37 bytes.
// Guarantees: the content is the concatenation; the charge is the capacity, at most twice the
// content.
TEST_F(BodyTest, GrowsByDoublingAndChargesItsCapacity) {
  Body body(account_);
  std::vector<std::uint8_t> expected;
  const auto piece = Counted(37);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(body.Append(piece));
    expected.insert(expected.end(), piece.begin(), piece.end());
    ASSERT_EQ(account_.charged(), body.capacity());
    ASSERT_LE(body.capacity(), 2 * body.size());
  }
  EXPECT_EQ(Copy(body.bytes()), expected);
}

// Scenario: Reserve for more, for less, for the same.
// Guarantees: the exact capacity is charged, content stays, it never shrinks.
TEST_F(BodyTest, ReserveIsExactAndKeepsTheContent) {
  Body body(account_);
  ASSERT_TRUE(body.Append(Counted(10)));
  ASSERT_TRUE(body.Reserve(1234));
  EXPECT_EQ(body.capacity(), 1234U);
  EXPECT_EQ(account_.charged(), 1234U);
  ASSERT_TRUE(body.Reserve(5));
  EXPECT_EQ(body.capacity(), 1234U);
  EXPECT_EQ(Copy(body.bytes()), Counted(10));
}

// Scenario: a full budget.
// Guarantees: growing fails and leaves body and charge as they were; when doubling does not fit,
// exact growth still does.
TEST_F(BodyTest, FullBudgetLeavesTheBodyUnchanged) {
  Body body(account_);
  ASSERT_TRUE(body.Append(Counted(600'000)));
  ASSERT_TRUE(body.Append(Counted(400'000))) << "doubling does not fit, the exact size does";
  EXPECT_EQ(body.capacity(), 1'000'000U);
  EXPECT_FALSE(body.Append(Counted(1)));
  EXPECT_FALSE(body.Reserve(1'000'001));
  EXPECT_EQ(body.size(), 1'000'000U);
  EXPECT_EQ(account_.charged(), 1'000'000U);
}

// Scenario: a body goes away, another is reset.
// Guarantees: the charge comes back both times; a reset body can be used again.
TEST_F(BodyTest, EndAndResetGiveBackTheCharge) {
  Body body(account_);
  {
    Body ends(account_);
    ASSERT_TRUE(ends.Reserve(500));
  }
  ASSERT_TRUE(body.Append(Counted(100)));
  body.Reset();
  EXPECT_EQ(account_.charged(), 0U);
  EXPECT_TRUE(body.bytes().empty());
  ASSERT_TRUE(body.Append(Counted(3)));
  EXPECT_EQ(Copy(body.bytes()), Counted(3));
}

// Scenario: construction and assignment by move, over a body with content, and onto itself.
// Guarantees: content and charge move along, once; the source is empty and usable.
TEST_F(BodyTest, MoveTakesContentAndCharge) {
  Body source(account_);
  ASSERT_TRUE(source.Append(Counted(100)));
  Body moved(std::move(source));
  EXPECT_EQ(account_.charged(), 100U);
  EXPECT_EQ(moved.size(), 100U);
  EXPECT_TRUE(source.bytes().empty());  // NOLINT: what is left is specified

  Body target(account_);
  ASSERT_TRUE(target.Append(Counted(50)));
  target = std::move(moved);
  EXPECT_EQ(account_.charged(), 100U) << "the 50 were given back";
  Body& itself = target;
  target = std::move(itself);
  EXPECT_EQ(Copy(target.bytes()), Counted(100));
  ASSERT_TRUE(source.Append(Counted(1)));
  EXPECT_EQ(account_.charged(), 101U);
}

// Scenario: a body is assigned one of another account.
// Guarantees: each account gets back its own bytes.
TEST_F(BodyTest, MoveBetweenAccountsChargesTheRightOne) {
  MemoryAccount other(budget_);
  {
    Body here(account_);
    Body there(other);
    ASSERT_TRUE(here.Append(Counted(10)));
    ASSERT_TRUE(there.Append(Counted(20)));
    here = std::move(there);
    EXPECT_EQ(account_.charged(), 0U);
    EXPECT_EQ(other.charged(), 20U);
  }
  EXPECT_EQ(other.charged(), 0U);
}

// Scenario: messages of 0, 1 and 70,000 bytes are framed, compressed and not.
// Guarantees: flag, big-endian length, then the message, in one range that ends where the body
// ends.
TEST_F(BodyTest, FramesAsGrpcWithoutMovingTheMessage) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{70'000}}) {
    Body body(account_);
    ASSERT_TRUE(body.Reserve(size));
    ASSERT_TRUE(body.Append(Counted(size)));
    for (const bool compressed : {false, true}) {
      const auto frame = body.FrameAsGrpc(compressed);
      ASSERT_EQ(frame.size(), size + 5);
      EXPECT_EQ(frame[0], compressed ? 1 : 0);
      EXPECT_EQ((std::size_t{frame[1]} << 24 | std::size_t{frame[2]} << 16 |
                 std::size_t{frame[3]} << 8 | frame[4]),
                size);
      EXPECT_EQ(frame.data() + 5, body.data());
      EXPECT_EQ(Copy(frame.subspan(5)), Counted(size));
    }
  }
}

// Scenario: 3 MiB arrive in pieces of 5000 bytes, with a bound of 3 MiB; then with a budget that
// has room for little more than what is there. Guarantees: few moves while small, never more
// capacity than the bound, and a full budget is only a failure when not even the next piece fits.
TEST_F(BodyTest, ArrivingBytesGrowItFastAndWithinTheirBound) {
  constexpr std::size_t kBound = std::size_t{3} << 20;
  const std::vector<std::uint8_t> piece(5000, 7);
  MemoryBudget budget(std::size_t{16} << 20);
  MemoryAccount account(budget);
  Body body(account);
  std::size_t moves = 0;
  while (body.size() < kBound) {
    const std::size_t before = body.capacity();
    const std::size_t size = std::min(piece.size(), kBound - body.size());
    ASSERT_TRUE(body.AppendArrived(std::span(piece).first(size), kBound));
    moves += body.capacity() != before ? 1 : 0;
    ASSERT_LE(body.capacity(), kBound);
  }
  EXPECT_LE(moves, 5U);
  EXPECT_EQ(body.bytes()[kBound - 1], 7);

  MemoryBudget small(100'000);
  MemoryAccount little(small);
  Body tiny(little);
  EXPECT_TRUE(tiny.AppendArrived(std::span(piece).first(1), kBound));
  EXPECT_EQ(little.charged(), 8U) << "little came";
  tiny.Reset();
  Body other(little);
  EXPECT_TRUE(other.AppendArrived(piece, kBound));
  EXPECT_EQ(other.capacity(), 8U * 1024);
  while (other.AppendArrived(piece, kBound)) {
  }
  EXPECT_GT(other.size() + piece.size(), 95'000U) << "what is there is used up";
  EXPECT_LE(other.capacity(), 100'000U);
}

}  // namespace
}  // namespace router
