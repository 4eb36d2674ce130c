// Header blocks as a weapon, at the port of HTTP, where a request's target is kept and said back.
#include "tests/abuse/abuse_fixture.h"

namespace bench {
namespace {

constexpr std::size_t kFrameBytesMax = 16'384;
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;

std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string frame;
  for (int shift = 16; shift >= 0; shift -= 8) frame += static_cast<char>(payload.size() >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(stream >> shift);
  return frame.append(payload);
}

// A header block as HEADERS and CONTINUATION.
std::string BlockFrames(std::uint32_t stream, std::string_view block, bool is_end) {
  std::string frames;
  for (std::uint8_t type = 1; !block.empty(); type = 9) {
    const std::string_view piece = block.substr(0, kFrameBytesMax);
    block.remove_prefix(piece.size());
    const int flags = (block.empty() ? kEndHeaders : 0) | (type == 1 && is_end ? kEndStream : 0);
    frames += Frame(type, static_cast<std::uint8_t>(flags), stream, piece);
  }
  return frames;
}

// The preface, and SETTINGS that leave a window of `window` bytes.
std::string Opening(std::uint8_t window) {
  const std::string setting = {0, 4, 0, 0, 0, static_cast<char>(window)};
  return std::string(kClientPreface) + Frame(4, 0, 0, setting);
}

// An HPACK string of 127 bytes or more.
std::string LongText(const std::string& text) {
  std::string bytes = "\x7f";
  std::size_t rest = text.size() - 127;
  for (; rest >= 128; rest /= 128) bytes += static_cast<char>(rest % 128 + 128);
  return bytes + static_cast<char>(rest) + text;
}

class HeadersTest : public AbuseTest {
 protected:
  HeadersTest() { setting_.rise_kib_max = 32 * 1024; }  // half of what is sent
};

// Scenario: a thousand requests with targets of 60 KB, whose client opens no window for the
// answers.
// Guarantees: what was refused is not kept.
TEST_F(HeadersTest, AnswersThatNobodyTakesHoldNoHeaders) {
  std::string bytes = Opening(0);
  // GET, http, an authority, and the path as a literal that is not kept in the table.
  const std::string block = "\x82\x86\x01\x01x\x04" + LongText("/" + std::string(60'000, 'a'));
  for (std::uint32_t stream = 1; stream < 2000; stream += 2) {
    bytes += BlockFrames(stream, block, true);
  }
  SendBytes(http_port_, bytes, milliseconds(5000));
}

// Scenario: ten requests whose trailers name one field of 3900 bytes some 140,000 times.
// Guarantees: no more of them is looked at than 64 KiB: it costs little time.
TEST_F(HeadersTest, TrailersAreNoAmplifier) {
  std::string bytes = Opening(255);
  const std::string head = "\x83\x86\x84\x01\x01x";
  std::string trailers("\x40\x01x", 3);
  trailers += LongText(std::string(3900, 'v'));
  trailers.resize(9 * kFrameBytesMax, '\xbe');  // each byte names it once more
  for (std::uint32_t stream = 1; stream < 20; stream += 2) {
    bytes += BlockFrames(stream, head, false) + BlockFrames(stream, trailers, true);
  }
  const auto before = CpuTime(spanring_->pid());
  SendBytes(http_port_, bytes, milliseconds(1500));
  const auto used = std::chrono::duration_cast<milliseconds>(CpuTime(spanring_->pid()) - before);
  report_ = std::to_string(used.count()) + " ms of processor time";
  if (SPANRING_SANITIZED == 0) {
    EXPECT_LT(used, milliseconds(1000));
  }
}

}  // namespace
}  // namespace bench
