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
constexpr std::uint8_t kAttribute =
    static_cast<std::uint8_t>(std::uint8_t{kMessage} + std::uint8_t{MessageChecker::kKeyValue});

// The usual attribute, recognised without the general walk: an ASCII key, then one scalar value,
// both short. False says nothing about validity.
bool IsPlainAttribute(const std::uint8_t* p, const std::uint8_t* end, bool check_utf8) {
  if (end - p < 6 || p[0] != 0x0A || p[1] >= 0x80) return false;
  const std::uint8_t* const key_end = p + 2 + p[1];
  if (end - key_end < 4 || key_end[0] != 0x12) return false;
  const std::uint8_t* const value = key_end + 2;
  const std::ptrdiff_t value_bytes = end - value;
  if (key_end[1] != value_bytes) return false;
  if (value[0] == 0x0A) {
    // Tags and lengths of this shape are ASCII too: one look at the whole attribute does for both
    // strings.
    return value[1] == value_bytes - 2 &&
           (!check_utf8 || IsAscii(p, static_cast<std::size_t>(end - p)));
  }
  if (check_utf8 && !IsAscii(p, static_cast<std::size_t>(key_end - p))) return false;
  if (value[0] == 0x10 || value[0] == 0x18) {
    for (std::ptrdiff_t i = 1; i < value_bytes - 1; ++i) {
      if (value[i] < 0x80) return false;
    }
    return value_bytes <= 1 + wire::kVarintBytesMax && end[-1] < 0x80;
  }
  return value[0] == 0x21 && value_bytes == 9;
}

// Skips the plain attributes that begin at `p`, each a field with the one-byte tag `tag`.
[[gnu::noinline]] const std::uint8_t* SkipPlainAttributes(const std::uint8_t* p,
                                                          const std::uint8_t* end,
                                                          std::uint32_t tag, bool check_utf8) {
  while (end - p >= 2 && p[0] == tag && p[1] < 0x80) {
    const std::uint8_t* const content = p + 2;
    const std::uint8_t length = p[1];
    if (end - content < length || !IsPlainAttribute(content, content + length, check_utf8)) break;
    p = content + length;
  }
  return p;
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
    const std::uint8_t* const field_begin = p;
    std::uint32_t tag = 0;
    p = wire::ReadTag(p, frame.end, tag, error_);
    if (p == nullptr) return nullptr;
    // Comparisons, most frequent first, and no switch: an indirect jump per field costs more than
    // the field.
    const std::uint32_t wire_type = tag & 7;
    if (wire_type == wire::kLengthDelimited) [[likely]] {
      const std::uint32_t field = tag >> 3;
      std::uint8_t content = kOpaque;
      if (field <= kFieldMax) content = kContents[frame.type][field];
      if (content == kAttribute && depth_left - depth >= 2) {
        const std::uint8_t* const behind =
            SkipPlainAttributes(field_begin, frame.end, tag, check_utf8_);
        if (behind != field_begin) {
          p = behind;
          continue;
        }
      }
      std::uint32_t length = 0;
      p = wire::ReadLength(p, frame.end, length, error_);
      if (p == nullptr) return nullptr;
      if (content >= kMessage) {
        if (depth == depth_left) return wire::Fail(WireError::kTooDeep, error_);
        outer[depth++] = frame;
        frame = {p + length, 0, static_cast<Type>(content - kMessage)};
        continue;
      }
      if (content == kString && check_utf8_ && !IsValidUtf8(p, length)) {
        return wire::Fail(WireError::kInvalidUtf8, error_);
      }
      if (content == kTraceId) trace_id_ = {p, length};
      p += length;
      continue;
    }
    if (wire_type == wire::kVarint) {
      p = wire::SkipVarint(p, frame.end, error_);
    } else if (wire_type == wire::kFixed64) {
      p = wire::SkipFixed(p, frame.end, 8, error_);
    } else if (wire_type == wire::kFixed32) {
      p = wire::SkipFixed(p, frame.end, 4, error_);
    } else if (wire_type == wire::kStartGroup) {
      if (depth == depth_left) return wire::Fail(WireError::kTooDeep, error_);
      outer[depth++] = frame;
      frame = {frame.end, tag + 1, kUnknown};
    } else if (wire_type == wire::kEndGroup) {
      if (tag != frame.end_tag) return wire::Fail(WireError::kUnmatchedGroup, error_);
      if (depth == 0) return p;
      frame = outer[--depth];
    } else {
      return wire::Fail(WireError::kBadWireType, error_);
    }
    if (p == nullptr) return nullptr;
  }
}

}  // namespace router
