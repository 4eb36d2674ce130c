// The configuration reader: a Collector's YAML file to a Config.
//
// Every fault of the file is listed at once; nothing of yaml-cpp, and no exception, leaves it. Keys
// that belong to later steps are refused as "not supported yet"; keys with another mechanism in
// spanring are accepted with a warning that names it. docs/configuration.md lists them all.
// Cost and bounds: files up to 1 MiB, nesting up to 64, 100,000 nodes after aliases are followed; a
// hostile file costs a second at most, not memory.
// Thread safety: any thread; ReadConfigFile reads the process environment.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "router/app/config_report.h"

namespace router {

// The value of an environment variable, or nothing when it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// `file_name` is only for messages.
ConfigReport ReadConfigText(std::string_view text, const std::string& file_name,
                            const EnvironmentLookup& environment);

// A file that cannot be read is a fault like any other.
ConfigReport ReadConfigFile(const std::string& path);

}  // namespace router
