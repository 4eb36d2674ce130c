#include "router/otlp/message_checker.h"

#include <array>
#include <cassert>

#include "router/otlp/utf8.h"
#include "router/otlp/wire_reader.h"

namespace router {
namespace {

// What the bytes of a length-delimited field are: one of these, or a MessageChecker::Type added to
// kMessage.
enum Content : std::uint8_t { kOpaque = 0, kString, kTraceId, kMessage };

constexpr std::uint32_t kFieldMax = 15;  // no length-delimited field of ours has a higher number
using ContentTable =
    std::array<std::array<std::uint8_t, kFieldMax + 1>, MessageChecker::kTypeCount>;

constexpr ContentTable MakeContentTable() {
  using Checker = MessageChecker;
  constexpr auto kOf = [](Checker::Type type) {
    return static_cast<std::uint8_t>(std::uint8_t{kMessage} + std::uint8_t{type});
  };
  ContentTable table{};
  table[Checker::kResource][1] = kOf(Checker::kKeyValue);
  table[Checker::kResource][3] = kOf(Checker::kEntityRef);
  table[Checker::kScope][1] = kString;
  table[Checker::kScope][2] = kString;
  table[Checker::kScope][3] = kOf(Checker::kKeyValue);
  table[Checker::kSpan][1] = kTraceId;
  table[Checker::kSpan][3] = kString;
  table[Checker::kSpan][5] = kString;
  table[Checker::kSpan][9] = kOf(Checker::kKeyValue);
  table[Checker::kSpan][11] = kOf(Checker::kEvent);
  table[Checker::kSpan][13] = kOf(Checker::kLink);
  table[Checker::kSpan][15] = kOf(Checker::kStatus);
  table[Checker::kEvent][2] = kString;
  table[Checker::kEvent][3] = kOf(Checker::kKeyValue);
  table[Checker::kLink][3] = kString;
  table[Checker::kLink][4] = kOf(Checker::kKeyValue);
  table[Checker::kStatus][2] = kString;
  table[Checker::kKeyValue][1] = kString;
  table[Checker::kKeyValue][2] = kOf(Checker::kAnyValue);
  table[Checker::kAnyValue][1] = kString;
  table[Checker::kAnyValue][5] = kOf(Checker::kArrayValue);
  table[Checker::kAnyValue][6] = kOf(Checker::kKeyValueList);
  table[Checker::kArrayValue][1] = kOf(Checker::kAnyValue);
  table[Checker::kKeyValueList][1] = kOf(Checker::kKeyValue);
  for (std::size_t field = 1; field <= 4; ++field) table[Checker::kEntityRef][field] = kString;
  return table;
}
constexpr ContentTable kContents = MakeContentTable();

// The usual attribute, recognised without the general walk: a key below 128 bytes, then one scalar
// value below 126 bytes. False says nothing about validity.
bool IsPlainAttribute(const std::uint8_t* p, const std::uint8_t* end, bool check_utf8) {
  if (end - p < 6 || p[0] != 0x0A || p[1] >= 0x80) return false;
  const std::uint8_t* const key = p + 2;
  const std::uint32_t key_bytes = p[1];
  if (end - key < static_cast<std::ptrdiff_t>(key_bytes) + 4) return false;
  const std::uint8_t* const value = key + key_bytes + 2;
  if (value[-2] != 0x12 || value[-1] != end - value) return false;
  if (check_utf8 && !IsValidUtf8(key, key_bytes)) return false;
  const std::ptrdiff_t rest = end - value - 2;  // after the value's tag and one byte
  switch (value[0]) {
    case 0x0A:
      return value[1] == rest && (!check_utf8 || IsValidUtf8(value + 2, value[1]));
    case 0x10:
    case 0x18:
      return (rest == 0 && value[1] < 0x80) || (rest == 1 && value[1] >= 0x80 && value[2] < 0x80);
    case 0x21:
      return rest == 7;
    default:
      return false;
  }
}

}  // namespace

bool MessageChecker::CheckMessage(Type type, const std::uint8_t* p, const std::uint8_t* end,
                                  int depth_left) {
  trace_id_ = {};
  return Walk({end, 0, type}, p, depth_left) != nullptr;
}

const std::uint8_t* MessageChecker::SkipGroup(std::uint32_t start_tag, const std::uint8_t* p,
                                              const std::uint8_t* end, int depth_left) {
  if (depth_left < 1) return wire::Fail(WireError::kTooDeep, error_);
  return Walk({end, start_tag + 1, kUnknown}, p, depth_left - 1);
}

const std::uint8_t* MessageChecker::Walk(Frame frame, const std::uint8_t* p, int depth_left) {
  assert(depth_left <= kDepthMax);
  Frame outer[kDepthMax];
  int depth = 0;
  for (;;) {
    if (p == frame.end) {
      if (frame.end_tag != 0) return wire::Fail(WireError::kUnmatchedGroup, error_);
      if (depth == 0) return p;
      frame = outer[--depth];
      continue;
    }
    std::uint32_t tag = 0;
    p = wire::ReadTag(p, frame.end, tag, error_);
    if (p == nullptr) return nullptr;
    switch (tag & 7) {
      case wire::kLengthDelimited: {
        std::uint32_t length = 0;
        p = wire::ReadLength(p, frame.end, length, error_);
        if (p == nullptr) return nullptr;
        const std::uint8_t* const content_end = p + length;
        const std::uint32_t field = tag >> 3;
        std::uint8_t content = kOpaque;
        if (field <= kFieldMax) content = kContents[frame.type][field];
        if (content >= kMessage) {
          const Type type = static_cast<Type>(content - kMessage);
          if (depth == depth_left) return wire::Fail(WireError::kTooDeep, error_);
          if (type == kKeyValue && depth_left - depth >= 2 &&
              IsPlainAttribute(p, content_end, check_utf8_)) {
            p = content_end;
            break;
          }
          outer[depth++] = frame;
          frame = {content_end, 0, type};
          break;
        }
        if (content == kString) {
          if (check_utf8_ && !IsValidUtf8(p, length)) {
            return wire::Fail(WireError::kInvalidUtf8, error_);
          }
        } else if (content == kTraceId) {
          trace_id_ = {p, length};
        }
        p = content_end;
        break;
      }
      case wire::kVarint:
        p = wire::SkipVarint(p, frame.end, error_);
        break;
      case wire::kFixed64:
        p = wire::SkipFixed(p, frame.end, 8, error_);
        break;
      case wire::kFixed32:
        p = wire::SkipFixed(p, frame.end, 4, error_);
        break;
      case wire::kStartGroup:
        if (depth == depth_left) return wire::Fail(WireError::kTooDeep, error_);
        outer[depth++] = frame;
        frame = {frame.end, tag + 1, kUnknown};
        break;
      case wire::kEndGroup:
        if (tag != frame.end_tag) return wire::Fail(WireError::kUnmatchedGroup, error_);
        if (depth == 0) return p;
        frame = outer[--depth];
        break;
      default:
        return wire::Fail(WireError::kBadWireType, error_);
    }
    if (p == nullptr) return nullptr;
  }
}

}  // namespace router
