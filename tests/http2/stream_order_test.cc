#include "router/http2/stream_order.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

namespace router::test {
namespace {

constexpr std::uint8_t kEnd = NGHTTP2_FLAG_END_STREAM;

class StreamOrderTest : public ::testing::Test {
 protected:
  std::uint32_t Headers(std::uint32_t stream, std::uint8_t flags = 0) {
    return order_.Note(NGHTTP2_HEADERS, flags, stream);
  }
  std::uint32_t Data(std::uint32_t stream, std::uint8_t flags = 0) {
    return order_.Note(NGHTTP2_DATA, flags, stream);
  }
  std::uint32_t Reset(std::uint32_t stream) { return order_.Note(NGHTTP2_RST_STREAM, 0, stream); }

  StreamOrder order_;
};

// Scenario: streams that overlap, with bodies, trailers, resets, window updates behind the end.
// Guarantees: nothing is found in what a client may send.
TEST_F(StreamOrderTest, LawfulFramesPass) {
  for (std::uint32_t stream = 1; stream < 2000; stream += 4) {
    ASSERT_EQ(Headers(stream), 0U);
    ASSERT_EQ(Headers(stream + 2, kEnd), 0U);
    ASSERT_EQ(Data(stream), 0U);
    ASSERT_EQ(Headers(stream, kEnd), 0U) << "trailers";
    ASSERT_EQ(order_.Note(NGHTTP2_WINDOW_UPDATE, 0, stream), 0U);
    ASSERT_EQ(order_.Note(NGHTTP2_CONTINUATION, 4, stream), 0U);
    ASSERT_EQ(order_.Note(NGHTTP2_PRIORITY, 0, stream), 0U);
    ASSERT_EQ(Reset(stream), 0U);
    ASSERT_EQ(Reset(stream), 0U);
  }
  EXPECT_EQ(order_.last_opened(), 1999U);
}

// Scenario: DATA and HEADERS behind an END_STREAM, whether it came with DATA or HEADERS, and behind
// a RST_STREAM; the stream is the last one, or seven ended after it.
// Guarantees: STREAM_CLOSED; other streams go on.
TEST_F(StreamOrderTest, FramesBehindTheEndAreFound) {
  for (const int others : {0, 7}) {
    for (const int way : {0, 1, 2}) {
      order_ = StreamOrder();
      Headers(1, way == 0 ? kEnd : 0);
      if (way == 1) Data(1, kEnd);
      if (way == 2) Reset(1);
      for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(others); ++i) {
        EXPECT_EQ(Headers(3 + 2 * i, kEnd), 0U);
      }
      EXPECT_EQ(Data(1), NGHTTP2_STREAM_CLOSED) << others << way;
      EXPECT_EQ(Headers(1), NGHTTP2_STREAM_CLOSED) << others << way;
      EXPECT_EQ(Headers(101), 0U);
    }
  }
}

// Scenario: eight more streams ended since.
// Guarantees: the oldest is forgotten, which RFC 9113 allows.
TEST_F(StreamOrderTest, RemembersEight) {
  for (std::uint32_t stream = 1; stream <= 17; stream += 2) Headers(stream, kEnd);
  EXPECT_EQ(Data(1), 0U);
  EXPECT_EQ(Data(3), NGHTTP2_STREAM_CLOSED);
}

// Scenario: 5 first, then 3; 5, 11, then 7 and 9; a number below that was in use.
// Guarantees: PROTOCOL_ERROR for those passed over (RFC 9113 §5.1.1), only there.
TEST_F(StreamOrderTest, NumbersPassedOverAreFound) {
  EXPECT_EQ(Headers(5), 0U);
  EXPECT_EQ(Headers(1), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(Headers(3), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(Headers(5), 0U);
  EXPECT_EQ(Headers(11), 0U);
  EXPECT_EQ(Headers(7), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(Headers(9), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(Headers(13), 0U);
}

// Scenario: resets of streams that were never opened (gRPC's C core sends such), even numbers, 0.
// Guarantees: left to others; the stream may still be opened.
TEST_F(StreamOrderTest, LeavesOtherFaultsToOthers) {
  EXPECT_EQ(Headers(1), 0U);
  EXPECT_EQ(Reset(3), 0U);
  EXPECT_EQ(Headers(3), 0U);
  EXPECT_EQ(Headers(2, kEnd), 0U);
  EXPECT_EQ(Data(2), 0U);
  EXPECT_EQ(Data(0), 0U);
}

}  // namespace
}  // namespace router::test
