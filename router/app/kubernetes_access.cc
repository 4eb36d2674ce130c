#include "router/app/kubernetes_access.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <variant>

#include "resolver/api_credentials.h"
#include "resolver/endpoint_slice.h"
#include "router/app/config_values.h"
#include "router/base/log.h"

namespace router {
namespace {

constexpr char kNamespaceFile[] = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
constexpr char kDefaultNamespace[] = "default";

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string NamespaceOfPod() {
  std::string name = resolver::ReadFirstWord(kNamespaceFile);
  if (resolver::IsDnsLabel(name)) return name;
  spdlog::warn("resolver: {} has no namespace; \"{}\" is used (write service: name.namespace)",
               kNamespaceFile, kDefaultNamespace);
  return kDefaultNamespace;
}

}  // namespace

resolver::KubernetesOptions ToKubernetesOptions(const Config& config) {
  const auto& from = std::get<Config::KubernetesResolver>(config.resolver);
  resolver::KubernetesOptions options;
  options.service = from.service;
  options.service_namespace =
      from.service_namespace.empty() ? NamespaceOfPod() : from.service_namespace;
  options.ports = from.ports;
  options.return_hostnames = from.return_hostnames;
  options.timeout = from.timeout;
  options.watch_max = std::min(options.watch_max, from.timeout);
  options.server.token_file = config.kubernetes.token_file;
  options.server.ca_file = config.kubernetes.ca_file;
  options.server.host = config.kubernetes.api_server.host;
  options.server.port = config.kubernetes.api_server.port;
  if (options.server.host.empty()) {
    constexpr std::uint16_t kHttpsPort = 443;
    options.server.host = Variable("KUBERNETES_SERVICE_HOST");
    const Result<std::int64_t> port = ParseInteger(Variable("KUBERNETES_SERVICE_PORT"));
    const bool is_port = port && *port >= 1 && *port <= 65535;
    options.server.port = is_port ? static_cast<std::uint16_t>(*port) : kHttpsPort;
  }
  return options;
}

}  // namespace router
