#include "router/app/yaml_source.h"

#include <algorithm>
#include <optional>

#include "router/app/yaml_builder.h"
#include "router/app/yaml_events.h"

namespace router {
namespace {

// YAML allows none of them, and yaml-cpp takes one for the end of the text.
bool IsForbidden(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

}  // namespace

YamlNodePtr ReadYaml(std::string_view text, const EnvironmentLookup& environment, FaultLog& log) {
  if (text.size() > kYamlBytesMax) {
    log.Refuse(0, "", "the file is larger than 1 MiB");
    return nullptr;
  }
  if (const auto* at = std::find_if(text.begin(), text.end(), IsForbidden); at != text.end()) {
    const auto line = 1 + std::count(text.begin(), at, '\n');
    log.Refuse(static_cast<int>(line), "", "a control character; the file must be UTF-8 text");
    return nullptr;
  }
  YamlBuilder builder(environment, log);
  const std::optional<YamlSyntaxError> error = ParseYaml(text, builder);
  if (!builder.is_good()) {
    return nullptr;
  }
  if (error) {
    log.RefuseSyntax(error->line, error->column, "not valid YAML: " + error->message);
    return nullptr;
  }
  return builder.TakeRoot();
}

}  // namespace router
