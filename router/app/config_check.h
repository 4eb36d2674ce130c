// CheckConfigKeys: one walk over the tree against the key table.
//
// Reports unknown keys (with what was probably meant), wrong types, values out of bounds, keys of
// later steps, and keys that another mechanism replaces. What depends on several keys at once is
// the reader's.
// Thread safety: pure.
#pragma once

#include <string>
#include <string_view>

#include "router/app/config_keys.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"
#include "router/base/result.h"

namespace router {

// What is done otherwise with a `protocol.otlp.timeout` above 40 % of
// `spanring.request.timeout_max`.
inline constexpr std::string_view kAttemptTimeRemark =
    "an attempt gets 40 % of the time its request has left, and that is at most "
    "spanring.request.timeout_max, 10s by default; for more raise that key and "
    "spanring.request.default_timeout";

void CheckConfigKeys(const YamlNode& root, FaultLog& log);

// A component id `type` or `type/name`. `type` is the one the key table uses (`load_balancing` →
// `loadbalancing`); empty when the id is malformed.
struct ComponentId {
  std::string type;
  std::string name;
};
ComponentId ParseComponentId(std::string_view id);

// Whether `node` holds a value that `key` accepts; otherwise what is wrong, without the value.
Result<void> CheckValue(const ConfigKey& key, const YamlNode& node);

// The value for use in a message: what the file says, so never what the environment says.
std::string ShownValue(const YamlNode& node);

}  // namespace router
