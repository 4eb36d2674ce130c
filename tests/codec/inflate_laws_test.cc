// What holds for every format alike; what is special about one is in its own test.
#include <gtest/gtest.h>

#include <random>

#include "router/codec/codec.h"
#include "tests/codec/packed_format.h"

namespace router {
namespace {

constexpr std::size_t kLimit = 8 * kMiB;

class InflateLawsTest : public testing::TestWithParam<PackedFormat> {
 protected:
  // Every test gives back all it took.
  void TearDown() override {
    body_.Reset();
    EXPECT_EQ(account_.charged(), 0u);
  }

  std::optional<InflateError> Inflate(std::span<const std::uint8_t> in,
                                      std::size_t output_bytes_max = kLimit) {
    body_.Reset();
    const auto error =
        codec_.Inflate(GetParam().compression, in, {.output_bytes_max = output_bytes_max}, body_);
    EXPECT_LE(body_.capacity(), output_bytes_max);
    EXPECT_EQ(account_.charged(), error ? 0 : body_.capacity()) << "scratch memory stays charged";
    return error;
  }
  bool HasContent(const Bytes& content) const {
    return std::equal(content.begin(), content.end(), body_.bytes().begin(), body_.bytes().end());
  }
  Bytes Pack(std::span<const std::uint8_t> in) const { return GetParam().pack(in); }

  MemoryBudget budget_{256 * kMiB};
  MemoryAccount account_{budget_};
  Codec codec_;
  Body body_{account_};
};

INSTANTIATE_TEST_SUITE_P(Formats, InflateLawsTest, testing::ValuesIn(kPackedFormats),
                         [](const auto& test) { return std::string(test.param.name); });

// Scenario: bodies of 60 random sizes up to 3 MiB and of sizes at block edges, compressible or not.
// Guarantees: what other libraries write is read exactly.
TEST_P(InflateLawsTest, InflatesWhatOthersWrite) {
  std::mt19937_64 random(3);
  std::vector<std::size_t> sizes = {0, 1, 2, 100, 65535, 65536, 65537, 131072, 131073};
  for (int i = 0; i < 60; ++i) sizes.push_back(random() % (1 << random() % 22 | 1));
  for (const std::size_t size : sizes) {
    for (const Bytes& content : {TraceLike(size), Noise(size)}) {
      ASSERT_EQ(Inflate(Pack(content)), std::nullopt) << size;
      ASSERT_TRUE(HasContent(content)) << size;
    }
  }
}

// Scenario: contents of limit - 1, limit and limit + 1 bytes, limits from 0 to 1 MiB.
// Guarantees: exactly the limit passes, one byte more does not. GS-02, GC-02.
TEST_P(InflateLawsTest, PassesExactlyTheLimit) {
  for (const std::size_t limit : {0u, 1u, 1000u, 65536u, 66000u, 400000u, 1048576u}) {
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
      if (size > limit + 1) continue;  // 0 - 1
      const Bytes content = TraceLike(size);
      const auto error = Inflate(Pack(content), limit);
      if (size > limit) {
        EXPECT_EQ(error, InflateError::kTooLarge) << limit;
      } else {
        ASSERT_EQ(error, std::nullopt) << limit << " " << size;
        EXPECT_TRUE(HasContent(content)) << limit << " " << size;
      }
    }
  }
}

// Scenario: a message cut after every one of its bytes.
// Guarantees: each piece is refused, as truncated where the format can tell; nothing is delivered
// in part. A framed Snappy stream has no end mark: cut between two chunks it is a shorter message,
// and no bytes are no content.
TEST_P(InflateLawsTest, RefusesMessageTruncatedAtEveryByte) {
  const Bytes packed = Pack(TraceLike(3000));
  const bool is_framed = std::string_view(GetParam().name) == "snappy";
  for (std::size_t length = 0; length < packed.size(); ++length) {
    const auto error = Inflate(std::span(packed).first(length));
    if (length == 0 && GetParam().compression == Compression::kSnappy) {
      EXPECT_EQ(error, std::nullopt);
    } else if (is_framed && length == SnappyIdentifier().size()) {
      EXPECT_EQ(error, std::nullopt);
      EXPECT_EQ(body_.size(), 0u);
    } else if (!GetParam().has_checksum) {
      ASSERT_EQ(error, InflateError::kMalformed) << length;
    } else {
      ASSERT_EQ(error, InflateError::kTruncated) << length;
    }
  }
  EXPECT_EQ(Inflate(packed), std::nullopt);
}

// Scenario: every single byte of a message replaced by each of 8 others, then damage of several
// bytes.
// Guarantees: with a checksum an error, or, where the byte has no meaning, the true content; never
// anything else. Without one no crash.
TEST_P(InflateLawsTest, NeverDeliversDamagedContent) {
  const Bytes content = TraceLike(700);
  const Bytes packed = Pack(content);
  const auto inflate = [&](const Bytes& damaged) {
    const auto error = Inflate(damaged);
    ASSERT_TRUE(error || HasContent(content) || !GetParam().has_checksum);
  };
  for (std::size_t at = 0; at < packed.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes damaged = packed;
      damaged[at] ^= static_cast<std::uint8_t>(1u << bit);
      // A skippable Snappy chunk, or a frame that says it has no checksum, is as good as any.
      if (std::string_view(GetParam().name) == "snappy" && at == SnappyIdentifier().size())
        continue;
      if (std::string_view(GetParam().name).starts_with("zstd") && at == 4) continue;
      if (std::string_view(GetParam().name).starts_with("lz4") && at < 5) continue;
      ASSERT_NO_FATAL_FAILURE(inflate(damaged)) << at << " bit " << bit;
    }
  }
  std::mt19937_64 random(9);
  for (int round = 0; round < 2000; ++round) {
    Bytes damaged = packed;
    for (int i = 0; i < 4; ++i) {
      const std::size_t first = SnappyIdentifier().size() + 1;
      damaged[first + random() % (damaged.size() - first)] = static_cast<std::uint8_t>(random());
    }
    ASSERT_NO_FATAL_FAILURE(inflate(damaged)) << round;
  }
}

// Scenario: two messages one after the other; one byte behind a message.
// Guarantees: where the format has members or frames they are one message and count together;
// anything else behind a message is refused. A-07.
TEST_P(InflateLawsTest, TakesSeveralMembersOrRefusesThem) {
  const Bytes first = TraceLike(200000, 5);
  const Bytes last = TraceLike(70000, 6);
  const Bytes packed = Joined(Joined(Pack(first), Pack({})), Pack(last));
  if (GetParam().may_be_joined) {
    ASSERT_EQ(Inflate(packed), std::nullopt);
    EXPECT_TRUE(HasContent(Joined(first, last)));
    EXPECT_EQ(Inflate(packed, first.size() + last.size()), std::nullopt);
    EXPECT_EQ(Inflate(packed, first.size() + last.size() - 1), InflateError::kTooLarge);
  } else {
    EXPECT_EQ(Inflate(packed), InflateError::kMalformed);
  }
  const auto error = Inflate(Joined(Pack(first), {0}));
  EXPECT_TRUE(error == InflateError::kMalformed || error == InflateError::kTruncated)
      << (error ? static_cast<int>(*error) : -1);
}

// Scenario: bytes of every other format.
// Guarantees: malformed, whatever they are.
TEST_P(InflateLawsTest, RefusesOtherFormats) {
  for (const PackedFormat& other : kPackedFormats) {
    if (other.compression == GetParam().compression) continue;
    EXPECT_EQ(Inflate(other.pack(TraceLike(5000))), InflateError::kMalformed) << other;
  }
}

// Scenario: 100 MiB of zeros, in one piece and in 100, against limits of 64 MiB and of 1 GiB.
// Guarantees: refused within 150 ms, and never more charged than the limit and what a decoder may
// hold. A-06.
TEST_P(InflateLawsTest, RefusesBombQuickly) {
  const Bytes zeros(100 * kMiB);
  const Bytes part = Pack(std::span(zeros).first(kMiB));
  if (part.size() * 150 > kMiB) return;  // the format cannot make one
  const Bytes whole = Pack(zeros);
  Bytes parts;
  for (int i = 0; i < 100; ++i) parts = Joined(parts, part);
  constexpr std::size_t kScratchMax = 9 * kMiB;
  for (const Bytes* message : std::initializer_list<const Bytes*>{&whole, &parts}) {
    if (message == &parts && !GetParam().may_be_joined) continue;
    const Bytes& bomb = *message;
    for (const std::size_t limit : {std::size_t{3} * kMiB, 64 * kMiB}) {
      const bool is_ratio = limit > std::max(Inflater::kRatioFreeBytes, 200 * bomb.size());
      MemoryBudget tight(limit + kScratchMax);
      MemoryAccount account(tight);
      // The least of three: who shares the processor's caches makes it slower, nobody faster.
      double seconds = 1e9;
      for (int round = 0; round < 3 && seconds > 0.15 * kCpuScale; ++round) {
        Body body(account);
        const double start = CpuSeconds();
        const auto error = codec_.Inflate(GetParam().compression, bomb, {limit}, body);
        seconds = std::min(seconds, CpuSeconds() - start);
        EXPECT_EQ(error, is_ratio ? InflateError::kRatio : InflateError::kTooLarge) << bomb.size();
        EXPECT_EQ(account.charged(), 0u);
      }
      EXPECT_LE(seconds, 0.15 * kCpuScale);
    }
  }
}

// Scenario: a million members or frames without content.
// Guarantees: at most a second of processor time, whether they are read or given up as a bomb.
//
TEST_P(InflateLawsTest, GetsThroughMillionEmptyMembersInTime) {
  if (!GetParam().may_be_joined) return;
  const Bytes empty = Pack({});
  Bytes packed;
  packed.reserve(empty.size() * 1000000);
  for (int i = 0; i < 1000000; ++i) packed.insert(packed.end(), empty.begin(), empty.end());
  const double start = CpuSeconds();
  EXPECT_EQ(Inflate(packed).value_or(InflateError::kRatio), InflateError::kRatio);
  const double seconds = CpuSeconds() - start;
  EXPECT_LE(seconds, 1.0 * kCpuScale);
  RecordProperty("cpu_ms", static_cast<int>(1000 * seconds));
  EXPECT_EQ(body_.size(), 0u);
}

// Scenario: on one codec a message that is cut, damaged, over the limit or out of proportion, in
// each shape that the compression has, and behind each of them a sound one.
// Guarantees: how one message ended changes nothing for the next.
TEST_P(InflateLawsTest, ReadsWhatFollowsAFailure) {
  const Bytes content = TraceLike(5000, 8);
  const Bytes packed = Pack(content);
  const auto expect_sound = [&](const char* name, const char* what) {
    EXPECT_EQ(Inflate(packed), std::nullopt) << "behind " << name << ", " << what;
    EXPECT_TRUE(HasContent(content)) << "behind " << name << ", " << what;
  };
  for (const PackedFormat& other : kPackedFormats) {
    if (other.compression != GetParam().compression) continue;
    const Bytes failing = other.pack(TraceLike(200000, 9));
    EXPECT_NE(Inflate(std::span(failing).first(failing.size() - 8)), std::nullopt);
    expect_sound(other.name, "cut in its last bytes");
    EXPECT_NE(Inflate(std::span(failing).first(failing.size() / 2)), std::nullopt);
    expect_sound(other.name, "cut in half");
    Bytes damaged = failing;
    std::fill_n(damaged.begin() + std::ssize(damaged) / 2, 50, std::uint8_t{0xFF});
    EXPECT_TRUE(Inflate(damaged) || !other.has_checksum);
    expect_sound(other.name, "damaged");
    EXPECT_EQ(Inflate(failing, 100000), InflateError::kTooLarge);
    expect_sound(other.name, "over the limit");
    const Bytes dense = other.pack(Bytes(16 * kMiB));
    const bool is_bomb = Inflater::kRatioMax * dense.size() < 16 * kMiB;
    EXPECT_EQ(Inflate(dense, 64 * kMiB),
              is_bomb ? std::optional(InflateError::kRatio) : std::nullopt);
    expect_sound(other.name, "out of proportion");
  }
}

// Scenario: budgets below what the message needs.
// Guarantees: kNoMemory, everything given back, and the codec works for the next message.
TEST_P(InflateLawsTest, ReportsFullBudgetAndReleasesEverything) {
  const Bytes content = TraceLike(2 * kMiB);
  const Bytes packed = Pack(content);
  for (const std::size_t available : {std::size_t{0}, kMiB, 2 * kMiB - 1}) {
    MemoryBudget small(available);
    MemoryAccount account(small);
    Body body(account);
    EXPECT_EQ(codec_.Inflate(GetParam().compression, packed, {kLimit}, body),
              InflateError::kNoMemory)
        << available;
    EXPECT_EQ(body.capacity(), 0u);
    EXPECT_EQ(account.charged(), 0u);
  }
  ASSERT_EQ(Inflate(packed), std::nullopt);
  EXPECT_TRUE(HasContent(content));
}

}  // namespace
}  // namespace router
