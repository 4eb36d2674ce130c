// Codec: names, and what each format has that the others have not.
#include "router/codec/codec.h"

#include <gtest/gtest.h>

#include "tests/codec/packed_format.h"

namespace router {
namespace {

constexpr std::size_t kLimit = 64 * kMiB;

class CodecTest : public testing::Test {
 protected:
  void TearDown() override {
    body_.Reset();
    EXPECT_EQ(account_.charged(), 0u);
  }

  std::optional<InflateError> Inflate(Compression compression, std::span<const std::uint8_t> in) {
    body_.Reset();
    return codec_.Inflate(compression, in, {.output_bytes_max = kLimit}, body_);
  }
  bool HasContent(const Bytes& content) const {
    return std::equal(content.begin(), content.end(), body_.bytes().begin(), body_.bytes().end());
  }

  MemoryBudget budget_{256 * kMiB};
  MemoryAccount account_{budget_};
  Codec codec_;
  Body body_{account_};
};

// Scenario: every name the Collector has for a compression, and names it has not.
// Guarantees: the Collector's meaning; a name that is sent is one that is taken.
TEST_F(CodecTest, KnowsTheCollectorsNames) {
  EXPECT_EQ(CompressionFrom(""), Compression::kNone);
  EXPECT_EQ(CompressionFrom("identity"), Compression::kNone);
  EXPECT_EQ(CompressionFrom("zlib"), Compression::kZlib);
  EXPECT_EQ(CompressionFrom("x-snappy-framed"), Compression::kSnappy);
  for (const char* name : {"identity", "gzip", "deflate", "zstd", "snappy", "lz4"}) {
    ASSERT_TRUE(CompressionFrom(name)) << name;
    EXPECT_EQ(NameOf(*CompressionFrom(name)), name);
  }
  for (const char* name : {"br", "GZIP", "gzip, gzip", "snappy-framed", " gzip"}) {
    EXPECT_EQ(CompressionFrom(name), std::nullopt) << name;
  }
}

// Scenario: bodies from 0 bytes to 3 MiB, compressible or not, behind bytes that are already there.
// Guarantees: what we write is read by the library of each format and by us; incompressible bytes
// grow by less than 1 %; what was there stays.
TEST_F(CodecTest, DeflatesWhatOthersRead) {
  for (const std::size_t size : {0u, 1u, 100u, 65535u, 65536u, 65537u, 1000000u, 3145728u}) {
    for (const Bytes& content : {TraceLike(size), Noise(size), Bytes(size, 7)}) {
      for (const auto compression :
           {Compression::kGzip, Compression::kZstd, Compression::kSnappy}) {
        Body packed(account_);
        ASSERT_TRUE(packed.Append(Bytes{1, 2, 3}));
        ASSERT_TRUE(codec_.Deflate(compression, content, packed));
        ASSERT_EQ(packed.data()[2], 3);
        const auto bytes = packed.bytes().subspan(3);
        ASSERT_EQ(Inflate(compression, bytes), std::nullopt) << size;
        ASSERT_TRUE(HasContent(content)) << size;
        ASSERT_LE(bytes.size(), size + size / 100 + 64);
        if (compression == Compression::kZstd) {
          Bytes read(size + 1);
          ASSERT_EQ(ZSTD_decompress(read.data(), read.size(), bytes.data(), bytes.size()), size);
          ASSERT_TRUE(std::equal(content.begin(), content.end(), read.begin()));
        }
      }
    }
  }
}

// Scenario: a framed Snappy stream taken apart by hand.
// Guarantees: identifier, then chunks of at most 64 KiB with their checksum, stored where packing
// gains nothing: what the Collector's reader takes.
TEST_F(CodecTest, WritesSnappyChunksAsTheFormatHasThem) {
  const Bytes content = Joined(TraceLike(100000), Noise(100000));
  ASSERT_TRUE(codec_.Deflate(Compression::kSnappy, content, body_));
  Bytes expected = SnappyIdentifier();
  const std::span<const std::uint8_t> all(content);
  for (std::size_t at = 0; at < all.size(); at += 65536) {
    const auto part = all.subspan(at, std::min<std::size_t>(65536, all.size() - at));
    const bool is_packed = SnappyBlock(part).size() < part.size() - part.size() / 8;
    EXPECT_EQ(is_packed, at < 100000) << at;
    expected = Joined(expected, SnappyDataChunk(part, is_packed));
  }
  EXPECT_TRUE(HasContent(expected));
}

// Scenario: "snappy" and an empty message as Go's golang/snappy 1.0.0 writes them
// (NewBufferedWriter), which is what the Collector uses for gRPC.
// Guarantees: both are read; the block form of the first as well.
TEST_F(CodecTest, ReadsSnappyOfGo) {
  const Bytes content = {'s', 'n', 'a', 'p', 'p', 'y'};
  const Bytes framed = Joined(
      {0xFF, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y', 0x01, 0x0A, 0x00, 0x00, 0x23, 0x0C, 0x3D, 0x29},
      content);
  ASSERT_EQ(Inflate(Compression::kSnappy, framed), std::nullopt);
  EXPECT_TRUE(HasContent(content));
  ASSERT_EQ(Inflate(Compression::kSnappy, Bytes{6, 0x14, 's', 'n', 'a', 'p', 'p', 'y'}),
            std::nullopt);
  EXPECT_TRUE(HasContent(content));
  ASSERT_EQ(Inflate(Compression::kSnappy, {}), std::nullopt);
  EXPECT_EQ(body_.size(), 0u);
}

// Scenario: chunks of Snappy that mean nothing, that must not be skipped, that claim too much.
// Guarantees: as framing_format.txt says.
TEST_F(CodecTest, FollowsSnappyChunkTypes) {
  const Bytes content = TraceLike(1000);
  const Bytes good = Joined(SnappyIdentifier(), SnappyDataChunk(content, true));
  for (const std::uint8_t type : Bytes{0x80, 0xC0, 0xFD, 0xFE}) {
    ASSERT_EQ(Inflate(Compression::kSnappy, Joined(good, SnappyChunk(type, Bytes(9, 1)))),
              std::nullopt);
    EXPECT_TRUE(HasContent(content));
  }
  for (const std::uint8_t type : Bytes{0x02, 0x40, 0x7F}) {
    EXPECT_EQ(Inflate(Compression::kSnappy, Joined(good, SnappyChunk(type, Bytes(9, 1)))),
              InflateError::kMalformed);
  }
  ASSERT_EQ(Inflate(Compression::kSnappy, Joined(good, good)), std::nullopt);
  EXPECT_TRUE(HasContent(Joined(content, content)));
  for (const bool is_packed : {false, true}) {
    const Bytes full(65536, 1);
    const Bytes over(65537, 1);
    EXPECT_EQ(
        Inflate(Compression::kSnappy, Joined(SnappyIdentifier(), SnappyDataChunk(full, is_packed))),
        std::nullopt);
    EXPECT_EQ(
        Inflate(Compression::kSnappy, Joined(SnappyIdentifier(), SnappyDataChunk(over, is_packed))),
        InflateError::kMalformed);
  }
  // A block that claims 1 MiB in 6 bytes reserves nothing for it.
  EXPECT_EQ(Inflate(Compression::kSnappy, Bytes{0x80, 0x80, 0x40, 0, 'x', 0}),
            InflateError::kMalformed);
}

// Scenario: skippable frames of zstd and LZ4 before, between and behind the others; alone; cut.
// Guarantees: they mean nothing, whatever of the 16 numbers they have.
TEST_F(CodecTest, SkipsSkippableFrames) {
  const Bytes content = TraceLike(1000);
  for (const auto compression : {Compression::kZstd, Compression::kLz4}) {
    const Bytes packed = compression == Compression::kZstd ? ZstdPack(content) : Lz4Pack(content);
    for (std::uint8_t number = 0x50; number < 0x60; ++number) {
      const Bytes skippable = {number, 0x2A, 0x4D, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5};
      const Bytes both = Joined(skippable, packed);
      ASSERT_EQ(Inflate(compression, Joined(both, both)), std::nullopt);
      EXPECT_TRUE(HasContent(Joined(content, content)));
      EXPECT_EQ(Inflate(compression, Joined(both, skippable)), std::nullopt);
      EXPECT_EQ(Inflate(compression, skippable), std::nullopt);
      EXPECT_EQ(body_.size(), 0u);
      for (std::size_t length = 4; length < skippable.size(); ++length) {
        EXPECT_EQ(
            Inflate(compression,
                    Joined(packed, Bytes(skippable.begin(),
                                         skippable.begin() + static_cast<std::ptrdiff_t>(length)))),
            InflateError::kTruncated);
      }
    }
  }
}

// Scenario: zstd frames with windows of 1 KiB to 16 MiB, streamed, of 20 MiB of content.
// Guarantees: up to 8 MiB pass (RFC 8878), 16 MiB is refused; the decoder's memory is given back
// where it is large.
TEST_F(CodecTest, BoundsZstdWindow) {
  const Bytes content = Joined(TraceLike(10 * kMiB), TraceLike(10 * kMiB));
  for (const int window_log : {10, 19, 23, 24}) {
    const Bytes packed = ZstdPackStreamed(content, window_log);
    ZstdInflater inflater;
    Body body(account_);
    const auto error = inflater.Inflate(packed, {kLimit}, body);
    EXPECT_EQ(error, window_log > 23 ? std::optional(InflateError::kMalformed) : std::nullopt);
    EXPECT_LE(inflater.context_bytes(), ZstdInflater::kKeptBytes);
    EXPECT_EQ(account_.charged(), body.capacity());
    if (!error) {
      EXPECT_TRUE(std::equal(content.begin(), content.end(), body.bytes().begin()));
    }
  }
}

// Scenario: contents whose decoders need more memory than they have, a window of 8 MiB and blocks
// of 4 MiB, with budgets below and above that. Guarantees: a decoder's memory is charged before it
// is taken, and given back with the message.
TEST_F(CodecTest, ChargesWhatDecodersHold) {
  const Bytes zstd = ZstdPackStreamed(TraceLike(100000), 23, 50000);
  const Bytes lz4 = Lz4Pack(TraceLike(kMiB + 1), 7);
  for (const std::size_t available : {4 * kMiB, 12 * kMiB}) {
    MemoryBudget budget(available);
    MemoryAccount account(budget);
    const auto expected =
        available < 8 * kMiB ? std::optional(InflateError::kNoMemory) : std::nullopt;
    for (const auto& [compression, packed] :
         {std::pair(Compression::kZstd, &zstd), std::pair(Compression::kLz4, &lz4)}) {
      Body body(account);
      EXPECT_EQ(codec_.Inflate(compression, *packed, {2 * kMiB}, body), expected);
      EXPECT_EQ(account.charged(), body.capacity());
    }
  }
}

// Scenario: a zstd frame whose header claims 1 byte more, 1 byte less, or 60 MiB; and one that
// names a dictionary.
// Guarantees: the claim is checked, and reserves no more than the ratio allows.
TEST_F(CodecTest, BelievesNoZstdHeader) {
  const Bytes content = TraceLike(100000);
  const Bytes packed = ZstdPack(content, 3, false);
  ASSERT_EQ(packed[4] >> 6, 2) << "4 bytes of content size";
  const std::size_t size_at = (packed[4] & 0x20) != 0 ? 5 : 6;
  for (const std::uint32_t claimed : {100001u, 99999u, 60u << 20}) {
    Bytes lying = packed;
    for (std::size_t i = 0; i < 4; ++i) {
      lying[size_at + i] = static_cast<std::uint8_t>(claimed >> (8 * i));
    }
    MemoryBudget tight(16 * kMiB);
    MemoryAccount account(tight);
    Body body(account);
    EXPECT_NE(codec_.Inflate(Compression::kZstd, lying, {kLimit}, body), std::nullopt) << claimed;
    EXPECT_EQ(account.charged(), 0u);
  }
  Bytes with_dictionary = packed;
  with_dictionary[4] |= 1;
  with_dictionary.insert(with_dictionary.begin() + static_cast<std::ptrdiff_t>(size_at), 7);
  EXPECT_EQ(Inflate(Compression::kZstd, with_dictionary), InflateError::kMalformed);
}

// Scenario: the magic numbers of zstd 0.1 to 0.7 and of LZ4's legacy frame.
// Guarantees: no decoder of an old format is ever entered.
TEST_F(CodecTest, RefusesLegacyFrames) {
  for (std::uint8_t version = 0x1E; version < 0x28; ++version) {
    Bytes legacy = {version, 0xB5, 0x2F, 0xFD};
    EXPECT_EQ(Inflate(Compression::kZstd, Joined(legacy, Bytes(100, 0))), InflateError::kMalformed);
  }
  EXPECT_EQ(Inflate(Compression::kLz4, Joined({0x02, 0x21, 0x4C, 0x18}, Bytes(100, 0))),
            InflateError::kMalformed);
}

// Scenario: megabytes of zstd blocks without content, and of small ones that each bring their own
// tables.
// Guarantees: given up, or read, in a fraction of a second. A-07.
TEST_F(CodecTest, GivesUpOnCostlyZstdBlocks) {
  Bytes empty_blocks = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58};
  while (empty_blocks.size() < 8 * kMiB) empty_blocks.insert(empty_blocks.end(), {0, 0, 0});
  const Bytes small_blocks = ZstdPackStreamed(TraceLike(16 * kMiB), 17, 150);
  for (const Bytes* packed : {&std::as_const(empty_blocks), &small_blocks}) {
    const double start = CpuSeconds();
    (void)Inflate(Compression::kZstd, *packed);
    EXPECT_LE(CpuSeconds() - start, 1.0 * kCpuScale) << packed->size();
    RecordProperty("cpu_ms_of_" + std::to_string(packed->size()),
                   static_cast<int>(1000 * (CpuSeconds() - start)));
  }
}

// Scenario: a zlib stream with a preset dictionary; bare DEFLATE.
// Guarantees: both are refused, as the Collector does.
TEST_F(CodecTest, RefusesBareDeflateAndDictionaries) {
  const Bytes content = TraceLike(1000);
  const Bytes packed = ZlibPack(content);
  EXPECT_EQ(Inflate(Compression::kZlib, std::span(packed).subspan(2)), InflateError::kMalformed);
  Bytes with_dictionary = {0x78, 0xBB, 1, 2, 3, 4};
  with_dictionary.insert(with_dictionary.end(), packed.begin() + 2, packed.end());
  EXPECT_EQ(Inflate(Compression::kZlib, with_dictionary), InflateError::kMalformed);
}

// Scenario: LZ4 frames with every block size, linked or not, with and without their content's size.
// Guarantees: all are read; a wrong size in the header is refused.
TEST_F(CodecTest, ReadsEveryKindOfLz4Frame) {
  const Bytes content = TraceLike(5 * kMiB);
  for (const int block_id : {4, 5, 6, 7}) {
    for (const bool has_size : {false, true}) {
      ASSERT_EQ(Inflate(Compression::kLz4, Lz4Pack(content, block_id, has_size)), std::nullopt);
      EXPECT_TRUE(HasContent(content));
      if (has_size) {
        EXPECT_EQ(body_.capacity(), content.size());
      }
    }
  }
}

// Scenario: a budget too small for the compressed bytes, at the first and at a later step.
// Guarantees: Deflate says no, gives everything back, and works for the next message.
TEST_F(CodecTest, DeflateReportsFullBudget) {
  const Bytes content = Noise(kMiB);
  for (const auto compression : {Compression::kZstd, Compression::kSnappy}) {
    for (const std::size_t available : {std::size_t{0}, kMiB / 2}) {
      MemoryBudget small(available);
      MemoryAccount account(small);
      Body body(account);
      EXPECT_FALSE(codec_.Deflate(compression, content, body));
      EXPECT_EQ(body.capacity(), 0u);
      EXPECT_EQ(account.charged(), 0u);
    }
    body_.Reset();
    ASSERT_TRUE(codec_.Deflate(compression, content, body_));
  }
}

}  // namespace
}  // namespace router
