// MessageChecker: does Protobuf accept these bytes as a message of this type?
//
// Walks every level, attributes and unknown groups included, with a stack of fixed size: no
// recursion, no allocation, time linear in the bytes. The verdict is that of Protobuf C++ 3.21
// (CP-4); with check_utf8 off, strings may hold anything.
// Thread safety: one worker only.
#pragma once

#include <cstdint>
#include <span>

#include "router/otlp/wire_error.h"

namespace router {

class MessageChecker {
 public:
  // Protobuf's own bound on nested messages and groups; also the size of the stack.
  static constexpr int kDepthMax = 100;

  // The messages of OTLP traces below ScopeSpans. kUnknown: fields of no known type, as inside a
  // group.
  enum Type : std::uint8_t {
    kUnknown,
    kResource,
    kScope,
    kSpan,
    kEvent,
    kLink,
    kStatus,
    kKeyValue,
    kAnyValue,
    kArrayValue,
    kKeyValueList,
    kEntityRef,
    kTypeCount,
  };

  explicit MessageChecker(bool check_utf8) : check_utf8_(check_utf8) {}

  // True: [p, end) is a message of `type`. `depth_left`: how many levels may nest inside it.
  // REQUIRES: depth_left <= kDepthMax.
  bool CheckMessage(Type type, const std::uint8_t* p, const std::uint8_t* end, int depth_left);
  // The same of a kSpan, faster.
  bool CheckSpan(const std::uint8_t* p, const std::uint8_t* end, int depth_left);

  // Skips an unknown group whose start tag was read just before `p`. Returns the byte after its end
  // tag; null on an error. `depth_left`: levels that may begin here, the group itself included.
  const std::uint8_t* SkipGroup(std::uint32_t start_tag, const std::uint8_t* p,
                                const std::uint8_t* end, int depth_left);

  // After a failed check.
  WireError error() const { return error_; }
  // After CheckSpan(): the value of its last trace_id field, empty when it has none.
  std::span<const std::uint8_t> trace_id() const { return trace_id_; }

 private:
  struct Frame {
    const std::uint8_t* end;
    std::uint32_t end_tag;  // of a group; 0 for a message
    Type type;
  };

  // Skips what can be told at a glance of the fields a span begins with, in the order in which
  // serializers write them. Where it stops, the general walk goes on; it refuses nothing.
  const std::uint8_t* SkipUsualSpanFields(const std::uint8_t* p, const std::uint8_t* end);
  const std::uint8_t* Walk(Frame frame, const std::uint8_t* p, int depth_left);

  bool check_utf8_;
  WireError error_ = WireError::kTruncated;
  std::span<const std::uint8_t> trace_id_;
};

}  // namespace router
