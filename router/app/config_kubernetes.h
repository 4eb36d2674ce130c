// Reads `resolver.k8s` and `spanring.kubernetes`.
// Thread safety: pure functions; faults go to the log.
#pragma once

#include <string>

#include "router/app/config.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

// `shown` is the key of `entry` for people.
Config::KubernetesResolver ReadKubernetesResolver(const YamlEntry& entry, const std::string& shown,
                                                  FaultLog& log);

// A null `section` leaves the defaults.
void ReadKubernetes(const YamlNode* section, Config::Kubernetes& kubernetes, FaultLog& log);

}  // namespace router
