// What the reader makes of good files. Faults are in config_faults_test.cc.
#include "router/app/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "router/app/config_docs.h"
#include "router/app/config_keys.h"
#include "router/app/config_summary.h"
#include "tests/app/config_text.h"

namespace router {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

// Scenario: the file of the blog post: an exporters section and nothing else.
// Guarantees: it runs unmodified, with every default of the Collector, and without a warning.
TEST(ConfigReaderTest, MinimalFileTakesTheDefaultsOfTheCollector) {
  const ConfigReport report = ReadText(kMinimal);
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(Texts(report.warnings), "");
  const Config& config = *report.config;
  EXPECT_EQ(config.receiver.endpoint, (Config::Address{"localhost", 4317}));
  EXPECT_TRUE(config.health.is_enabled);
  EXPECT_EQ(config.health.endpoint, (Config::Address{"localhost", 13133}));
  EXPECT_EQ(config.health.path, "/");
  EXPECT_TRUE(config.metrics.is_enabled);
  EXPECT_EQ(config.metrics.endpoint, (Config::Address{"localhost", 8888}));
  EXPECT_EQ(config.exporter.timeout, 5s);
  EXPECT_EQ(config.exporter.compression, Compression::kGzip);
  const auto& dns = std::get<Config::DnsResolver>(config.resolver);
  EXPECT_EQ(dns.hostname, "otelcol-backend");
  EXPECT_EQ(dns.port, 4317);
  EXPECT_TRUE(dns.has_port);
  EXPECT_EQ(dns.interval, 5s);
  EXPECT_EQ(dns.timeout, 1s);
  EXPECT_EQ(
      Summarize(config),
      "gRPC localhost:4317, HTTP localhost:4318 -> dns otelcol-backend:4317 every 5s, gzip, "
      "timeout 5s; ring spanring; health localhost:13133/; metrics localhost:8888; status page "
      "localhost:13134");
}

// Scenario: every file in examples/.
// Guarantees: each is accepted without a warning, with no variable set.
TEST(ConfigReaderTest, ExamplesAreAccepted) {
  for (const char* name : {"minimal", "static", "full", "kubernetes"}) {
    const ConfigReport report = ReadText(FileText(std::string("examples/") + name + ".yaml"));
    EXPECT_EQ(Texts(report.faults), "") << name;
    EXPECT_EQ(Texts(report.warnings), "") << name;
  }
}

// Scenario: examples/full.yaml sets every honoured key, nearly all to the default.
// Guarantees: the defaults it shows are the defaults of the program.
TEST(ConfigReaderTest, FullExampleShowsTheDefaults) {
  Config full = *ReadText(FileText("examples/full.yaml")).config;
  Config minimal = *ReadText(kMinimal).config;
  EXPECT_THAT(full.exporter.headers, ElementsAre(Pair("x-scope-orgid", "demo")));
  full.exporter.headers.clear();
  EXPECT_TRUE(full.receiver.http.cors.is_on());
  full.receiver.http.cors = {};
  full.receiver.http.response_headers.clear();
  full.resolver = minimal.resolver;
  EXPECT_EQ(full, minimal);
}

// Scenario: each honoured key with a default, written out with exactly that default.
// Guarantees: the key table's defaults are those of Config (config.h) and pass the table's own
// checks.
TEST(ConfigReaderTest, DefaultsOfTheKeyTableAreTheDefaultsOfConfig) {
  const Config minimal = *ReadText(kMinimal).config;
  int checked = 0;
  for (const ConfigKey& key : AllConfigKeys()) {
    const bool is_in_text = key.path.ends_with("tls.insecure") || key.path.ends_with("dns.port");
    const bool needs_others = (key.path.starts_with("receivers.otlp.protocols.") &&
                               key.path.find(".tls.") != std::string_view::npos) ||
                              key.path.starts_with("exporters.loadbalancing.resolver.k8s.");
    if (key.default_text.empty() || is_in_text || needs_others) {
      continue;
    }
    ConfigReport report = ReadText(WithKey(key.path, key.default_text));
    ASSERT_EQ(Texts(report.faults), "") << key.path;
    report.config->receiver.has_grpc = report.config->receiver.http.is_enabled = true;
    EXPECT_TRUE(*report.config == minimal) << key.path;
    ++checked;
  }
  EXPECT_GE(checked, 30);
}

// Scenario: a file that sets every key of the spanring block to something else.
// Guarantees: each arrives in its own field, in its own unit.
TEST(ConfigReaderTest, OwnBlockIsRead) {
  const ConfigReport report = ReadText(std::string(kMinimal) + R"(
spanring:
  workers: 3
  connections_max: 4000
  memory: {limit: 512MiB}
  ring: {algorithm: collector_v3, slots_log2: 20, seed: 7}
  dns: {servers: ["10.0.0.1:5353", 10.0.0.2, "[fd00::1]:53"], srv: true}
  request: {spans_max: 5000, timeout_max: 20s, default_timeout: 12s}
  backend: {connect_timeout: 250ms, max_request_bytes: 1MiB, in_flight_max: 2, pending_bytes_max: 8388608}
  drain: {delay: 0s, timeout: 1m30s}
)");
  ASSERT_EQ(Texts(report.faults), "");
  Config expected = *ReadText(kMinimal).config;
  expected.workers = 3;
  expected.connections_max = 4000;
  expected.memory_limit_bytes = 512u << 20;
  expected.ring = {Config::Ring::Algorithm::kCollectorV3, 20, 7};
  expected.dns = {{{"10.0.0.1", 5353}, {"10.0.0.2", 53}, {"fd00::1", 53}}, true};
  expected.request = {5000, 12s, 20s};
  expected.backend = {250ms, 1u << 20, 2, 8u << 20};
  expected.drain = {0s, 90s};
  EXPECT_EQ(*report.config, expected);
}

// Scenario: a whole Collector file with ids, a static list, headers, telemetry and a health check.
// Guarantees: everything honoured arrives; ids keep their names.
TEST(ConfigReaderTest, CollectorFileIsRead) {
  const ConfigReport report = ReadText(R"(
receivers:
  otlp/edge:
    protocols:
      grpc:
        endpoint: "[::]:14317"
        max_recv_msg_size_mib: 16
        max_concurrent_streams: 50
  otlp/other:
    protocols: {grpc: }
exporters:
  load_balancing/tail:
    routing_key: traceID
    protocol:
      otlp:
        timeout: 1s500ms
        compression: none
        headers: {X-Scope-OrgID: team, authorization: "Bearer s3cret"}
        tls: {insecure: true}
    resolver:
      static: {hostnames: [a:4318, b, "[::1]:9"]}
extensions:
  health_check: {endpoint: 0.0.0.0:13134, path: /healthz}
service:
  extensions: [health_check]
  pipelines:
    traces/edge: {receivers: [otlp/edge], exporters: [load_balancing/tail]}
  telemetry:
    logs: {level: DEBUG}
    metrics:
      level: detailed
      readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9999, without_type_suffix: false, without_units: false}}}}]
)");
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(Texts(report.warnings), "");
  Config expected;
  expected.receiver = {"otlp/edge", {"::", 14317}, 16u << 20, 50};
  expected.receiver.http.is_enabled = false;  // the file has only grpc
  expected.exporter = {"load_balancing/tail",
                       1500ms,
                       Compression::kNone,
                       {{"x-scope-orgid", "team"}, {"authorization", "Bearer s3cret"}}};
  expected.resolver = Config::StaticResolver{
      {{"a:4318", {"a", 4318}}, {"b", {"b", 4317}}, {"[::1]:9", {"::1", 9}}}};
  expected.health = {true, {"0.0.0.0", 13134}, "/healthz"};
  expected.metrics = {true, {"0.0.0.0", 9999}, false, false};
  expected.log_level = Config::LogLevel::kDebug;
  EXPECT_EQ(*report.config, expected);
  EXPECT_THAT(Summarize(*report.config), Not(HasSubstr("s3cret")));
}

// Scenario: `grpc:` with nothing after it; ports as strings; zero where zero means the default.
// Guarantees: defaults, and the same port.
TEST(ConfigReaderTest, EmptySectionsAndZerosMeanDefaults) {
  const ConfigReport report = ReadText(R"(
receivers: {otlp: {protocols: {grpc: , http: {idle_timeout: 0, max_request_body_size: 0}}}}
exporters:
  loadbalancing:
    timeout: 0
    protocol: {otlp: {tls: {insecure: true}, headers: }}
    resolver: {dns: {hostname: otelcol-backend, port: "4317", interval: 0, timeout: 0s}}
spanring:
)");
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(Texts(report.warnings), "");
  EXPECT_EQ(*report.config, *ReadText(kMinimal).config);
}

// Scenario: integers with a plus, as YAML allows them, of every type that has any.
// Guarantees: they are what they say, never the default.
TEST(ConfigReaderTest, APlusBeforeANumberIsRead) {
  const ConfigReport report =
      ReadText(WithKey("spanring", "{workers: +4, ring: {seed: +5}, memory: {limit: +33554432}}") +
               "receivers: {otlp: {protocols: {grpc: {max_concurrent_streams: +7}}}}\n");
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(report.config->workers, 4u);
  EXPECT_EQ(report.config->ring.seed, 5u);
  EXPECT_EQ(report.config->memory_limit_bytes, 32u << 20);
  EXPECT_EQ(report.config->receiver.concurrent_streams_max, 7u);
  const ConfigReport dns = ReadText(WithoutLine(kMinimal, "port:") + "        port: \"+4318\"\n");
  ASSERT_EQ(Texts(dns.faults), "");
  EXPECT_EQ(std::get<Config::DnsResolver>(dns.config->resolver).port, 4318);
}

// Scenario: names for the status page with capitals and with a dot at the end.
// Guarantees: kept as requests are compared with them.
TEST(ConfigReaderTest, AllowedHostsAreKeptAsTheyAreCompared) {
  const ConfigReport report =
      ReadText(WithKey("spanring.admin.allowed_hosts", "[A.example., b, 10.0.0.1]"));
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_THAT(report.config->admin.allowed_hosts, ElementsAre("a.example", "b", "10.0.0.1"));
}

// Scenario: a static list that names one backend three times.
// Guarantees: the summary counts it once.
TEST(ConfigReaderTest, TheSummaryCountsEachBackendOnce) {
  const ConfigReport report = ReadText(
      "exporters: {loadbalancing: {resolver: {static: {hostnames: [a, 'a:4317', 'A:4317', b]}}}}");
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_THAT(Summarize(*report.config), HasSubstr(" -> 2 static backends, "));
}

// Scenario: no port for DNS.
// Guarantees: 4317 is dialled, and the ring is told that the name has no port (ring.md, Collector
// rings).
TEST(ConfigReaderTest, DnsWithoutPortIsRemembered) {
  const Config config = *ReadText(WithoutLine(kMinimal, "port:")).config;
  const auto& dns = std::get<Config::DnsResolver>(config.resolver);
  EXPECT_EQ(dns.port, 4317);
  EXPECT_FALSE(dns.has_port);
}

// Scenario: service.extensions is there and does not name health_check; metrics level none or no
// readers.
// Guarantees: they are off, as in the Collector.
TEST(ConfigReaderTest, HealthAndMetricsCanBeSwitchedOff) {
  EXPECT_FALSE(ReadText(WithKey("service.extensions", "[]")).config->health.is_enabled);
  EXPECT_FALSE(
      ReadText(WithKey("service.telemetry.metrics.level", "none")).config->metrics.is_enabled);
  EXPECT_FALSE(
      ReadText(WithKey("service.telemetry.metrics.readers", "[]")).config->metrics.is_enabled);
}

// Scenario: the Kubernetes resolver with a service alone, and with everything.
// Guarantees: the Collector's defaults; each key arrives, and a whole domain name is understood.
TEST(ConfigReaderTest, KubernetesResolverIsRead) {
  const auto read = [](const std::string& keys, const std::string& own = "") {
    const ConfigReport report = ReadText(
        "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, resolver: "
        "{k8s: {" +
        keys + "}}}}\n" + own);
    EXPECT_EQ(Texts(report.faults), "");
    EXPECT_EQ(Texts(report.warnings), "");
    return *report.config;
  };
  using Resolver = Config::KubernetesResolver;
  EXPECT_EQ(std::get<Resolver>(read("service: sampler").resolver),
            (Resolver{.service = "sampler", .timeout = 60s}));
  const Config config = read(
      "service: sampler.obs.svc.cluster.local, ports: [15317, 16317], timeout: 5s, "
      "return_hostnames: true",
      "spanring: {kubernetes: {api_server: \"https://[fd00::1]:6443\", token_file: /t, ca_file: "
      "/c}}\n");
  EXPECT_EQ(std::get<Resolver>(config.resolver),
            (Resolver{"sampler", "obs", {15317, 16317}, 5s, true}));
  EXPECT_EQ(config.kubernetes, (Config::Kubernetes{{"fd00::1", 6443}, "/t", "/c"}));
  EXPECT_THAT(Summarize(config), HasSubstr(" -> k8s service sampler.obs:15317:16317, "));
  EXPECT_EQ(read("service: s", "spanring: {kubernetes: {api_server: \"https://api.test\"}}\n")
                .kubernetes.api_server,
            (Config::Address{"api.test", 443}));
}

// Scenario: anchors, aliases and merge keys, with a key of its own that wins over the merged one.
// Guarantees: the tree is what it would be written out.
TEST(ConfigReaderTest, AnchorsAndMergeKeysAreFollowed) {
  const ConfigReport report = ReadText(R"(
exporters:
  loadbalancing/unused: &base
    protocol: {otlp: &otlp {timeout: 2s, tls: {insecure: true}}}
    resolver: {static: {hostnames: &hosts [a:1, b:2]}}
  loadbalancing:
    <<: *base
    protocol: {otlp: {<<: [*otlp, {timeout: 9s, compression: none}], timeout: 3s}}
    resolver: {static: {hostnames: *hosts}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}}
receivers: {otlp: }
)");
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(report.config->exporter.timeout, 3s);
  EXPECT_EQ(report.config->exporter.compression, Compression::kNone);
  EXPECT_THAT(std::get<Config::StaticResolver>(report.config->resolver).hosts, SizeIs(2));
}

// Scenario: variables as a number, part of an address, a list, a duration, a default, and an
// escape.
// Guarantees: the value is read as YAML where it stands alone, as text where it does not.
TEST(ConfigReaderTest, EnvironmentVariablesAreExpanded) {
  const std::map<std::string, std::string> variables{{"STREAMS", "77"},       {"IP", "10.1.2.3"},
                                                     {"HOSTS", "[a:1, b:2]"}, {"TIMEOUT", "250ms"},
                                                     {"TOKEN", "[not yaml"},  {"DIGITS", "12345"}};
  const ConfigReport report = ReadText(R"(
receivers: {otlp: {protocols: {grpc: {endpoint: "${env:IP}:${PORT:-4317}", max_concurrent_streams: "${env:STREAMS}"}}}}
exporters:
  loadbalancing:
    protocol:
      otlp:
        timeout: ${TIMEOUT}
        headers: {x-token: "${env:TOKEN}", x-digits: "${env:DIGITS}", x-price: 5$$}
        tls: {insecure: "${env:INSECURE:-true}"}
    resolver: {static: {hostnames: "${env:HOSTS}"}}
)",
                                       variables);
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(Texts(report.warnings), "");
  EXPECT_EQ(report.config->receiver.endpoint, (Config::Address{"10.1.2.3", 4317}));
  EXPECT_EQ(report.config->receiver.concurrent_streams_max, 77u);
  EXPECT_EQ(report.config->exporter.timeout, 250ms);
  EXPECT_THAT(
      report.config->exporter.headers,
      ElementsAre(Pair("x-token", "[not yaml"), Pair("x-digits", "12345"), Pair("x-price", "5$")));
  EXPECT_THAT(std::get<Config::StaticResolver>(report.config->resolver).hosts, SizeIs(2));
}

// Scenario: the file on disk is not there, or is a folder.
// Guarantees: one fault that names it.
TEST(ConfigReaderTest, UnreadableFileIsAFault) {
  for (const std::string path : {"/nonexistent/spanring.yaml", "/"}) {
    const ConfigReport report = ReadConfigFile(path);
    EXPECT_FALSE(report.config.has_value());
    ASSERT_THAT(report.faults, SizeIs(1));
    EXPECT_THAT(ToText(report.faults[0]), HasSubstr(path + ": cannot be read: "));
  }
}

// Scenario: examples/minimal.yaml read from disk.
// Guarantees: the same as from memory.
TEST(ConfigReaderTest, FileIsReadFromDisk) {
  const ConfigReport report = ReadConfigFile(SourcePath("examples/minimal.yaml"));
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(*report.config, *ReadText(kMinimal).config);
}

// Scenario: docs/configuration.md against the key table.
// Guarantees: the page says what the reader does.
TEST(ConfigReaderTest, DocumentationIsGeneratedFromTheKeyTable) {
  const std::string page = RenderConfigurationDocs();
  RewriteIfAsked("docs/configuration.md", page);
  EXPECT_TRUE(FileText("docs/configuration.md") == page)
      << "docs/configuration.md is stale; run SPANRING_UPDATE_DOCS=1 app_test and commit it";
}

// Scenario: the table of docs/migration.md against the key table.
// Guarantees: the page says what the reader does with each key of a Collector's file.
TEST(ConfigReaderTest, DocumentationOfTheMigrationIsGeneratedToo) {
  constexpr std::string_view kBegin = "<!-- keys:begin -->\n\n";
  constexpr std::string_view kEnd = "\n<!-- keys:end -->";
  std::string page = FileText("docs/migration.md");
  const std::size_t begin = page.find(kBegin);
  const std::size_t end = page.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end);
  const std::string former = page;
  page.replace(begin + kBegin.size(), end - begin - kBegin.size(), RenderMigrationTable());
  RewriteIfAsked("docs/migration.md", page);
  EXPECT_TRUE(former == page)
      << "docs/migration.md is stale; run SPANRING_UPDATE_DOCS=1 app_test and commit it";
}

}  // namespace
}  // namespace router
