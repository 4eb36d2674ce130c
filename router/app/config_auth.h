// The `auth` of a receiver or exporter, and the extension it names.
// Thread safety: pure.
#pragma once

#include <optional>
#include <string>

#include "router/app/config.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

enum class AuthSide {
  kReceiver,  // checks what clients say
  kExporter,  // says who we are
};

// What `auth.authenticator` refers to; nothing when `auth` is nullptr or at fault, which is
// reported. `shown` is the path of `auth` for people.
std::optional<Config::Auth> ReadAuth(const YamlNode& root, const YamlEntry* auth, AuthSide side,
                                     const std::string& shown, FaultLog& log);

}  // namespace router
