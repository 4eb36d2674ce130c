// The `http` block of the OTLP receiver.
// Thread safety: pure.
#pragma once

#include <string>

#include "router/app/config.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

// Reads what stands in `section` (nullptr: nothing) into `http`. `shown` is its path for people.
void ReadHttpReceiver(const YamlNode* section, const std::string& shown, Config::Http& http,
                      FaultLog& log);

}  // namespace router
