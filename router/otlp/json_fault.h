// JsonFault: why an OTLP/JSON request is refused. JsonPath: where in it.
//
// Thread safety: values. Texts hold names of the schema and numbers, never what the client sent
// (GS-09).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace router {

struct JsonFault {
  std::string message;        // what is wrong, where, and what to send instead
  bool is_no_memory = false;  // nothing is wrong with the request: the memory budget is full
  bool is_too_large = false;  // more than output_bytes_max in the wire form
};

inline JsonFault NoMemoryFault() {
  return {.message = "no memory left to read the request", .is_no_memory = true};
}

class JsonPath {
 public:
  static constexpr int kMessageDepthMax = 100;  // below the request, as Protobuf counts
  static constexpr std::size_t kTextBytesMax = 240;
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  // Enters the field `name` of the message at the present depth, or an element of it.
  void Set(std::string_view name, std::size_t index = kNoIndex) {
    steps_[static_cast<std::size_t>(depth_)] = {name, index};
  }
  // The field left: what is wrong is wrong with the message.
  void Clear() { Set({}); }
  // False: nested too deeply.
  [[nodiscard]] bool Descend() {
    if (depth_ == kMessageDepthMax) return false;
    ++depth_;
    Clear();
    return true;
  }
  void Ascend() { --depth_; }
  int depth() const { return depth_; }

  // resourceSpans[0].scopeSpans[0].spans[3].traceId; a long one with "..." in its middle; "the
  // request" for none.
  std::string Text() const;

 private:
  struct Step {
    std::string_view name;
    std::size_t index = kNoIndex;
  };
  std::array<Step, kMessageDepthMax + 1> steps_;
  int depth_ = 0;
};

}  // namespace router
