#include "router/app/config_summary.h"

#include <set>
#include <variant>

#include "router/app/config_values.h"
#include "router/app/go_duration.h"
#include "router/base/ascii_text.h"

namespace router {
namespace {

std::string_view NameOf(Config::Ring::Algorithm algorithm) {
  switch (algorithm) {
    case Config::Ring::Algorithm::kSpanring:
      return "spanring";
    case Config::Ring::Algorithm::kCollectorV1:
      return "collector_v1";
    case Config::Ring::Algorithm::kCollectorV2:
      return "collector_v2";
    case Config::Ring::Algorithm::kCollectorV3:
      return "collector_v3";
  }
  return "";
}

std::string TextOf(const Config::StaticResolver& resolver) {
  std::set<std::string> addresses;  // one that is listed twice is one backend
  for (const Config::StaticHost& host : resolver.hosts) {
    addresses.insert(LowerCase(FormatAddress(host.address)));
  }
  const std::size_t count = addresses.size();
  return std::to_string(count) + (count == 1 ? " static backend" : " static backends");
}

std::string TextOf(const Config::DnsResolver& resolver) {
  return "dns " + FormatAddress({resolver.hostname, resolver.port}) + " every " +
         FormatGoDuration(resolver.interval);
}

std::string TextOf(const Config::KubernetesResolver& resolver) {
  std::string text = "k8s service " + resolver.service;
  if (!resolver.service_namespace.empty()) text += "." + resolver.service_namespace;
  for (const std::uint16_t port : resolver.ports) text += ":" + std::to_string(port);
  return text;
}

}  // namespace

std::string_view LogLevelName(Config::LogLevel level) {
  switch (level) {
    case Config::LogLevel::kDebug:
      return "debug";
    case Config::LogLevel::kInfo:
      return "info";
    case Config::LogLevel::kWarn:
      return "warn";
    case Config::LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string Summarize(const Config& config) {
  const Config::Receiver& receiver = config.receiver;
  std::string text = receiver.has_grpc ? "gRPC " + FormatAddress(receiver.endpoint) : "";
  if (receiver.http.is_enabled) {
    text += (text.empty() ? "HTTP " : ", HTTP ") + FormatAddress(receiver.http.endpoint);
  }
  text += " -> ";
  text += std::visit([](const auto& resolver) { return TextOf(resolver); }, config.resolver);
  const Compression compression = config.exporter.compression;
  text += ", ";
  text += compression == Compression::kNone ? "uncompressed" : NameOf(compression);
  text += ", timeout " + FormatGoDuration(config.exporter.timeout);
  if (const std::size_t count = config.exporter.headers.size(); count > 0) {
    text += ", " + std::to_string(count) + (count == 1 ? " header" : " headers");
  }
  text += "; ring ";
  text += NameOf(config.ring.algorithm);
  text += "; health ";
  text +=
      config.health.is_enabled ? FormatAddress(config.health.endpoint) + config.health.path : "off";
  text += "; metrics ";
  text += config.metrics.is_enabled ? FormatAddress(config.metrics.endpoint) : "off";
  text += "; status page ";
  text += config.admin.is_enabled ? FormatAddress(config.admin.endpoint) : "off";
  return text;
}

}  // namespace router
