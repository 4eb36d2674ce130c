// The laws of splitting on random requests, with Protobuf as the judge. They prove nothing about
// which shard is the right one (tests/ring) nor about bytes on a connection.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "router/otlp/span_index.h"
#include "router/otlp/splitter.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/random_request.h"
#include "tests/otlp/split_request.h"

namespace router::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRequests = 20'000;
#else
constexpr std::uint64_t kRequests = 100'000;
#endif

// The wire bytes of every span, as the index found them.
std::vector<std::string> RawSpans(const SpanIndex& index) {
  std::vector<std::string> spans;
  for (const SpanIndex::Span& span : index.spans()) {
    const std::uint8_t* const bytes = index.body().data();
    spans.emplace_back(bytes + span.field.begin, bytes + span.field.end);
  }
  return spans;
}

// Scenario: 10^5 random requests (2 * 10^4 under a sanitizer), unknown fields on every level,
// each split over 1 to 5 shards by trace.
// Guarantees: CP-1, CP-2, CP-3: the shards merged are the input, each span is in the shard of its
// trace and in no other, the bytes of spans are untouched, and the order inside a trace is kept.
TEST(SplitterLawsTest, Cp1Cp2Cp3ShardsMergedAreTheRequest) {
  SpanIndex index;
  SpanIndex shard_index;
  Splitter splitter;
  std::size_t spans = 0;
  std::size_t split_requests = 0;
  for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
    SCOPED_TRACE(seed);
    const std::string body = RandomRequest(seed, seed % 2 == 1).Make();
    const std::size_t shard_count = 1 + seed % 5;
    Flattened whole;
    ASSERT_TRUE(Flatten(body, &whole));
    ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
    ASSERT_EQ(index.span_count(), whole.spans.size());
    const std::vector<std::uint16_t> owners = ShardsByTrace(index, shard_count);
    const std::vector<std::string> shards = Split(splitter, index, owners, shard_count);

    Flattened merged;
    std::vector<std::string> raw;
    std::size_t total_bytes = 0;
    std::size_t spanless_unknown = 0;
    for (std::size_t s = 0; s < shard_count; ++s) {
      Flattened part;
      ASSERT_TRUE(Flatten(shards[s], &part));
      ASSERT_EQ(part.spans.size(), splitter.shard_spans(s));
      ASSERT_EQ(shards[s].empty(), part.spans.empty()) << "GC-15: no envelope without spans";
      ASSERT_LE(shards[s].size(), body.size());
      for (const auto& [trace, list] : part.traces) {
        ASSERT_EQ(ShardOf(AsBytes(trace.substr(1)), shard_count), s);
      }
      ASSERT_EQ(shard_index.Parse(AsBytes(shards[s]), {}), std::nullopt);
      for (std::string& span : RawSpans(shard_index)) raw.push_back(std::move(span));
      total_bytes += shards[s].size();
      spanless_unknown += part.unknown.empty() ? 0 : 1;
      merged.Add(part);
    }
    ASSERT_EQ(total_bytes, splitter.total_bytes());
    ASSERT_LE(spanless_unknown, 1u) << "unknown fields of the request go to one shard";
    ASSERT_EQ(merged.unknown, whole.spans.empty() ? "" : whole.unknown);
    ASSERT_EQ(merged.traces, whole.traces);
    merged.Sort();
    whole.Sort();
    ASSERT_EQ(merged.spans, whole.spans);
    std::vector<std::string> raw_before = RawSpans(index);
    std::sort(raw_before.begin(), raw_before.end());
    std::sort(raw.begin(), raw.end());
    ASSERT_EQ(raw, raw_before);
    spans += whole.spans.size();
    split_requests += splitter.present_shards().size() > 1 ? 1 : 0;
  }
  EXPECT_GT(spans, 2 * kRequests) << "the generator became too tame";
  EXPECT_GT(split_requests, kRequests / 4);
}

// Scenario: the same random request written with minimal and with padded tags, lengths and
// varints.
// Guarantees: CP-5: both are split into the same messages.
TEST(SplitterLawsTest, Cp5SplitIsStableUnderReencoding) {
  constexpr std::size_t kShards = 3;
  SpanIndex index;
  Splitter splitter;
  std::size_t padded_differently = 0;
  for (std::uint64_t seed = 0; seed < kRequests / 4; ++seed) {
    SCOPED_TRACE(seed);
    const std::string plain = RandomRequest(seed, false).Make();
    const std::string padded = RandomRequest(seed, true).Make();
    padded_differently += plain != padded ? 1 : 0;
    std::vector<std::string> shards[2];
    for (int i = 0; i < 2; ++i) {
      const std::string& body = i == 0 ? plain : padded;
      ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
      shards[i] = Split(splitter, index, ShardsByTrace(index, kShards), kShards);
    }
    for (std::size_t s = 0; s < kShards; ++s) {
      Flattened of_plain;
      Flattened of_padded;
      ASSERT_TRUE(Flatten(shards[0][s], &of_plain));
      ASSERT_TRUE(Flatten(shards[1][s], &of_padded));
      ASSERT_EQ(of_plain.spans, of_padded.spans);
      ASSERT_EQ(of_plain.unknown, of_padded.unknown);
    }
  }
  EXPECT_GT(padded_differently, kRequests / 8);
}

// Scenario: every shard of a random request is split again, by the same rule.
// Guarantees: CP-6: it has one owner and comes out byte-identical.
TEST(SplitterLawsTest, Cp6SplittingAShardAgainChangesNothing) {
  constexpr std::size_t kShards = 3;
  SpanIndex index;
  Splitter splitter;
  for (std::uint64_t seed = 0; seed < kRequests / 4; ++seed) {
    SCOPED_TRACE(seed);
    const std::string body = RandomRequest(seed).Make();
    ASSERT_EQ(index.Parse(AsBytes(body), {}), std::nullopt);
    for (const std::string& shard :
         Split(splitter, index, ShardsByTrace(index, kShards), kShards)) {
      if (shard.empty()) continue;
      ASSERT_EQ(index.Parse(AsBytes(shard), {}), std::nullopt);
      const std::vector<std::uint16_t> owners = ShardsByTrace(index, kShards);
      const std::optional<std::uint16_t> owner = Splitter::SoleOwner(owners);
      ASSERT_TRUE(owner.has_value());
      ASSERT_EQ(Split(splitter, index, owners, kShards)[*owner], shard);
    }
  }
}

// Scenario: random requests with up to four of their bytes changed, cut or doubled.
// Guarantees: CP-4 at random: the index accepts exactly what Protobuf accepts, and never reads
// outside (ASan).
TEST(SplitterLawsTest, Cp4VerdictOnDamagedRequestsIsProtobufs) {
  google::protobuf::LogSilencer silence;
  std::mt19937_64 random(7);
  SpanIndex index;
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
    SCOPED_TRACE(seed);
    std::string body = RandomRequest(seed, seed % 3 == 0).Make();
    for (std::uint64_t n = 1 + random() % 4; n > 0 && !body.empty(); --n) {
      const std::size_t at = random() % body.size();
      switch (random() % 4) {
        case 0:
          body.erase(at, 1);
          break;
        case 1:
          body.insert(at, 1, static_cast<char>(random()));
          break;
        case 2:
          body[at] = static_cast<char>(body[at] ^ (1 << random() % 8));
          break;
        default:
          body[at] = static_cast<char>(random());
      }
    }
    // A heap block of the exact size, so that a sanitizer sees a read past the end.
    const std::vector<std::uint8_t> exact(body.begin(), body.end());
    const bool expected = ProtobufAccepts(body);
    ASSERT_EQ(!index.Parse(exact, {}).has_value(), expected);
    (expected ? accepted : refused) += 1;
  }
  EXPECT_GT(accepted, kRequests / 10);
  EXPECT_GT(refused, kRequests / 10);
}

}  // namespace
}  // namespace router::test
