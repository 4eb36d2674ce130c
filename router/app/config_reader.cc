#include "router/app/config_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "router/app/config_auth.h"
#include "router/app/config_check.h"
#include "router/app/config_consistency.h"
#include "router/app/config_headers.h"
#include "router/app/config_http.h"
#include "router/app/config_in_force.h"
#include "router/app/config_kubernetes.h"
#include "router/app/config_pipeline.h"
#include "router/app/config_tls.h"
#include "router/app/config_values.h"
#include "router/app/config_view.h"
#include "router/app/yaml_source.h"
#include "router/base/ascii_text.h"
#include "router/forward/retry.h"

namespace router {
namespace {

constexpr std::uint16_t kOtlpPort = 4317;

template <typename Enum>
struct Choice {
  std::string_view text;
  Enum value;
};

// Sets `value` to the choice the file makes; the check has refused what is none.
template <typename Enum, std::size_t kSize>
void ReadChoice(const YamlNode* section, std::string_view path,
                const Choice<Enum> (&choices)[kSize], Enum& value) {
  std::string text;
  Read(section, path, text);
  for (const Choice<Enum>& choice : choices) {
    if (choice.text == text) {
      value = choice.value;
    }
  }
}

void ReadReceiver(const YamlNode& root, const YamlEntry* entry, Config::Receiver& receiver,
                  FaultLog& log) {
  if (entry == nullptr) {
    return;
  }
  receiver.id = entry->key;
  const YamlNode* protocols = FindValue(entry->value.get(), "protocols");
  receiver.has_grpc = protocols == nullptr || FindEntry(protocols, "grpc") != nullptr;
  receiver.http.is_enabled = protocols == nullptr || FindEntry(protocols, "http") != nullptr;
  if (!receiver.has_grpc && !receiver.http.is_enabled) {
    log.Refuse(entry->line, "receivers." + Shown(entry->key) + ".protocols",
               "must specify at least one protocol when using the OTLP receiver",
               "add grpc: or http:");
  }
  const YamlNode* grpc = FindValue(protocols, "grpc");
  Read(grpc, "endpoint", receiver.endpoint);
  ReadUnlessZero(grpc, "max_concurrent_streams", receiver.concurrent_streams_max);
  std::size_t mebibytes = receiver.request_bytes_max >> 20;
  ReadUnlessZero(grpc, "max_recv_msg_size_mib", mebibytes);
  receiver.request_bytes_max = mebibytes << 20;
  const std::string shown = "receivers." + Shown(entry->key) + ".protocols";
  receiver.tls = ReadServerTls(FindEntry(grpc, "tls"), shown + ".grpc.tls", log);
  receiver.auth =
      ReadAuth(root, FindEntry(grpc, "auth"), AuthSide::kReceiver, shown + ".grpc.auth", log);
  const YamlNode* http = FindValue(protocols, "http");
  ReadHttpReceiver(http, shown + ".http", receiver.http, log);
  receiver.http.tls = ReadServerTls(FindEntry(http, "tls"), shown + ".http.tls", log);
  receiver.http.auth =
      ReadAuth(root, FindEntry(http, "auth"), AuthSide::kReceiver, shown + ".http.auth", log);
}

Config::StaticResolver ReadStatic(const YamlEntry& entry, const std::string& shown, FaultLog& log) {
  Config::StaticResolver resolver;
  for (const Word& word : ReadWords(entry.value.get(), "hostnames")) {
    if (Result<Config::Address> address = ParseAddress(word.text, kOtlpPort)) {
      resolver.hosts.push_back({word.text, *std::move(address)});
    }
  }
  const YamlNode* hostnames = FindValue(entry.value.get(), "hostnames");
  if (hostnames == nullptr || hostnames->items.empty()) {
    log.Refuse(entry.line, shown + ".static.hostnames", "no backends are listed",
               "write hostnames: [host:4317]");
  }
  return resolver;
}

Config::DnsResolver ReadDns(const YamlEntry& entry, const std::string& shown, FaultLog& log) {
  Config::DnsResolver resolver;
  const YamlNode* dns = entry.value.get();
  Read(dns, "hostname", resolver.hostname);
  Read(dns, "port", resolver.port);
  resolver.has_port = FindValue(dns, "port") != nullptr;
  ReadUnlessZero(dns, "interval", resolver.interval);
  ReadUnlessZero(dns, "timeout", resolver.timeout);
  const std::string key = shown + ".dns.hostname";
  const Result<Config::Address> as_address = ParseAddress(resolver.hostname, kOtlpPort);
  const Result<void> is_name = CheckHostName(resolver.hostname);
  if (resolver.hostname.empty()) {
    log.Refuse(entry.line, key, "no hostname specified to resolve the backends");
  } else if (!is_name) {
    log.Refuse(FindEntry(dns, "hostname")->line, key, is_name.error().message);
  } else if (!as_address || as_address->host != resolver.hostname) {
    log.Refuse(FindEntry(dns, "hostname")->line, key, "expected a name without a port or a scheme",
               "the port goes to " + shown + ".dns.port");
  }
  return resolver;
}

void ReadResolver(const YamlEntry& exporter, const std::string& shown, Config& config,
                  FaultLog& log) {
  const YamlEntry* section = FindEntry(exporter.value.get(), "resolver");
  const YamlNode* resolver = section == nullptr ? nullptr : section->value.get();
  const int line = section == nullptr ? exporter.line : section->line;
  const std::string key = shown + ".resolver";
  const std::size_t count = resolver == nullptr ? 0 : resolver->entries.size();
  if (count == 0) {
    log.Refuse(line, key, "no resolvers specified for the exporter", "add static:, dns: or k8s:");
  } else if (count > 1) {
    log.Refuse(line, key, "only one resolver should be specified");
  }
  if (const YamlEntry* entry = FindEntry(resolver, "static")) {
    config.resolver = ReadStatic(*entry, key, log);
  }
  if (const YamlEntry* entry = FindEntry(resolver, "dns")) {
    config.resolver = ReadDns(*entry, key, log);
  }
  if (const YamlEntry* entry = FindEntry(resolver, "k8s")) {
    config.resolver = ReadKubernetesResolver(*entry, key + ".k8s", log);
  }
}

void ReadExporter(const YamlNode& root, const YamlEntry& entry, Config& config, FaultLog& log) {
  constexpr Choice<Compression> kCompressions[] = {{"gzip", Compression::kGzip},
                                                   {"none", Compression::kNone},
                                                   {"snappy", Compression::kSnappy},
                                                   {"zstd", Compression::kZstd}};
  const std::string shown = "exporters." + Shown(entry.key);
  const std::string shown_otlp = shown + ".protocol.otlp";
  const YamlEntry* otlp_entry = FindEntry(entry.value.get(), "protocol.otlp");
  const YamlNode* otlp = otlp_entry == nullptr ? nullptr : otlp_entry->value.get();
  Config::Exporter& exporter = config.exporter;
  exporter.id = entry.key;
  Read(otlp, "timeout", exporter.timeout);
  ReadChoice(otlp, "compression", kCompressions, exporter.compression);
  if (const YamlNode* headers = FindValue(otlp, "headers")) {
    exporter.headers = ReadHeaders(*headers, shown_otlp + ".headers", log);
  }
  exporter.auth =
      ReadAuth(root, FindEntry(otlp, "auth"), AuthSide::kExporter, shown_otlp + ".auth", log);
  exporter.tls = ReadClientTls(FindEntry(otlp, "tls"), shown_otlp + ".tls", log);
  if (exporter.auth && !exporter.tls) {
    log.Refuse(FindEntry(otlp, "auth")->line, shown_otlp + ".auth",
               "the credentials would travel in plain text", "remove tls.insecure");
  }
  if (exporter.auth &&
      std::any_of(exporter.headers.begin(), exporter.headers.end(),
                  [&](const auto& header) { return header.first == exporter.auth->header; })) {
    log.Refuse(FindEntry(otlp, "auth")->line, shown_otlp + ".auth",
               "headers sets " + exporter.auth->header + " as well", "keep one of them");
  }
  ReadResolver(entry, shown, config, log);
}

// Returns the id of the extension in use.
std::string ReadHealth(const YamlNode& root, Config::Health& health, FaultLog& log) {
  std::string id = "health_check";
  if (FindEntry(&root, "service.extensions") != nullptr) {
    health.is_enabled = false;
    const YamlNode* extensions = FindValue(&root, "extensions");
    for (const Word& word : ReadWords(&root, "service.extensions")) {
      const bool is_health = ParseComponentId(word.text).type == "health_check";
      if (extensions == nullptr || extensions->Find(word.text) == nullptr) {
        log.Refuse(word.line, "service.extensions",
                   "references extension \"" + Shown(word.text) + "\" which is not configured",
                   "define it in extensions");
      } else if (is_health && health.is_enabled) {
        log.Refuse(word.line, "service.extensions",
                   "not supported yet: more than one health_check");
      } else if (FindConfigKey("extensions." + ParseComponentId(word.text).type) == nullptr) {
        log.Refuse(word.line, "service.extensions",
                   "spanring has no extension " + Shown(word.text));
      }
      if (is_health) {
        health.is_enabled = true;
        id = word.text;
      }
    }
  }
  const YamlNode* extensions = FindValue(&root, "extensions");
  const YamlNode* section = nullptr;
  if (const YamlEntry* entry = extensions == nullptr ? nullptr : extensions->Find(id)) {
    section = entry->value.get();
  }
  Read(section, "endpoint", health.endpoint);
  Read(section, "path", health.path);
  if (!IsUrlPath(health.path)) {
    log.Refuse(FindEntry(section, "path")->line, "extensions." + Shown(id) + ".path",
               "a path starts with / and is printable ASCII without spaces, '?', '#' and '*'");
  }
  return id;
}

void ReadMetrics(const YamlNode* telemetry, Config::Metrics& metrics, FaultLog& log) {
  std::string level;
  Read(telemetry, "metrics.level", level);
  metrics.is_enabled = level != "none";
  const YamlNode* readers = FindValue(telemetry, "metrics.readers");
  if (readers == nullptr) {
    return;
  }
  if (readers->items.empty()) {
    metrics.is_enabled = false;
    return;
  }
  constexpr std::string_view kShown = "service.telemetry.metrics.readers";
  if (readers->items.size() > 1) {
    log.Refuse(readers->items[1]->line, kShown, "not supported yet: more than one reader");
  }
  const YamlNode* reader = readers->items.front().get();
  constexpr std::string_view kPrometheus = "pull.exporter.prometheus";
  if (reader->kind == YamlNode::Kind::kMapping && FindEntry(reader, kPrometheus) == nullptr &&
      FindEntry(reader, "periodic") == nullptr) {
    log.Refuse(reader->line, kShown, "a reader needs pull.exporter.prometheus");
  }
  const YamlNode* prometheus = FindValue(reader, kPrometheus);
  Read(prometheus, "host", metrics.endpoint.host);
  Read(prometheus, "port", metrics.endpoint.port);
  Read(prometheus, "without_type_suffix", metrics.without_type_suffix);
  Read(prometheus, "without_units", metrics.without_units);
}

void ReadTelemetry(const YamlNode& root, Config& config, FaultLog& log) {
  using Level = Config::LogLevel;
  constexpr Choice<Level> kLevels[] = {{"debug", Level::kDebug}, {"info", Level::kInfo},
                                       {"warn", Level::kWarn},   {"error", Level::kError},
                                       {"DEBUG", Level::kDebug}, {"INFO", Level::kInfo},
                                       {"WARN", Level::kWarn},   {"ERROR", Level::kError}};
  const YamlNode* telemetry = FindValue(&root, "service.telemetry");
  ReadChoice(telemetry, "logs.level", kLevels, config.log_level);
  constexpr Choice<LogEncoding> kEncodings[] = {{"console", LogEncoding::kConsole},
                                                {"json", LogEncoding::kJson}};
  ReadChoice(telemetry, "logs.encoding", kEncodings, config.log_encoding);
  ReadMetrics(telemetry, config.metrics, log);
}

// Kept as MayAsk() compares them: lower case, no dot at the end.
void ReadAllowedHosts(const YamlNode* own, Config::Admin& admin, FaultLog& log) {
  constexpr std::string_view kShown = "spanring.admin.allowed_hosts";
  for (const Word& word : ReadWords(own, "admin.allowed_hosts")) {
    std::string host = LowerCase(word.text);
    const Result<Config::Address> address = ParseAddress(host, 1);
    if (!address || address->host != host) {
      log.Refuse(word.line, kShown, "expected a host name without a scheme and a port",
                 "it is compared with the name in Host; addresses are always allowed");
    } else if (host.find('*') != std::string::npos) {
      log.Refuse(word.line, kShown, "a name with * is none", "list every name");
    }
    if (host.ends_with('.')) host.pop_back();
    admin.allowed_hosts.push_back(std::move(host));
  }
}

void ReadOwn(const YamlNode& root, Config& config, FaultLog& log) {
  using Algorithm = Config::Ring::Algorithm;
  constexpr Choice<Algorithm> kAlgorithms[] = {{"spanring", Algorithm::kSpanring},
                                               {"collector_v1", Algorithm::kCollectorV1},
                                               {"collector_v2", Algorithm::kCollectorV2},
                                               {"collector_v3", Algorithm::kCollectorV3}};
  const YamlNode* own = FindValue(&root, "spanring");
  Read(own, "workers", config.workers);
  Read(own, "connections_max", config.connections_max);
  Read(own, "memory.limit", config.memory_limit_bytes);
  ReadChoice(own, "ring.algorithm", kAlgorithms, config.ring.algorithm);
  Read(own, "ring.slots_log2", config.ring.slots_log2);
  Read(own, "ring.seed", config.ring.seed);
  Read(own, "dns.srv", config.dns.srv);
  for (const Word& word : ReadWords(own, "dns.servers")) {
    if (Result<Config::Address> address = ParseAddress(word.text, 53)) {
      config.dns.servers.push_back(*std::move(address));
    }
  }
  ReadKubernetes(FindValue(own, "kubernetes"), config.kubernetes, log);
  Read(own, "request.spans_max", config.request.spans_max);
  Read(own, "request.timeout_max", config.request.timeout_max);
  Read(own, "request.default_timeout", config.request.default_timeout);
  Read(own, "backend.connect_timeout", config.backend.connect_timeout);
  Read(own, "backend.max_request_bytes", config.backend.request_bytes_max);
  Read(own, "backend.in_flight_max", config.backend.in_flight_max);
  Read(own, "backend.pending_bytes_max", config.backend.pending_bytes_max);
  Read(own, "backend.merged_bytes_max", config.backend.merged_bytes_max);
  Read(own, "auth.rotation_grace", config.auth_rotation.grace);
  Read(own, "admin.enabled", config.admin.is_enabled);
  Read(own, "admin.endpoint", config.admin.endpoint);
  config.admin.is_default = FindValue(own, "admin.endpoint") == nullptr;
  ReadAllowedHosts(own, config.admin, log);
  Read(own, "drain.delay", config.drain.delay);
  Read(own, "drain.timeout", config.drain.timeout);
}

// The default is the Collector's, and who writes it out asks for nothing else.
void CheckAttemptTime(const YamlEntry& exporter, const Config& config, FaultLog& log) {
  constexpr std::string_view kKey = "protocol.otlp.timeout";
  const YamlEntry* entry = FindEntry(exporter.value.get(), kKey);
  const Config::Milliseconds timeout = config.exporter.timeout;
  const bool is_reached =
      timeout <= AttemptTime(config.request.timeout_max, Config::Milliseconds(0));
  if (entry == nullptr || is_reached || timeout == Config::Exporter().timeout) return;
  log.Warn(entry->line, "exporters." + Shown(exporter.key) + "." + std::string(kKey),
           "done otherwise here", kAttemptTimeRemark);
}

std::optional<Config> ReadTree(const YamlNode& root, FaultLog& log) {
  if (root.kind != YamlNode::Kind::kMapping) {
    log.Refuse(root.line, "", "the file has no configuration",
               "docs/configuration.md starts with the smallest file that works");
    return std::nullopt;
  }
  CheckConfigKeys(root, log);
  Config config;
  const Pipeline pipeline = ChoosePipeline(root, log);
  ReadReceiver(root, pipeline.receiver, config.receiver, log);
  if (pipeline.exporter != nullptr) {
    ReadExporter(root, *pipeline.exporter, config, log);
  }
  const std::string health_id = ReadHealth(root, config.health, log);
  ReadTelemetry(root, config, log);
  ReadOwn(root, config, log);
  CheckConsistency(root, config, health_id, log);
  if (pipeline.exporter != nullptr) {
    CheckAttemptTime(*pipeline.exporter, config, log);
  }
  return config;
}

}  // namespace

ConfigReport ReadConfigText(std::string_view text, const std::string& file_name,
                            const EnvironmentLookup& environment) {
  FaultLog log(file_name);
  ConfigReport report;
  if (const YamlNodePtr root = ReadYaml(text, environment, log)) {
    report.config = ReadTree(*root, log);
    if (log.faults().empty()) report.in_force = DescribeConfig(*root);
  }
  report.faults = log.faults();
  report.warnings = log.warnings();
  if (!report.faults.empty()) {
    report.config.reset();
  }
  return report;
}

ConfigReport ReadConfigFile(const std::string& path) {
  std::string text(kYamlBytesMax + 1, '\0');
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const int open_error = errno;
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    FaultLog log(path);
    const int error = file.is_open() ? errno : open_error;
    log.Refuse(0, "", std::string("cannot be read: ") + std::strerror(error != 0 ? error : EIO));
    return {std::nullopt, log.faults(), {}};
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return ReadConfigText(text, path, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace router
