// ToKubernetesOptions: the configuration of `resolver.k8s`, with what Kubernetes tells every pod.
// Thread safety: control thread only; reads the environment and the file with the pod's namespace.
#pragma once

#include "resolver/kubernetes_options.h"
#include "router/app/config.h"

namespace router {

// REQUIRES: config.resolver is a KubernetesResolver. Outside of a pod the host of the API server
// stays empty, and the namespace becomes `default`, as in the Collector.
resolver::KubernetesOptions ToKubernetesOptions(const Config& config);

}  // namespace router
