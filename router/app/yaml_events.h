// ParseYaml: the events of a YAML text; the only place that knows yaml-cpp.
// Thread safety: pure. No exception leaves it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace router {

// What the parser calls. Lines count from 1.
class YamlEvents {
 public:
  using AnchorId = std::size_t;  // 0: none
  enum class Collection { kSequence, kMapping };

  virtual ~YamlEvents() = default;
  virtual void OnNull(int line, AnchorId anchor) = 0;
  // `is_string`: quoted, a block scalar or tagged !!str, so never a number or a boolean.
  virtual void OnScalar(int line, std::string text, bool is_string, AnchorId anchor) = 0;
  virtual void OnAlias(int line, AnchorId anchor) = 0;
  virtual void OnStart(int line, Collection kind, AnchorId anchor) = 0;
  virtual void OnEnd() = 0;
  virtual void OnUnknownTag(int line) = 0;
};

struct YamlSyntaxError {
  int line = 0;
  int column = 0;       // from 1
  std::string message;  // nothing of the text, which may be a secret
};

// Runs over the one document of `text`; events may have come before an error is found. A second
// document is an error. Work is bounded by the size of the text; the parser itself refuses nesting
// beyond 500.
std::optional<YamlSyntaxError> ParseYaml(std::string_view text, YamlEvents& events);

}  // namespace router
