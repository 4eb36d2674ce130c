// CheckConsistency: what is wrong with keys only beside one another: bounds in the wrong order, two
// listeners with one address.
// Thread safety: pure. Messages hold defaults, never values of the file.
#pragma once

#include <string>

#include "router/app/config.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

// `config` is what was read from `root`; `health_id` the extension in use. What another check has
// refused is left out.
void CheckConsistency(const YamlNode& root, const Config& config, const std::string& health_id,
                      FaultLog& log);

}  // namespace router
