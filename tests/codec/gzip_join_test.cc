#include "router/codec/gzip_join.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "router/codec/gzip.h"

namespace router {
namespace {

class GzipJoinTest : public ::testing::Test {
 protected:
  std::string Member(std::string_view text) {
    Body out(account_);
    EXPECT_TRUE(
        codec_.Deflate({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, out));
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }
  static std::string Joined(const std::vector<std::string>& members) {
    GzipJoin join;
    std::string blocks;
    for (const std::string& member : members) {
      const auto part =
          join.Add({reinterpret_cast<const std::uint8_t*>(member.data()), member.size()});
      blocks.append(reinterpret_cast<const char*>(part.data()), part.size());
    }
    std::string header(GzipJoin::kHeaderBytes, '?');
    std::string trailer(GzipJoin::kTrailerBytes, '?');
    join.WriteHeader(reinterpret_cast<std::uint8_t*>(header.data()));
    join.WriteTrailer(reinterpret_cast<std::uint8_t*>(trailer.data()));
    return header + blocks + trailer;
  }
  // By zlib, which stops after the first member and checks CRC and length.
  static std::string InflatedByZlib(const std::string& gzip, std::size_t bytes_max) {
    std::string out(bytes_max, '?');
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
    stream.avail_in = static_cast<uInt>(gzip.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    EXPECT_EQ(stream.avail_in, 0U) << "more than one member";
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
  }
  std::string Inflated(const std::string& gzip) {
    Body out(account_);
    EXPECT_FALSE(codec_.Inflate({reinterpret_cast<const std::uint8_t*>(gzip.data()), gzip.size()},
                                {.output_bytes_max = 64 << 20}, out));
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }

  MemoryBudget budget_{256 << 20};
  MemoryAccount account_{budget_};
  GzipCodec codec_;
};

std::string RandomText(std::minstd_rand& random, std::size_t bytes, unsigned alphabet) {
  std::string text(bytes, 0);
  for (char& c : text) c = static_cast<char>(random() % alphabet);
  return text;
}

// Scenario: 1 to 9 members of random sizes from 0 to 200 KB, from very to not at all compressible.
// Guarantees: joined they are one member whose content is all contents in order, for zlib, which
// checks the CRC and the length, and for our own decoder.
TEST_F(GzipJoinTest, IsOneMemberOfAllContents) {
  std::minstd_rand random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> members(1 + random() % 9);
    std::string all;
    for (std::string& member : members) {
      const std::size_t bytes = random() % 4 == 0 ? random() % 200'000 : random() % 2'000;
      const std::string text =
          RandomText(random, random() % 8 == 0 ? 0 : bytes, 1 + random() % 256);
      member = Member(text);
      EXPECT_EQ(InflatedByZlib(member, text.size() + 1), text) << "one alone";
      all += text;
    }
    const std::string joined = Joined(members);
    ASSERT_EQ(InflatedByZlib(joined, all.size() + 1), all);
    ASSERT_EQ(Inflated(joined), all);
  }
}

// Scenario: one member.
// Guarantees: joined it is what it was, byte for byte.
TEST_F(GzipJoinTest, OneMemberStaysAsItIs) {
  const std::string member = Member("spans, spans, spans");
  EXPECT_EQ(Joined({member}), member);
}

}  // namespace
}  // namespace router
