// ReadYaml: the text of a file to the tree of yaml_node.h.
//
// Bounds, each with a fault of its own: 1 MiB of text here, nesting and nodes in yaml_builder.h.
// Thread safety: pure but for the lookup. No exception leaves it.
#pragma once

#include <cstddef>
#include <string_view>

#include "router/app/config_reader.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

inline constexpr std::size_t kYamlBytesMax = std::size_t{1} << 20;

// Returns the root, or nullptr with a fault in `log` when the text is not one well-formed YAML
// document within the bounds. An empty document is a null node. Unset variables are warnings,
// duplicate keys faults that do not spoil the tree.
YamlNodePtr ReadYaml(std::string_view text, const EnvironmentLookup& environment, FaultLog& log);

}  // namespace router
