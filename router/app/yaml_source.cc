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

// The column, from 1, of the first tab in the indentation of that line; 0: there is none.
int TabIn(std::string_view text, int line) {
  for (int number = 1; number < line && !text.empty(); ++number) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  const std::size_t at = text.find_first_not_of(' ');
  const bool is_tab = at != std::string_view::npos && text[at] == '\t';
  return is_tab ? static_cast<int>(at) + 1 : 0;
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
  const int tab = error ? TabIn(text, error->line) : 0;
  if (tab > 0) {
    log.RefuseSyntax(error->line, tab,
                     "not valid YAML: a tab in the indentation; write spaces instead");
    return nullptr;
  }
  if (error) {
    log.RefuseSyntax(error->line, error->column, "not valid YAML: " + error->message);
    return nullptr;
  }
  return builder.TakeRoot();
}

}  // namespace router
