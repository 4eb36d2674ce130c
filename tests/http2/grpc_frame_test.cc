#include "router/http2/grpc_frame.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace router {
namespace {

using Status = GrpcMessageReader::Status;

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A prefix that announces `size` bytes.
std::string Prefix(std::uint32_t size, char flag = 0) {
  std::string prefix(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) prefix += static_cast<char>(size >> shift);
  return prefix;
}

class GrpcMessageReaderTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMax = 1 << 20;

  MemoryBudget budget_{4 << 20};
  MemoryAccount account_{budget_};
  Body body_{account_};
  GrpcMessageReader reader_{body_, kMax};
};

// Scenario: the message comes one byte at a time, and in one piece.
// Guarantees: P-04: message boundaries do not depend on how DATA was cut.
TEST_F(GrpcMessageReaderTest, ReadsOneByteAtATimeP04) {
  std::string message;
  for (int i = 0; i < 3000; ++i) message += static_cast<char>(i);
  const std::string frame = Prefix(3000) + message;
  for (const char& byte : frame) ASSERT_EQ(reader_.Feed(Bytes({&byte, 1})), Status::kOk);
  EXPECT_EQ(reader_.Finish(), Status::kOk);
  EXPECT_EQ(std::string(body_.bytes().begin(), body_.bytes().end()), message);
  EXPECT_FALSE(reader_.is_compressed());

  Body whole(account_);
  GrpcMessageReader at_once(whole, kMax);
  EXPECT_EQ(at_once.Feed(Bytes(frame)), Status::kOk);
  EXPECT_EQ(at_once.Finish(), Status::kOk);
  EXPECT_EQ(whole.size(), 3000U);
}

// Scenario: the compressed flag is 1; then 2, with the rest of the prefix in order.
// Guarantees: P-03: 1 is told, anything else refused.
TEST_F(GrpcMessageReaderTest, FlagOneIsCompressedAndTwoIsAnError) {
  EXPECT_EQ(reader_.Feed(Bytes(Prefix(1, 1) + "x")), Status::kOk);
  EXPECT_TRUE(reader_.is_compressed());
  Body other(account_);
  GrpcMessageReader bad(other, kMax);
  EXPECT_EQ(bad.Feed(Bytes(Prefix(1, 2) + "x")), Status::kBadFlag);
}

// Scenario: a second message behind the first: in the same DATA, in the next, and as one stray
// byte.
// Guarantees: P-04: two messages in a unary call are an error.
TEST_F(GrpcMessageReaderTest, SecondMessageIsAnErrorP04) {
  EXPECT_EQ(reader_.Feed(Bytes(Prefix(1) + "a" + Prefix(1) + "b")), Status::kSecondMessage);
  Body body(account_);
  GrpcMessageReader next(body, kMax);
  EXPECT_EQ(next.Feed(Bytes(Prefix(1) + "a")), Status::kOk);
  EXPECT_EQ(next.Feed({}), Status::kOk);
  EXPECT_EQ(next.Feed(Bytes("b")), Status::kSecondMessage);
  Body empty(account_);
  GrpcMessageReader behind_empty(empty, kMax);
  EXPECT_EQ(behind_empty.Feed(Bytes(Prefix(0))), Status::kOk);
  EXPECT_EQ(behind_empty.Feed(Bytes("b")), Status::kSecondMessage);
}

// Scenario: the stream ends without a byte, inside the prefix, and inside the message.
// Guarantees: P-04: no message and half a message are told apart from a message, an empty one
// included.
TEST_F(GrpcMessageReaderTest, MissingAndTruncatedMessagesAreErrorsP04) {
  EXPECT_EQ(reader_.Finish(), Status::kNoMessage);
  EXPECT_EQ(reader_.Feed(Bytes(Prefix(2).substr(0, 4))), Status::kOk);
  EXPECT_EQ(reader_.Finish(), Status::kTruncated);
  EXPECT_EQ(reader_.Feed(Bytes(Prefix(2).substr(4) + "a")), Status::kOk);
  EXPECT_EQ(reader_.Finish(), Status::kTruncated);
  EXPECT_EQ(reader_.Feed(Bytes("b")), Status::kOk);
  EXPECT_EQ(reader_.Finish(), Status::kOk);
  Body empty(account_);
  GrpcMessageReader nothing(empty, kMax);
  EXPECT_EQ(nothing.Feed(Bytes(Prefix(0))), Status::kOk);
  EXPECT_EQ(nothing.Finish(), Status::kOk);
  EXPECT_EQ(empty.FrameAsGrpc(false).size(), 5U) << "allocated, so that it can be framed";
}

// Scenario: a prefix that announces exactly the limit, one byte more, and 4 GiB less one.
// Guarantees: GS-02: too large is known from the prefix, before a byte of memory is taken.
TEST_F(GrpcMessageReaderTest, TooLargeIsRefusedFromThePrefixWithoutMemoryGs02) {
  EXPECT_EQ(reader_.Feed(Bytes(Prefix(kMax))), Status::kOk);
  EXPECT_EQ(reader_.announced_bytes(), kMax);
  body_.Reset();
  for (const std::uint32_t size : {static_cast<std::uint32_t>(kMax) + 1, 0xFFFFFFFFU}) {
    Body body(account_);
    GrpcMessageReader reader(body, kMax);
    EXPECT_EQ(reader.Feed(Bytes(Prefix(size))), Status::kTooLarge);
    EXPECT_EQ(body.capacity(), 0U);
    EXPECT_EQ(account_.charged(), 0U);
  }
}

// Scenario: 1 MiB is announced, and arrives in pieces of 16 KiB.
// Guarantees: memory follows what has arrived: none for the claim, at most eight times what came,
// and at the end exactly the size of the message. A thousand streams with a prefix each would
// otherwise fill the budget and shut everyone out.
TEST_F(GrpcMessageReaderTest, MemoryFollowsWhatArrived) {
  ASSERT_EQ(reader_.Feed(Bytes(Prefix(kMax))), Status::kOk);
  EXPECT_EQ(account_.charged(), 0U) << "of a claim";
  const std::string piece(16 * 1024, 'x');
  for (std::size_t arrived = piece.size(); arrived <= kMax; arrived += piece.size()) {
    ASSERT_EQ(reader_.Feed(Bytes(piece)), Status::kOk);
    ASSERT_LE(body_.capacity(), 8 * arrived);
  }
  EXPECT_EQ(reader_.Finish(), Status::kOk);
  EXPECT_EQ(body_.capacity(), kMax);
}

// Scenario: a small message.
// Guarantees: exactly its size is charged.
TEST_F(GrpcMessageReaderTest, SmallMessageChargesItsSize) {
  ASSERT_EQ(reader_.Feed(Bytes(Prefix(100) + std::string(100, 'x'))), Status::kOk);
  EXPECT_EQ(account_.charged(), 100U);
}

// Scenario: the budget is full before the first byte, and in the middle of a message; another
// message just fits when it grows exactly.
// Guarantees: kNoMemory, and the account is not charged beyond the budget.
TEST(GrpcMessageReaderBudgetTest, FullBudgetIsNoMemory) {
  MemoryBudget budget(300'000);
  MemoryAccount account(budget);
  {
    Body body(account);
    GrpcMessageReader reader(body, 1 << 20);
    ASSERT_EQ(reader.Feed(Bytes(Prefix(400'000))), Status::kOk);
    ASSERT_EQ(reader.Feed(Bytes(std::string(200'000, 'x'))), Status::kOk) << "8 times does not fit";
    EXPECT_EQ(reader.Feed(Bytes(std::string(200'000, 'x'))), Status::kNoMemory);
  }
  EXPECT_EQ(account.charged(), 0U);
  ASSERT_TRUE(account.TryCharge(300'000));
  Body body(account);
  GrpcMessageReader reader(body, 1 << 20);
  EXPECT_EQ(reader.Feed(Bytes(Prefix(1) + "x")), Status::kNoMemory);
  account.Release(300'000);
}

}  // namespace
}  // namespace router
