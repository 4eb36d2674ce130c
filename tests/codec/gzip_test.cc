#include "router/codec/gzip.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/codec/content.h"
#include "tests/codec/zlib_gzip.h"

namespace router {
namespace {

constexpr std::size_t kLimit = 8 * kMiB;

class GzipCodecTest : public testing::Test {
 protected:
  // Every test gives back all it took.
  void TearDown() override {
    body_.Reset();
    EXPECT_EQ(account_.charged(), 0u);
  }

  std::optional<InflateError> Inflate(std::span<const std::uint8_t> in,
                                      std::size_t output_bytes_max = kLimit) {
    body_.Reset();
    const auto error = codec_.Inflate(in, {.output_bytes_max = output_bytes_max}, body_);
    EXPECT_LE(body_.capacity(), output_bytes_max);
    EXPECT_TRUE(!error || account_.charged() == 0) << "a failed call keeps memory";
    return error;
  }

  Bytes Content() const { return Bytes(body_.bytes().begin(), body_.bytes().end()); }

  MemoryBudget budget_{256 * kMiB};
  MemoryAccount account_{budget_};
  GzipCodec codec_;
  Body body_{account_};
};

// Scenario: bodies from 0 bytes to 3 MiB, compressible or not, from zlib at several levels and
// strategies.
// Guarantees: whatever zlib writes is read exactly, in a body no larger than its content.
TEST_F(GzipCodecTest, InflatesWhatZlibWrites) {
  for (const std::size_t size : {0u, 1u, 2u, 100u, 65535u, 65536u, 65537u, 1000000u, 3145728u}) {
    for (const Bytes& content : {TraceLike(size), Noise(size)}) {
      for (const int level : {0, 1, 9}) {
        ASSERT_EQ(Inflate(ZlibGzip(content, level)), std::nullopt) << size << " level " << level;
        ASSERT_TRUE(Content() == content) << size << " level " << level;
        ASSERT_EQ(body_.capacity(), size);
      }
      ASSERT_EQ(Inflate(ZlibGzip(content, 6, Z_FIXED)), std::nullopt) << size;
      ASSERT_TRUE(Content() == content) << size;
    }
  }
}

// Scenario: bodies from 0 bytes to 3 MiB, compressible or not.
// Guarantees: zlib and we read what we write; incompressible bytes grow by less than 1 %.
TEST_F(GzipCodecTest, DeflatesWhatZlibReads) {
  for (const std::size_t size : {0u, 1u, 2u, 100u, 65535u, 65536u, 65537u, 1000000u, 3145728u}) {
    for (const Bytes& content : {TraceLike(size), Noise(size), Bytes(size, 7)}) {
      Body packed(account_);
      ASSERT_TRUE(codec_.Deflate(content, packed));
      ASSERT_TRUE(ZlibGunzip(packed.bytes()) == content) << size;
      ASSERT_EQ(Inflate(packed.bytes()), size > 200 * packed.size() && size > 4 * kMiB
                                             ? std::optional(InflateError::kRatio)
                                             : std::nullopt);
      ASSERT_TRUE(Content() == content) << size;
      ASSERT_LE(packed.size(), size + size / 100 + 64);
    }
  }
}

// Scenario: a body that already holds bytes.
// Guarantees: Deflate appends behind them.
TEST_F(GzipCodecTest, DeflateAppends) {
  const Bytes content = TraceLike(100000);
  ASSERT_TRUE(body_.Append(Bytes{1, 2, 3}));
  ASSERT_TRUE(codec_.Deflate(content, body_));
  EXPECT_EQ(body_.data()[2], 3);
  EXPECT_TRUE(ZlibGunzip(body_.bytes().subspan(3)) == content);
}

// Scenario: contents of limit - 1, limit and limit + 1 bytes, limits from 0 to 1 MiB, in one and
// two members.
// Guarantees: exactly the limit passes, one byte more does not. GS-02, GC-02.
TEST_F(GzipCodecTest, PassesExactlyTheLimit) {
  for (const std::size_t limit : {0u, 1u, 1000u, 65536u, 66000u, 400000u, 1048576u}) {
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
      if (size > limit + 1) continue;  // 0 - 1
      const Bytes content = TraceLike(size);
      const Bytes whole = ZlibGzip(content);
      const std::span<const std::uint8_t> all(content);
      const Bytes halves = Joined(ZlibGzip(all.first(size / 2)), ZlibGzip(all.subspan(size / 2)));
      for (const Bytes& packed : {whole, halves}) {
        if (size > limit) {
          EXPECT_EQ(Inflate(packed, limit), InflateError::kTooLarge) << limit;
        } else {
          ASSERT_EQ(Inflate(packed, limit), std::nullopt) << limit << " " << size;
          EXPECT_TRUE(Content() == content) << limit << " " << size;
        }
      }
    }
  }
}

// Scenario: a message cut after every one of its bytes.
// Guarantees: each piece is refused as truncated; nothing is delivered in part.
TEST_F(GzipCodecTest, RefusesMessageTruncatedAtEveryByte) {
  gz_header header{};
  Bytes name = {'n', 'a', 'm', 'e', 0};
  Bytes extra = {1, 2, 3, 4};
  header.name = name.data();
  header.comment = name.data();
  header.extra = extra.data();
  header.extra_len = static_cast<uInt>(extra.size());
  header.hcrc = 1;
  const Bytes content = TraceLike(3000);
  const Bytes packed = ZlibGzip(content, 6, Z_DEFAULT_STRATEGY, &header);
  for (std::size_t length = 0; length < packed.size(); ++length) {
    ASSERT_EQ(Inflate(std::span(packed).first(length)), InflateError::kTruncated) << length;
  }
  EXPECT_EQ(Inflate(packed), std::nullopt);
  EXPECT_TRUE(Content() == content);
}

// Scenario: every single bit of a message flipped, then random damage of several bytes.
// Guarantees: an error, or, where the bit has no meaning, the true content; never anything else.
TEST_F(GzipCodecTest, NeverDeliversDamagedContent) {
  const Bytes content = TraceLike(700);
  Bytes packed = ZlibGzip(content);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * packed.size(); ++bit) {
    packed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    if (Inflate(packed)) {
      ++refused;
    } else {
      ASSERT_TRUE(Content() == content) << bit;
    }
    packed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
  EXPECT_GT(refused, 8 * static_cast<int>(packed.size()) - 80);
  std::mt19937_64 random(9);
  for (int round = 0; round < 2000; ++round) {
    Bytes damaged = packed;
    for (int i = 0; i < 4; ++i) {
      damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    }
    ASSERT_TRUE(Inflate(damaged) || Content() == content) << round;
  }
}

// Scenario: the CRC and the length in the trailer wrong by one bit.
// Guarantees: both are checked.
TEST_F(GzipCodecTest, ChecksCrcAndLengthOfTrailer) {
  Bytes packed = ZlibGzip(TraceLike(5000));
  for (std::size_t from_end = 1; from_end <= 8; ++from_end) {
    packed[packed.size() - from_end] ^= 1;
    EXPECT_EQ(Inflate(packed), InflateError::kMalformed) << from_end;
    packed[packed.size() - from_end] ^= 1;
  }
}

// Scenario: one byte, zeros, or half a header behind a good member; a raw deflate and a zlib
// stream.
// Guarantees: anything but whole members is refused.
TEST_F(GzipCodecTest, RefusesWhatIsNotGzip) {
  const Bytes member = ZlibGzip(TraceLike(100));
  EXPECT_EQ(Inflate(Joined(member, {0})), InflateError::kMalformed);
  EXPECT_EQ(Inflate(Joined(member, Bytes(20, 0))), InflateError::kMalformed);
  EXPECT_EQ(Inflate(Joined(member, {0x1F, 0x8B, 8})), InflateError::kTruncated);
  EXPECT_EQ(Inflate(Bytes{0x78, 0x9C, 3, 0, 0, 0, 0, 1}), InflateError::kMalformed);
  EXPECT_EQ(Inflate(Bytes(64, 'x')), InflateError::kMalformed);
  Bytes other_method = member;
  other_method[2] = 7;
  EXPECT_EQ(Inflate(other_method), InflateError::kMalformed);
}

// Scenario: three members of different sizes, an empty one among them; the last trailer says little
// about the whole.
// Guarantees: they are one message, and they count together against the limit. A-07.
TEST_F(GzipCodecTest, TakesConcatenatedMembersAsOneMessage) {
  const Bytes first = TraceLike(2 * kMiB, 5);
  const Bytes last = TraceLike(70000, 6);
  const Bytes packed = Joined(Joined(ZlibGzip(first), ZlibGzip({})), ZlibGzip(last));
  ASSERT_EQ(Inflate(packed), std::nullopt);
  EXPECT_TRUE(Content() == Joined(first, last));
  EXPECT_EQ(Inflate(packed, first.size() + last.size()), std::nullopt);
  EXPECT_EQ(Inflate(packed, first.size() + last.size() - 1), InflateError::kTooLarge);
}

// Scenario: a small member before a large one, so that the reservation is large and yet too small.
// Guarantees: the second attempt delivers the whole, once.
TEST_F(GzipCodecTest, StartsAgainWhenLargeReservationIsTooSmall) {
  const Bytes first = TraceLike(100000, 5);
  const Bytes last = TraceLike(6 * kMiB, 6);
  MemoryBudget tight(kLimit + kLimit / 5);
  MemoryAccount account(tight);
  Body body(account);
  ASSERT_EQ(codec_.Inflate(Joined(ZlibGzip(first), ZlibGzip(last)), {kLimit}, body), std::nullopt);
  EXPECT_TRUE(Bytes(body.bytes().begin(), body.bytes().end()) == Joined(first, last));
}

// Scenario: a million members without content.
// Guarantees: at most a second of processor time, whether they are read or given up as a bomb.
//
TEST_F(GzipCodecTest, GetsThroughMillionEmptyMembersInTime) {
  const Bytes empty = ZlibGzip({});
  ASSERT_EQ(empty.size(), 20u);
  Bytes packed;
  packed.reserve(20 * 1000000);
  for (int i = 0; i < 1000000; ++i) packed.insert(packed.end(), empty.begin(), empty.end());
  const double start = CpuSeconds();
  EXPECT_EQ(Inflate(packed).value_or(InflateError::kRatio), InflateError::kRatio);
  EXPECT_LE(CpuSeconds() - start, 1.0 * kCpuScale);
  RecordProperty("cpu_ms", static_cast<int>(1000 * (CpuSeconds() - start)));
  EXPECT_EQ(body_.size(), 0u);
  EXPECT_EQ(Inflate(std::span(packed).first(20 * 10000)), std::nullopt);
}

// Scenario: 8 MiB of empty compressed blocks, 10 bits each, within one member. All of it would take
// seconds.
// Guarantees: given up as out of proportion after a fraction of a second. A-07.
TEST_F(GzipCodecTest, GivesUpOnEndlessEmptyBlocks) {
  Bytes packed = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3};
  // Four times "not the last block, fixed codes, end of block": 5 bytes.
  const Bytes blocks = {0x02, 0x08, 0x20, 0x80, 0x00};
  while (packed.size() < 8 * kMiB) packed.insert(packed.end(), blocks.begin(), blocks.end());
  const double start = CpuSeconds();
  EXPECT_EQ(Inflate(packed), InflateError::kRatio);
  EXPECT_LE(CpuSeconds() - start, 0.5 * kCpuScale);
}

// Scenario: 1 MiB that inflates to 1 GiB, against a limit of 64 MiB; with an honest and with lying
// trailers.
// Guarantees: refused in time, and never more charged than the limit. A-06.
TEST_F(GzipCodecTest, RefusesBombQuickly) {
  Bytes bomb = ZlibGzipOfZeros(1024);
  ASSERT_LE(bomb.size(), 2 * kMiB);
  constexpr std::size_t kBombLimit = 64 * kMiB;
  MemoryBudget tight(kBombLimit);
  MemoryAccount account(tight);
  for (const std::uint32_t claimed : {1024u << 20, 0u, 1u << 20, 63u << 20, 64u << 20}) {
    for (std::size_t i = 0; i < 4; ++i) {
      bomb[bomb.size() - 4 + i] = static_cast<std::uint8_t>(claimed >> (8 * i));
    }
    Body body(account);
    const double start = CpuSeconds();
    EXPECT_EQ(codec_.Inflate(bomb, {kBombLimit}, body), InflateError::kTooLarge);
    EXPECT_LE(CpuSeconds() - start, 0.3 * kCpuScale) << claimed;
    RecordProperty("cpu_ms_claiming_" + std::to_string(claimed >> 20) + "_MiB",
                   static_cast<int>(1000 * (CpuSeconds() - start)));
    EXPECT_EQ(account.charged(), 0u);
  }
}

// Scenario: contents of 4 MiB and of 4 MiB + 1, 1000 times their compressed size.
// Guarantees: the ratio guard begins above 4 MiB. A-06.
TEST_F(GzipCodecTest, RefusesHighRatioOnlyAboveFourMebibytes) {
  const Bytes four(Inflater::kRatioFreeBytes, 0);
  EXPECT_EQ(Inflate(ZlibGzip(four)), std::nullopt);
  EXPECT_EQ(body_.size(), four.size());
  EXPECT_EQ(Inflate(ZlibGzip(Bytes(four.size() + 1, 0))), InflateError::kRatio);
  EXPECT_EQ(Inflate(ZlibGzip(four), four.size() - 1), InflateError::kTooLarge);
  EXPECT_EQ(Inflate(ZlibGzipOfZeros(9)), InflateError::kRatio);  // above the limit as well
}

// Scenario: 20 MiB whose ratio is just under and just over 200.
// Guarantees: honest data that compresses very well still passes. A-06.
TEST_F(GzipCodecTest, PassesRatiosUpToTheGuard) {
  const Bytes zeros = ZlibGzipOfZeros(20);
  for (const bool is_over : {false, true}) {
    const std::size_t noise = 20 * kMiB / 200 - zeros.size() + (is_over ? 0 : 2000);
    const Bytes packed = Joined(ZlibGzip(Noise(noise), 0), zeros);
    const auto error = Inflate(packed, 64 * kMiB);
    EXPECT_EQ(error, is_over ? std::optional(InflateError::kRatio) : std::nullopt);
  }
}

// Scenario: budgets below what the message needs, at the first reservation and at a later one.
// Guarantees: kNoMemory, everything given back, and the codec works for the next message.
TEST_F(GzipCodecTest, ReportsFullBudgetAndReleasesEverything) {
  const Bytes content = TraceLike(2 * kMiB);
  const Bytes packed = ZlibGzip(content);
  for (const Bytes& message : {packed, Joined(packed, ZlibGzip({}))}) {
    for (const std::size_t available : {std::size_t{0}, 100000 + kMiB, 2 * kMiB - 1}) {
      MemoryBudget small(available);
      MemoryAccount account(small);
      Body body(account);
      EXPECT_EQ(codec_.Inflate(message, {kLimit}, body), InflateError::kNoMemory) << available;
      EXPECT_EQ(body.capacity(), 0u);
      EXPECT_EQ(account.charged(), 0u);
    }
  }
  ASSERT_EQ(Inflate(packed), std::nullopt);
  EXPECT_TRUE(Content() == content);
}

// Scenario: a budget too small for the compressed bytes, at the first and at a later step.
// Guarantees: Deflate says no, gives everything back, and works for the next message.
TEST_F(GzipCodecTest, DeflateReportsFullBudget) {
  const Bytes content = Noise(kMiB);
  for (const std::size_t available : {std::size_t{0}, kMiB / 2}) {
    MemoryBudget small(available);
    MemoryAccount account(small);
    Body body(account);
    EXPECT_FALSE(codec_.Deflate(content, body));
    EXPECT_EQ(body.capacity(), 0u);
    EXPECT_EQ(account.charged(), 0u);
  }
  ASSERT_TRUE(codec_.Deflate(content, body_));
  EXPECT_TRUE(ZlibGunzip(body_.bytes()) == content);
}

}  // namespace
}  // namespace router
