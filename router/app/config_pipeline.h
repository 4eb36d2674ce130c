// The traces pipeline of a configuration: which receiver and exporter of the file are the ones in
// use.
// Thread safety: pure.
#pragma once

#include "router/app/config_report.h"
#include "router/app/yaml_node.h"

namespace router {

// Entries of `receivers` and `exporters`; both live as long as the tree.
struct Pipeline {
  const YamlEntry* receiver = nullptr;  // nullptr: the default one
  const YamlEntry* exporter = nullptr;  // nullptr: a fault says why
};

// What `service.pipelines` names, or without it the only `otlp` receiver and the only
// `loadbalancing` exporter. Refuses names that are not defined, types spanring does not have, and
// more than one of a kind.
Pipeline ChoosePipeline(const YamlNode& root, FaultLog& log);

}  // namespace router
