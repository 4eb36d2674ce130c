// Texts of configuration files for the tests of the reader.
// Thread safety: none needed; one test at a time.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "router/app/config_reader.h"
#include "router/app/config_report.h"

namespace router {

// The smallest file that works, word for word as in the documentation.
inline constexpr std::string_view kMinimal = R"(exporters:
  loadbalancing:
    protocol:
      otlp:
        tls:
          insecure: true
    resolver:
      dns:
        hostname: otelcol-backend
        port: "4317"
)";

inline ConfigReport ReadText(std::string_view text,
                             const std::map<std::string, std::string>& variables = {}) {
  return ReadConfigText(text, "f.yaml", [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

// One fault a line.
inline std::string Texts(const std::vector<Fault>& faults) {
  std::string text;
  for (const Fault& fault : faults) {
    text += ToText(fault) + "\n";
  }
  return text;
}

// kMinimal with `path: value` added; the path is one of the key table.
inline std::string WithKey(std::string_view path, std::string_view value) {
  struct Root {
    std::string_view path;
    std::string_view before;  // the line of kMinimal to put it in front of; empty: at the end
  };
  constexpr Root kRoots[] = {{"exporters.loadbalancing.protocol.otlp.tls.", "          insecure"},
                             {"exporters.loadbalancing.protocol.otlp.", "        tls:"},
                             {"exporters.loadbalancing.resolver.dns.", "        hostname:"},
                             {"exporters.loadbalancing.resolver.", "      dns:"},
                             {"exporters.loadbalancing.", "    protocol:"},
                             {"exporters.", "  loadbalancing:"},
                             {"", ""}};
  for (const Root& root : kRoots) {
    if (!path.starts_with(root.path)) {
      continue;
    }
    const std::size_t at = root.before.empty() ? kMinimal.size() : kMinimal.find(root.before);
    const std::size_t indent = std::min(root.before.find_first_not_of(' '), root.before.size());
    std::string line(indent, ' ');
    std::string closing;
    std::string_view rest = path.substr(root.path.size());
    for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos;) {
      const std::string_view name = rest.substr(0, dot);
      const bool is_list = name.ends_with("[]");
      line.append(name.substr(0, name.size() - (is_list ? 2 : 0))).append(is_list ? ": [{" : ": {");
      closing.insert(0, is_list ? "}]" : "}");
      rest.remove_prefix(dot + 1);
    }
    line.append(rest).append(": ").append(value).append(closing).append("\n");
    return std::string(kMinimal).insert(at, line);
  }
  return {};
}

inline std::string WithoutLine(std::string_view text, std::string_view part) {
  std::string out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.find(part) == std::string::npos) {
      out += line + "\n";
    }
  }
  return out;
}

// A path of the source tree.
inline std::string SourcePath(std::string_view path) {
  return std::string(SPANRING_SOURCE_DIR).append("/").append(path);
}

inline std::string FileText(std::string_view path) {
  std::ifstream file(SourcePath(path), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// SPANRING_UPDATE_DOCS=1 in the environment: write `text` to the source tree.
inline void RewriteIfAsked(std::string_view path, std::string_view text) {
  if (std::getenv("SPANRING_UPDATE_DOCS") != nullptr) {
    std::ofstream(SourcePath(path), std::ios::binary) << text;
  }
}

}  // namespace router
