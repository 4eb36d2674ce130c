// DescribeConfig: a configuration as spanring understood it, as YAML for people.
//
// Every key that is honoured, with its value or its default (then marked `# default`), environment
// variables expanded; what is done otherwise or has no effect as a comment. The values of secrets
// and of headers are replaced. Apart from those, reading the text again gives the same Config.
// Thread safety: pure.
#pragma once

#include <string>
#include <string_view>

#include "router/app/yaml_node.h"

namespace router {

inline constexpr std::string_view kRedacted = "<redacted>";

// `root` is the tree of a file without faults.
std::string DescribeConfig(const YamlNode& root);

}  // namespace router
