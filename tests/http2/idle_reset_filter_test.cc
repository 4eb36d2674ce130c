#include "router/http2/idle_reset_filter.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <random>
#include <set>
#include <string>

namespace router::test {
namespace {

constexpr int kData = 0;
constexpr int kHeaders = 1;
constexpr int kReset = 3;

std::string Frame(int type, std::uint32_t stream, std::string_view payload) {
  std::string frame = {static_cast<char>(payload.size() >> 16),
                       static_cast<char>(payload.size() >> 8),
                       static_cast<char>(payload.size()),
                       static_cast<char>(type),
                       '\0',
                       static_cast<char>(stream >> 24),
                       static_cast<char>(stream >> 16),
                       static_cast<char>(stream >> 8),
                       static_cast<char>(stream)};
  return frame.append(payload);
}

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kCancel("\0\0\0\x08", 4);

// Feeds `bytes` in pieces that `cut` chooses, and returns what passed.
template <typename Cut>
std::string Filtered(IdleResetFilter& filter, std::string_view bytes, Cut&& cut) {
  std::string passed;
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), cut());
    EXPECT_TRUE(filter.Feed({reinterpret_cast<const std::uint8_t*>(bytes.data()), size},
                            [&](std::span<const std::uint8_t> range) {
                              EXPECT_FALSE(range.empty());
                              passed.append(reinterpret_cast<const char*>(range.data()),
                                            range.size());
                              return true;
                            }));
    bytes.remove_prefix(size);
  }
  return passed;
}

// Scenario: 2000 random sequences of frames, resets of open, closed and idle streams among them,
// cut anywhere; seed 7.
// Guarantees: exactly the resets of streams above the highest opened one are missing.
TEST(IdleResetFilterTest, LeavesOutResetsOfIdleStreamsAndNothingElse) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t bound) {
    return static_cast<std::uint32_t>(random() % bound);
  };
  int dropped = 0;
  for (int run = 0; run < 2000; ++run) {
    std::string sent = kPreface;
    std::string expected = kPreface;
    std::uint32_t opened = 0;
    std::set<std::uint32_t> reset;
    for (int i = 0; i < 30; ++i) {
      std::uint32_t stream = 2 * below(20) + 1;
      std::string frame;
      switch (below(3)) {
        case 0:
          stream = opened == 0 ? 1 : opened + 2 * (1 + below(3));
          frame = Frame(kHeaders, stream, std::string(below(40), 'h'));
          opened = stream;
          break;
        case 1:
          if (reset.contains(stream)) continue;
          frame = Frame(kData, stream, std::string(below(3000), 'd'));
          break;
        default:
          frame = Frame(kReset, stream, kCancel);
          if (opened > 0 && stream > opened) {
            ++dropped;
            sent += frame;
            continue;
          }
          reset.insert(stream);
      }
      sent += frame;
      expected += frame;
    }
    IdleResetFilter filter;
    const std::uint32_t piece_max = run % 3 == 0 ? 1 : 1 + below(4000);
    ASSERT_EQ(Filtered(filter, sent, [&] { return 1 + below(piece_max); }), expected) << run;
  }
  EXPECT_GT(dropped, 2000);
}

// Scenario: a reset before any stream was opened; of an even stream; of stream 0; with a wrong
// length.
// Guarantees: they pass: nghttp2 ends such connections (RFC 9113 §5.1, §6.4).
TEST(IdleResetFilterTest, OtherNonsensePasses) {
  IdleResetFilter filter;
  const std::string sent = kPreface + Frame(kReset, 1, kCancel) + Frame(kHeaders, 1, "h") +
                           Frame(kReset, 4, kCancel) + Frame(kReset, 0, kCancel) +
                           Frame(kReset, 9, "12345");
  EXPECT_EQ(Filtered(filter, sent, [] { return 5; }), sent);
}

// Scenario: DATA on a stream that was reset, between lawful frames, cut into pieces of every size.
// Guarantees: what came before passes, the violation is told, and nothing passes from there on.
TEST(IdleResetFilterTest, StopsAtAViolation) {
  const std::string lawful = kPreface + Frame(kHeaders, 1, "h") + Frame(kReset, 1, kCancel);
  const std::string sent = lawful + Frame(kData, 1, "d") + Frame(kHeaders, 3, "h");
  for (std::size_t piece = 1; piece <= sent.size(); ++piece) {
    IdleResetFilter filter;
    std::string passed;
    bool goes_on = true;
    for (std::size_t at = 0; at < sent.size(); at += piece) {
      const std::string_view cut = std::string_view(sent).substr(at, piece);
      goes_on =
          filter.Feed({reinterpret_cast<const std::uint8_t*>(cut.data()), cut.size()},
                      [&](std::span<const std::uint8_t> range) {
                        passed.append(reinterpret_cast<const char*>(range.data()), range.size());
                        return true;
                      });
    }
    EXPECT_EQ(passed, lawful) << piece;
    EXPECT_FALSE(goes_on);
    EXPECT_EQ(filter.violation(), NGHTTP2_STREAM_CLOSED);
  }
}

// Scenario: the one it passes to wants no more.
// Guarantees: it stops there and says so.
TEST(IdleResetFilterTest, StopsWhenToldTo) {
  IdleResetFilter filter;
  const std::string sent =
      kPreface + Frame(kHeaders, 1, "h") + Frame(kReset, 3, kCancel) + Frame(kHeaders, 5, "h");
  int calls = 0;
  EXPECT_FALSE(filter.Feed({reinterpret_cast<const std::uint8_t*>(sent.data()), sent.size()},
                           [&](std::span<const std::uint8_t>) { return ++calls > 1; }));
  EXPECT_EQ(calls, 1);
}

// Scenario: a header block in one frame, in two, with its end inside a frame, fed byte by byte.
// Guarantees: it is open from its first frame's header to the last byte of the last.
TEST(IdleResetFilterTest, KnowsWhetherAHeaderBlockIsOpen) {
  constexpr int kContinuation = 9;
  constexpr char kEndHeaders = 4;
  std::string first = Frame(kHeaders, 5, "abc");
  std::string last = Frame(kContinuation, 5, "de");
  last[4] = kEndHeaders;
  std::string whole = Frame(kHeaders, 7, "abc");
  whole[4] = kEndHeaders;
  const std::string bytes = kPreface + first + last + whole + Frame(kData, 7, "x");
  const std::size_t begin = kPreface.size() + 9;
  const std::size_t end = kPreface.size() + first.size() + last.size();
  IdleResetFilter filter;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Filtered(filter, bytes.substr(i, 1), [] { return 1; });
    const std::size_t fed = i + 1;
    const bool is_first = fed >= begin && fed < end;
    const bool is_second = fed >= end + 9 && fed < end + whole.size();
    EXPECT_EQ(filter.open_header_block(), is_first ? 5U : is_second ? 7U : 0U) << fed;
  }
}

}  // namespace
}  // namespace router::test
