#include "router/otlp/message_checker.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>

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
constexpr int kAttributeDepth = 2;                  // KeyValue and AnyValue
constexpr std::uint32_t kSpanAttributesTag = 0x4A;  // field 9
constexpr std::uint16_t kFlagsTag = 0x0185;         // field 16, fixed32
constexpr std::uint8_t kAttribute =
    static_cast<std::uint8_t>(std::uint8_t{kMessage} + std::uint8_t{MessageChecker::kKeyValue});

// A field whose tag and length are one byte each, as the two bytes read together.
constexpr std::uint16_t ShortField(std::uint16_t field, std::uint16_t length) {
  return static_cast<std::uint16_t>(length << 8 | field << 3 | wire::kLengthDelimited);
}

template <typename Word>
Word Load(const std::uint8_t* from) {
  static_assert(std::endian::native == std::endian::little);
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// The first four bytes of field 2 of a KeyValue whose content, `bytes` long, is one string: tag and
// length of the field, tag and length of the string, which are two bytes less.
constexpr std::uint32_t StringValueHead(std::uint32_t bytes) {
  return 0x000A0012 + (bytes << 8) + ((bytes - 2) << 24);
}

// True: the `bytes` bytes before `end` are one varint. Of more than 8, as negative numbers have,
// the general walk decides. REQUIRES: bytes > 0; 8 readable bytes before `end`.
bool IsOneVarint(const std::uint8_t* end, std::uint32_t bytes) {
  if (bytes > 8) return false;
  const std::uint32_t shift = 64 - 8 * bytes;
  const std::uint64_t goes_on = Load<std::uint64_t>(end - 8) & 0x8080808080808080;
  return goes_on >> shift == std::uint64_t{0x0080808080808080} >> shift;
}

// Text that is not all ASCII, key and value of an attribute.
[[gnu::cold, gnu::noinline]] bool AreValidUtf8(const std::uint8_t* key, std::size_t key_bytes,
                                               const std::uint8_t* value, std::size_t value_bytes) {
  return IsValidUtf8(key, key_bytes) && IsValidUtf8(value, value_bytes);
}

// Skips the plain attributes that begin at `p`, each a field with the one-byte tag `tag`: a key,
// then one scalar value, both short. What it stops at may be valid all the same.
// REQUIRES: two more levels may nest here.
[[gnu::always_inline]] inline const std::uint8_t* SkipPlainAttributes(const std::uint8_t* p,
                                                                      const std::uint8_t* end,
                                                                      std::uint32_t tag,
                                                                      bool check_utf8) {
  const std::uint32_t begins_with = 0x000A0000 | tag;  // key: field 1
  // Smallest: tag and length of the attribute, its key and its value, and two bytes of a scalar.
  while (end - p >= 8) {
    const auto head = Load<std::uint32_t>(p);
    if ((head & 0x80FF80FF) != begins_with) break;
    const std::size_t bytes = 2 + (head >> 8 & 0xFF);
    const std::size_t key_bytes = head >> 24;
    if (end - p < static_cast<std::ptrdiff_t>(bytes) || bytes < key_bytes + 8) break;
    const std::uint8_t* const value = p + 4 + key_bytes;
    const std::uint8_t* const next = p + bytes;
    const auto value_bytes = static_cast<std::uint32_t>(bytes - key_bytes - 6);
    const auto value_head = Load<std::uint32_t>(value);
    if (value_head == StringValueHead(value_bytes)) {
      // A string that fills the value. Tags and lengths of this shape are ASCII too: one look at
      // the whole attribute does for both strings.
      if (check_utf8 && !IsAscii(p, bytes) &&
          !AreValidUtf8(p + 4, key_bytes, value + 4, value_bytes - 2)) {
        break;
      }
    } else {
      if ((value_head & 0xFFFF) != (0x12 | value_bytes << 8)) break;
      const std::uint32_t type = value_head >> 16 & 0xFF;
      const bool is_integer = (type & ~0x08u) == 0x10;  // or bool
      if (is_integer ? !IsOneVarint(next, value_bytes - 1) : type != 0x21 || value_bytes != 9) {
        break;
      }
      if (check_utf8 && !IsValidUtf8(p + 4, key_bytes)) break;
    }
    p = next;
  }
  return p;
}

// For the general walk.
[[gnu::noinline]] const std::uint8_t* SkipAttributes(const std::uint8_t* p, const std::uint8_t* end,
                                                     std::uint32_t tag, bool check_utf8) {
  return SkipPlainAttributes(p, end, tag, check_utf8);
}

}  // namespace

// No loop over fields and no look into a table: a chain of conditions of which each holds for
// nearly every span.
inline const std::uint8_t* MessageChecker::SkipUsualSpanFields(const std::uint8_t* p,
                                                               const std::uint8_t* end) {
  constexpr std::ptrdiff_t kIdsBytes = 18 + 10 + 10;
  if (end - p < kIdsBytes + 2 || Load<std::uint16_t>(p) != ShortField(1, 16)) return p;
  trace_id_ = {p + 2, 16};
  p += 18;
  if (Load<std::uint16_t>(p) == ShortField(2, 8)) p += 10;
  if (Load<std::uint16_t>(p) == ShortField(4, 8)) p += 10;  // parent_span_id
  if (p[0] == 0x2A) {                                       // name
    if (p[1] >= 0x80 || end - p < 2 + p[1]) return p;
    if (check_utf8_ && !IsValidUtf8(p + 2, p[1])) return p;
    p += 2 + p[1];
  }
  if (end - p < 20) return p;
  if (p[0] == 0x30 && p[1] < 0x80) p += 2;    // kind
  if (p[0] == 0x39 && p[9] == 0x41) p += 18;  // start and end
  p = SkipPlainAttributes(p, end, kSpanAttributesTag, check_utf8_);
  if (end - p >= 4 && Load<std::uint16_t>(p) == ShortField(15, 2) && p[2] == 0x18 && p[3] < 0x80) {
    p += 4;  // status: its code
  } else if (end - p >= 2 && Load<std::uint16_t>(p) == ShortField(15, 0)) {
    p += 2;
  }
  if (end - p >= 6 && Load<std::uint16_t>(p) == kFlagsTag) p += 6;
  return p;
}

bool MessageChecker::CheckMessage(Type type, const std::uint8_t* p, const std::uint8_t* end,
                                  int depth_left) {
  trace_id_ = {};
  return Walk({end, 0, type}, p, depth_left) != nullptr;
}

bool MessageChecker::CheckSpan(const std::uint8_t* p, const std::uint8_t* end, int depth_left) {
  trace_id_ = {};
  if (depth_left >= kAttributeDepth) p = SkipUsualSpanFields(p, end);
  return p == end || Walk({end, 0, kSpan}, p, depth_left) != nullptr;
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
      if (content == kAttribute && depth_left - depth >= kAttributeDepth) {
        const std::uint8_t* const behind = SkipAttributes(field_begin, frame.end, tag, check_utf8_);
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
