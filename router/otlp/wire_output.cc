#include "router/otlp/wire_output.h"

namespace router {
namespace {

constexpr std::size_t kSlackBytes = 64;  // what a guess may be too wide before Finish()
constexpr std::size_t kFirstBytes = 4096;

}  // namespace

std::size_t WireOutput::CloseLength(std::size_t at, std::size_t width, bool is_padded) {
  const std::size_t length = size() - at - width;
  const std::size_t needed = is_padded ? width : VarintBytes(length);
  if (needed > width && !Ensure(needed - width)) return 0;
  std::uint8_t* const content = begin_ + at + width;
  if (needed != width) std::memmove(begin_ + at + needed, content, length);
  std::uint8_t* p = begin_ + at;
  std::size_t rest = length;
  for (std::size_t i = 1; i < needed; ++i, rest >>= 7) {
    *p++ = static_cast<std::uint8_t>(rest | 0x80);
  }
  *p = static_cast<std::uint8_t>(rest);
  next_ = begin_ + at + needed + length;
  return needed;
}

bool WireOutput::Begin(std::size_t bytes) {
  return Reserve(std::min(std::max(bytes, kFirstBytes), size_max_ + kSlackBytes));
}

bool WireOutput::Grow(std::size_t bytes) {
  const std::size_t needed = size() + bytes;
  const std::size_t capacity_max = size_max_ + kSlackBytes;
  if (needed > capacity_max) {
    is_too_large_ = true;
    return false;
  }
  const std::size_t doubled = std::min(2 * body_.capacity(), capacity_max);
  return Reserve(std::max(needed, doubled)) || Reserve(needed);
}

bool WireOutput::Reserve(std::size_t capacity) {
  const std::size_t size_before = size();
  body_.SetSize(size_before);
  if (!body_.Reserve(capacity)) return false;
  begin_ = body_.data();
  next_ = begin_ + size_before;
  end_ = begin_ + body_.capacity();
  return true;
}

}  // namespace router
