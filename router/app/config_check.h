// CheckConfigKeys: one walk over the tree against the key table.
//
// Reports unknown keys (with what was probably meant), what config_value_check.h refuses, keys of
// later steps, and keys that another mechanism replaces. What depends on several keys at once is
// the reader's and config_consistency.h's. No message holds a secret, nor what may be one.
// Thread safety: pure.
#pragma once

#include <string>
#include <string_view>

#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

// What is done otherwise with a `protocol.otlp.timeout` above 40 % of
// `spanring.request.timeout_max`.
inline constexpr std::string_view kAttemptTimeRemark =
    "an attempt gets 40 % of the time its request has left, and that is at most "
    "spanring.request.timeout_max, 10s by default; for more raise that key and "
    "spanring.request.default_timeout";

void CheckConfigKeys(const YamlNode& root, FaultLog& log);

// A component id `type` or `type/name`, in the characters that the Collector allows: a name has no
// spaces, control characters and ASCII symbols. `type` is the one the key table uses
// (`load_balancing` → `loadbalancing`); empty when the id is malformed.
struct ComponentId {
  std::string type;
  std::string name;
};
ComponentId ParseComponentId(std::string_view id);

}  // namespace router
