// Environment variables in values, by the Collector's rules: `${env:NAME}`, `${env:NAME:-default}`,
// `${NAME}`; `$$` stands for `$`; a bare `$NAME` is left alone. References nest, the innermost
// first.
// Thread safety: pure but for the lookup.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "router/app/config_reader.h"

namespace router {

struct Expansion {
  std::string text;
  bool is_whole = false;  // the text was exactly one reference: its value is read as YAML
  bool has_references = false;
  std::vector<std::string> unset;       // names without value or default; they expand to nothing
  std::vector<std::string> complaints;  // malformed references, unknown providers, bounds exceeded
};

// Bounds: 100 references and 64 KiB in one value.
Expansion ExpandEnvironment(std::string_view text, const EnvironmentLookup& environment);

}  // namespace router
