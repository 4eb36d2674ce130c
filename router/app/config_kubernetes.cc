#include "router/app/config_kubernetes.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include "resolver/endpoint_slice.h"
#include "router/app/config_values.h"
#include "router/app/config_view.h"

namespace router {
namespace {

constexpr std::uint16_t kHttpsPort = 443;

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find(separator, begin)) != std::string::npos; begin = end + 1) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// "name", "name.namespace" or "name.namespace.svc.cluster.domain", as the Collector takes it. An
// empty text: it is good; else what is wrong.
std::string_view TakeService(const std::string& text, Config::KubernetesResolver& resolver) {
  const std::vector<std::string> parts = Split(text, '.');
  if (parts[0].empty()) return "no service specified to resolve the backends";
  if (!resolver::IsDnsLabel(parts[0])) {
    return "expected the name of a Service: lower-case letters, digits and '-'";
  }
  resolver.service = parts[0];
  if (parts.size() == 1) return {};
  if (!resolver::IsDnsLabel(parts[1])) {
    return "expected a namespace after the dot: lower-case letters, digits and '-'";
  }
  resolver.service_namespace = parts[1];
  if (parts.size() > 2 && parts[2] != "svc") return "expected svc after the namespace, or nothing";
  if (parts.size() == 3) return "expected the domain of the cluster after svc, or no svc";
  return {};
}

}  // namespace

Config::KubernetesResolver ReadKubernetesResolver(const YamlEntry& entry, const std::string& shown,
                                                  FaultLog& log) {
  Config::KubernetesResolver resolver;
  const YamlNode* section = entry.value.get();
  std::string service;
  Read(section, "service", service);
  if (const std::string_view fault = TakeService(service, resolver); !fault.empty()) {
    const YamlEntry* at = FindEntry(section, "service");
    log.Refuse(at == nullptr ? entry.line : at->line, shown + ".service", fault,
               "write service: name.namespace");
  }
  for (const Word& word : ReadWords(section, "ports")) {
    const Result<std::int64_t> port = ParseInteger(word.text);
    // What is no port was refused when the keys were checked.
    if (port) resolver.ports.push_back(static_cast<std::uint16_t>(*port));
  }
  ReadUnlessZero(section, "timeout", resolver.timeout);
  Read(section, "return_hostnames", resolver.return_hostnames);
  return resolver;
}

void ReadKubernetes(const YamlNode* section, Config::Kubernetes& kubernetes, FaultLog& log) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::string_view kShown = "spanring.kubernetes.";
  Read(section, "token_file", kubernetes.token_file);
  Read(section, "ca_file", kubernetes.ca_file);
  for (const std::string_view key : {"token_file", "ca_file"}) {
    std::string path = "/";
    Read(section, key, path);
    if (path.empty()) {
      log.Refuse(FindEntry(section, key)->line, std::string(kShown).append(key),
                 "expected the path of a file");
    }
  }
  std::string url;
  Read(section, "api_server", url);
  if (url.empty()) return;
  const int line = FindEntry(section, "api_server")->line;
  const std::string shown = std::string(kShown) + "api_server";
  std::string_view rest = url;
  if (!rest.starts_with(kScheme)) {
    log.Refuse(line, shown, "expected https://host:port", "the token is sent over TLS only");
    return;
  }
  rest.remove_prefix(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const Result<Config::Address> address = ParseAddress(rest, kHttpsPort);
  if (!address || address->host.empty() || address->port == 0) {
    log.Refuse(line, shown, "expected https://host:port",
               address ? std::string_view() : std::string_view(address.error().message));
    return;
  }
  kubernetes.api_server = *address;
}

}  // namespace router
