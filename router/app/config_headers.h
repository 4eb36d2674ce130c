// Headers for backends from the configuration: what may be sent as gRPC metadata.
// Thread safety: pure. Values are secrets: no message repeats them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

// A lower-case name that gRPC and HTTP can carry.
bool IsHeaderName(std::string_view name);

// The headers of the map `node`, names in lower case. Refuses names that are no HTTP/2 names, that
// belong to gRPC or to the connection, or that occur twice, and values that no header can carry.
std::vector<std::pair<std::string, std::string>> ReadHeaders(const YamlNode& node,
                                                             std::string_view shown, FaultLog& log);

}  // namespace router
