#include "router/otlp/span_index.h"

#include <cassert>

#include "router/otlp/utf8.h"
#include "router/otlp/wire_reader.h"

namespace router {
namespace {

constexpr std::uint32_t LengthDelimitedTag(std::uint32_t field) {
  return (field << 3) | wire::kLengthDelimited;
}
constexpr std::uint32_t kResourceSpansTag = LengthDelimitedTag(1);
constexpr std::uint32_t kResourceTag = LengthDelimitedTag(1);
constexpr std::uint32_t kScopeSpansTag = LengthDelimitedTag(2);
constexpr std::uint32_t kOldScopeSpansTag = LengthDelimitedTag(1000);
constexpr std::uint32_t kScopeTag = LengthDelimitedTag(1);
constexpr std::uint32_t kSpanTag = LengthDelimitedTag(2);
constexpr std::uint32_t kSchemaUrlTag = LengthDelimitedTag(3);

// Levels of nesting above the content of each message; the request itself is at 0.
constexpr int kResourceSpansDepth = 1;
constexpr int kScopeSpansDepth = 2;
constexpr int kSpanDepth = 3;

template <typename T>
std::size_t HeldBytes(const std::vector<T>& vector) {
  return vector.capacity() * sizeof(T);
}

template <typename T>
void ClearAndFree(std::vector<T>& vector) {
  std::vector<T>().swap(vector);
}

}  // namespace

std::optional<WireError> SpanIndex::Parse(std::span<const std::uint8_t> body,
                                          const IndexLimits& limits) {
  assert(limits.depth_max <= MessageChecker::kDepthMax);
  Clear();
  if (body.size() > wire::kLengthMax) return WireError::kRequestTooLarge;
  body_ = body;
  limits_ = limits;
  checker_ = MessageChecker(limits.check_utf8);
  if (ParseRequest(body.data(), body.data() + body.size())) return std::nullopt;
  Clear();
  return error_;
}

void SpanIndex::Clear() {
  body_ = {};
  spans_.clear();
  scopes_.clear();
  resources_.clear();
  scope_parts_.clear();
  resource_parts_.clear();
  request_parts_.clear();
  if (scratch_bytes() > kScratchKeptBytes) {
    ClearAndFree(spans_);
    ClearAndFree(scopes_);
    ClearAndFree(resources_);
    ClearAndFree(scope_parts_);
    ClearAndFree(resource_parts_);
    ClearAndFree(request_parts_);
  }
}

std::size_t SpanIndex::scratch_bytes() const {
  return HeldBytes(spans_) + HeldBytes(scopes_) + HeldBytes(resources_) + HeldBytes(scope_parts_) +
         HeldBytes(resource_parts_) + HeldBytes(request_parts_);
}

bool SpanIndex::Fail(WireError error) {
  error_ = error;
  return false;
}

bool SpanIndex::ParseRequest(Bytes p, Bytes end) {
  while (p != end) {
    const Bytes field = p;
    std::uint32_t tag = 0;
    p = wire::ReadTag(p, end, tag, error_);
    if (p == nullptr) return false;
    if (tag == kResourceSpansTag) {
      std::uint32_t length = 0;
      p = wire::ReadLength(p, end, length, error_);
      if (p == nullptr) return false;
      if (limits_.depth_max < kResourceSpansDepth) return Fail(WireError::kTooDeep);
      if (!ParseResourceSpans(p, p + length)) return false;
      p += length;
      continue;
    }
    p = SkipValue(tag, false, p, end, limits_.depth_max);
    if (p == nullptr || !AddPart(request_parts_, 0, field, p)) return false;
  }
  return true;
}

bool SpanIndex::ParseResourceSpans(Bytes p, Bytes end) {
  const int depth_left = limits_.depth_max - kResourceSpansDepth;
  const std::size_t first_scope = scopes_.size();
  const std::size_t first_part = resource_parts_.size();
  while (p != end) {
    const Bytes field = p;
    std::uint32_t tag = 0;
    p = wire::ReadTag(p, end, tag, error_);
    if (p == nullptr) return false;
    const bool is_scope_spans = tag == kScopeSpansTag || tag == kOldScopeSpansTag;
    if (is_scope_spans || tag == kResourceTag) {
      std::uint32_t length = 0;
      p = wire::ReadLength(p, end, length, error_);
      if (p == nullptr) return false;
      if (depth_left < 1) return Fail(WireError::kTooDeep);
      if (is_scope_spans) {
        if (!ParseScopeSpans(tag, p, p + length)) return false;
        p += length;
        continue;
      }
      if (!checker_.CheckMessage(MessageChecker::kResource, p, p + length, depth_left - 1)) {
        return Fail(checker_.error());
      }
      p += length;
    } else {
      p = SkipValue(tag, tag == kSchemaUrlTag, p, end, depth_left);
    }
    if (p == nullptr || !AddPart(resource_parts_, first_part, field, p)) return false;
  }
  if (scopes_.size() == first_scope) {
    resource_parts_.resize(first_part);
    return true;
  }
  std::uint32_t part_bytes = 0;
  for (std::size_t i = first_part; i < resource_parts_.size(); ++i) {
    part_bytes += resource_parts_[i].size();
  }
  resources_.push_back(
      {static_cast<std::uint32_t>(first_scope), static_cast<std::uint32_t>(scopes_.size()),
       static_cast<std::uint32_t>(first_part), static_cast<std::uint32_t>(resource_parts_.size()),
       part_bytes, kResourceSpansTag});
  return true;
}

inline bool SpanIndex::AddSpan(Bytes field, Bytes p, Bytes end) {
  if (spans_.size() >= limits_.spans_max) return Fail(WireError::kTooManySpans);
  if (!checker_.CheckSpan(p, end, limits_.depth_max - kSpanDepth)) {
    return Fail(checker_.error());
  }
  const auto trace_id = checker_.trace_id();
  spans_.push_back({{Offset(field), Offset(end)},
                    trace_id.empty() ? 0 : Offset(trace_id.data()),
                    static_cast<std::uint32_t>(trace_id.size())});
  return true;
}

bool SpanIndex::ParseScopeSpans(std::uint32_t group_tag, Bytes p, Bytes end) {
  const int depth_left = limits_.depth_max - kScopeSpansDepth;
  const std::size_t first_span = spans_.size();
  const std::size_t first_part = scope_parts_.size();
  while (p != end) {
    const Bytes field = p;
    std::uint32_t tag = 0;
    p = wire::ReadTag(p, end, tag, error_);
    if (p == nullptr) return false;
    if (tag == kSpanTag || tag == kScopeTag) {
      std::uint32_t length = 0;
      p = wire::ReadLength(p, end, length, error_);
      if (p == nullptr) return false;
      if (depth_left < 1) return Fail(WireError::kTooDeep);
      if (tag == kSpanTag) {
        if (!AddSpan(field, p, p + length)) return false;
        p += length;
        continue;
      }
      if (!checker_.CheckMessage(MessageChecker::kScope, p, p + length, depth_left - 1)) {
        return Fail(checker_.error());
      }
      p += length;
    } else {
      p = SkipValue(tag, tag == kSchemaUrlTag, p, end, depth_left);
    }
    if (p == nullptr || !AddPart(scope_parts_, first_part, field, p)) return false;
  }
  if (spans_.size() == first_span) {
    scope_parts_.resize(first_part);
    return true;
  }
  std::uint32_t part_bytes = 0;
  for (std::size_t i = first_part; i < scope_parts_.size(); ++i) {
    part_bytes += scope_parts_[i].size();
  }
  scopes_.push_back({static_cast<std::uint32_t>(first_span),
                     static_cast<std::uint32_t>(spans_.size()),
                     static_cast<std::uint32_t>(first_part),
                     static_cast<std::uint32_t>(scope_parts_.size()), part_bytes, group_tag});
  return true;
}

// A part that follows another one directly extends it, so the splitter copies both at once.
bool SpanIndex::AddPart(std::vector<Range>& parts, std::size_t group_begin, Bytes begin,
                        Bytes end) {
  if (parts.size() > group_begin && parts.back().end == Offset(begin)) {
    parts.back().end = Offset(end);
    return true;
  }
  if (scope_parts_.size() + resource_parts_.size() + request_parts_.size() >= limits_.parts_max) {
    return Fail(WireError::kTooManyParts);
  }
  parts.push_back({Offset(begin), Offset(end)});
  return true;
}

SpanIndex::Bytes SpanIndex::SkipValue(std::uint32_t tag, bool is_string, Bytes p, Bytes end,
                                      int depth_left) {
  switch (tag & 7) {
    case wire::kVarint:
      return wire::SkipVarint(p, end, error_);
    case wire::kFixed64:
      return wire::SkipFixed(p, end, 8, error_);
    case wire::kFixed32:
      return wire::SkipFixed(p, end, 4, error_);
    case wire::kLengthDelimited: {
      std::uint32_t length = 0;
      p = wire::ReadLength(p, end, length, error_);
      if (p == nullptr) return nullptr;
      if (is_string && limits_.check_utf8 && !IsValidUtf8(p, length)) {
        return wire::Fail(WireError::kInvalidUtf8, error_);
      }
      return p + length;
    }
    case wire::kStartGroup:
      p = checker_.SkipGroup(tag, p, end, depth_left);
      if (p == nullptr) error_ = checker_.error();
      return p;
    case wire::kEndGroup:
      return wire::Fail(WireError::kUnmatchedGroup, error_);
    default:
      return wire::Fail(WireError::kBadWireType, error_);
  }
}

}  // namespace router
