// What the reader refuses and warns about, word for word where people search for the words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "router/app/config_keys.h"
#include "router/app/config_reader.h"
#include "router/app/yaml_builder.h"
#include "router/app/yaml_source.h"
#include "tests/app/config_text.h"

namespace router {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string FaultsOf(std::string_view text, const std::map<std::string, std::string>& env = {}) {
  const ConfigReport report = ReadText(text, env);
  EXPECT_EQ(report.config.has_value(), report.faults.empty());
  return Texts(report.faults);
}

std::string WarningsOf(std::string_view text) {
  const ConfigReport report = ReadText(text);
  EXPECT_EQ(Texts(report.faults), "");
  return Texts(report.warnings);
}

// Scenario: one file with a dozen faults of every kind.
// Guarantees: all of them are listed at once, each with file, line, key, reason and hint, in a
// stable order.
TEST(ConfigFaultsTest, EveryFaultOfAFileIsListedAtOnce) {
  EXPECT_EQ(
      FaultsOf(R"(receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 4317
        max_concurrent_streams: many
        tls: {cert_file: x}
      http:
        endpoint: 4318
exporters:
  loadbalancing:
    routing_keys: traceID
    protocol:
      otlp:
        timeout: 5
        compression: lz4
    resolver:
      dns:
        hostnmae: x
        port: 70000
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [attributes]
      exporters: [loadbalancing, debug]
    logs: {}
spanring:
  workers: -1
  ring: {algorithm: colector_v3}
)"),
      R"(f.yaml:5: receivers.otlp.protocols.grpc.endpoint: expected host:port (the value is 4317)
f.yaml:6: receivers.otlp.protocols.grpc.max_concurrent_streams: expected a whole number (the value is many)
f.yaml:9: receivers.otlp.protocols.http.endpoint: expected host:port (the value is 4318)
f.yaml:12: exporters.loadbalancing.routing_keys: unknown key (did you mean routing_key?)
f.yaml:15: exporters.loadbalancing.protocol.otlp.timeout: not a duration; write a number and a unit, such as 500ms, 5s or 1m30s (the value is 5)
f.yaml:16: exporters.loadbalancing.protocol.otlp.compression: expected one of gzip, none, snappy, zstd (the value is lz4)
f.yaml:19: exporters.loadbalancing.resolver.dns.hostnmae: unknown key (did you mean hostname?)
f.yaml:20: exporters.loadbalancing.resolver.dns.port: must be from 1 to 65535 (the value is 70000)
f.yaml:27: service.pipelines.logs: not supported yet: only traces are served; remove this pipeline
f.yaml:29: spanring.workers: must be from 0 to 1024 (the value is -1)
f.yaml:30: spanring.ring.algorithm: expected one of spanring, collector_v1, collector_v2, collector_v3 (the value is colector_v3; did you mean collector_v3?)
f.yaml:26: service.pipelines.traces.exporters: debug: only the loadbalancing exporter can be in the pipeline (take it out, or put it into the collectors behind spanring)
f.yaml:26: service.pipelines.traces.exporters: not supported yet: more than one exporter in the pipeline
f.yaml:25: service.pipelines.traces.processors: attributes: spanring runs no processors (put it into the collectors behind spanring; skipping it would change your data)
f.yaml:7: receivers.otlp.protocols.grpc.tls: TLS configuration must include both certificate and key for server connections (set cert_file and key_file)
f.yaml:18: exporters.loadbalancing.resolver.dns.hostname: no hostname specified to resolve the backends
)");
}

struct Refusal {
  std::string_view path;  // added to the smallest file
  std::string_view value;
  std::string_view fault;  // the only one
};

// Scenario: one wrong value at a time.
// Guarantees: exactly one fault, at that key, with its reason.
TEST(ConfigFaultsTest, OneWrongValueGivesOneFault) {
  constexpr Refusal kRefusals[] = {
      {"nonsense", "1", "nonsense: unknown key"},
      {"expoters", "{}", "expoters: unknown key (did you mean exporters?)"},
      {"exporters", "{}", "exporters: this key is already there"},
      {"exporters.loadbalancing.tiemout", "1s", "did you mean timeout?"},
      {"exporters.loadbalancing.routing_key", "traceid", "did you mean traceID?"},
      {"exporters.loadbalancing.timeout", "-1s", "must not be negative"},
      {"exporters.loadbalancing.sending_queue.queue_size", "lots", "expected a whole number"},
      {"exporters.loadbalancing.retry_on_failure.multiplier", "x", "expected a number"},
      {"exporters.loadbalancing.resolver.static.hostnames", "[a:1]",
       "exporters.loadbalancing.resolver: only one resolver should be specified"},
      {"exporters.loadbalancing.protocol.otlp.timeout", "11m", "must be from 0s to 10m"},
      {"exporters.loadbalancing.protocol.otlp.headers", "[a]", "expected a map, found a list"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{A: x, a: y}", "is set twice"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{te: x}", "belongs to the protocol"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{grpc-timeout: x}",
       "belongs to the protocol"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{':path': x}",
       "a header name consists of"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{a-bin: x}", "not supported yet: binary"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{a: \"x\\n\"}", "must be printable ASCII"},
      {"exporters.loadbalancing.protocol.otlp.headers", "{a: {b: c}}", "expected a single value"},
      {"exporters.loadbalancing/two", "{}", "a second exporter"},
      {"exporters.loadbalancer", "{}", "unknown type (did you mean loadbalancing?)"},
      {"exporters.otlp/", "{}", "not an id"},
      {"exporters.0tlp", "{}", "not an id"},
      {"receivers.'otlp/a b: c'", "{}", "a name has no spaces, control characters and"},
      {"receivers.otlp/a$b", "{}", "not an id"},
      {"receivers", "[otlp]", "expected a map, found a list"},
      {"receivers.otlp", "[]", "expected a map, found a list"},
      {"receivers.otlp.protocols", "{}", "must specify at least one protocol"},
      {"receivers.otlp.protocols.grpc.endpoint", "unix:///run/x", "without a scheme"},
      {"receivers.otlp.protocols.grpc.endpoint", "{a: b}", "expected a single value, found a map"},
      {"receivers.otlp.protocols.grpc.transport", "unix", "not supported yet: only tcp"},
      {"receivers.otlp.protocols.grpc.include_metadata", "true", "not supported yet: only false"},
      {"receivers.otlp.protocols.grpc.include_metadata", "'false'", "expected true or false"},
      {"receivers.otlp.protocols.grpc.max_recv_msg_size_mib", "1025", "from 1 to 1024, or 0"},
      {"receivers.otlp.protocols.grpc.max_recv_msg_size_mib", "'64'", "found a string"},
      {"connectors.forward", "{}", "spanring has no such thing"},
      {"extensions.health_check.path", "health", "a path starts with /"},
      {"service.extensions", "[health_check]",
       "references extension \"health_check\" which is not configured"},
      {"service.extensions", "health_check", "expected a list, found a single value"},
      {"service.pipelines", "{}", "there is no traces pipeline"},
      {"service.pipelines.traces", "{receivers: [], exporters: [loadbalancing]}",
       "must have at least one receiver"},
      {"service.pipelines.traces", "{receivers: [otlp], exporters: [loadbalancing]}",
       "references receiver \"otlp\" which is not configured"},
      {"service.telemetry.metrics.readers", "[{pull: }]", "needs pull.exporter.prometheus"},
      {"service.telemetry.metrics.readers", "[1]", "readers[0]: expected a map, found a single"},
      {"service.telemetry.metrics.readers[].pull.exporter.prometheus.prot", "1",
       "did you mean port?"},
      {"service.telemetry.logs.level", "loud", "expected one of debug, info"},
      {"service.telemetry.logs.encoding", "xml", "expected one of console, json"},
      {"spanring.memory.limit", "1MiB", "must be from 16MiB to 1024GiB, or 0"},
      {"spanring.memory.limit", "lots", "expected a size in bytes"},
      {"spanring.ring.slots_log2", "23", "must be from 16 to 22"},
      {"spanring.dns.servers", "[ns.example.org]", "expected an address, not a name"},
      {"spanring.dns.servers", "['10.0.0.1:0']", "a port from 1 to 65535"},
      {"spanring.dns.servers", "[[a]]", "expected a list of words"},
      {"spanring.request.default_timeout", "11s", "must not be longer than"},
      {"spanring.backend.max_request_bytes", "63KiB", "must be from 64KiB to 64MiB"},
      {"spanring.backend.pending_bytes_max", "1MiB", "must not be smaller than"},
      {"spanring.dns.servers", "[dead]", "dead: expected an address, not a name"},
      {"spanring.dns.servers", "[999.1.1.1]", "999.1.1.1: expected an address, not a name"},
      {"spanring.dns.servers", "['fd00::53']", "an IPv6 address in brackets"},
      {"spanring.admin.allowed_hosts", "['https://a.example']", "without a scheme and a port"},
      {"spanring.admin.allowed_hosts", "['a.example:443']", "without a scheme and a port"},
      {"spanring.admin.allowed_hosts", "['*.example']", "list every name"},
      {"extensions.health_check.path", "'/h?x'", "without spaces, '?', '#' and '*'"},
      {"extensions.health_check.path", "'/h x'", "without spaces, '?', '#' and '*'"}};
  for (const Refusal& refusal : kRefusals) {
    const ConfigReport report = ReadText(WithKey(refusal.path, refusal.value));
    EXPECT_FALSE(report.config.has_value());
    EXPECT_THAT(report.faults, SizeIs(1)) << refusal.path << ": " << Texts(report.faults);
    EXPECT_THAT(Texts(report.faults), HasSubstr(refusal.fault)) << refusal.path;
  }
}

// Scenario: every key of a later step, one at a time.
// Guarantees: refused as "not supported yet", at its own line, with what to do.
TEST(ConfigFaultsTest, EveryKeyOfALaterStepIsRefused) {
  int checked = 0;
  for (const ConfigKey& key : AllConfigKeys()) {
    if (key.treatment != Treatment::kLater) {
      continue;
    }
    const std::string text = WithKey(key.path, "{}");
    const std::string faults = FaultsOf(text);
    EXPECT_THAT(faults, HasSubstr("not supported yet: " + std::string(key.text))) << key.path;
    EXPECT_FALSE(key.text.empty()) << key.path;
    ++checked;
  }
  EXPECT_GE(checked, 20);
}

// Scenario: no resolver, an empty one, a static list without entries, names that DNS cannot have, a
// host with a port for DNS.
// Guarantees: the Collector's words where it has some.
TEST(ConfigFaultsTest, ResolverMustBeComplete) {
  const auto with_resolver = [](const std::string& resolver) {
    return std::string("exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, ")
        .append(resolver)
        .append("}}");
  };
  EXPECT_THAT(FaultsOf(with_resolver("timeout: 0")),
              HasSubstr(": no resolvers specified for the exporter ("));
  EXPECT_THAT(FaultsOf(with_resolver("resolver: ")),
              HasSubstr("resolver: no resolvers specified for the exporter ("));
  EXPECT_THAT(FaultsOf(with_resolver("resolver: {dns: }")),
              HasSubstr("no hostname specified to resolve the backends"));
  EXPECT_THAT(FaultsOf(with_resolver("resolver: {static: {hostnames: []}}")),
              HasSubstr("no backends are listed"));
  EXPECT_THAT(FaultsOf(with_resolver("resolver: {static: {hostnames: [\"http://a:1\"]}}")),
              HasSubstr("without a scheme"));
  for (const char* names : {"static: {hostnames: [\"a..b:1\"]}", "dns: {hostname: a..b}"}) {
    EXPECT_THAT(FaultsOf(with_resolver("resolver: {" + std::string(names) + "}")),
                HasSubstr("a host name has something before, between and after its dots"));
  }
  EXPECT_THAT(
      FaultsOf(with_resolver("resolver: {dns: {hostname: a." + std::string(64, 'b') + "}}")),
      HasSubstr("each part of a host name has at most 63 characters"));
  EXPECT_THAT(FaultsOf(with_resolver("resolver: {dns: {hostname: \"a:4317\"}}")),
              HasSubstr("expected a name without a port"));
}

// Scenario: Kubernetes resolvers without a service, with names that Kubernetes could not have,
// ports that are none, and an API server without TLS. Guarantees: each is a fault with its key, and
// says what to write.
TEST(ConfigFaultsTest, KubernetesResolverIsChecked) {
  const auto faults_of = [](const std::string& keys, const std::string& own = "") {
    return FaultsOf(
        "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, "
        "resolver: {k8s: {" +
        keys + "}}}}\n" + own);
  };
  EXPECT_THAT(faults_of(""), HasSubstr("resolver.k8s.service: no service specified to resolve the "
                                       "backends (write service: name.namespace)"));
  EXPECT_THAT(faults_of("service: a/b"), HasSubstr("expected the name of a Service"));
  EXPECT_THAT(faults_of("service: a..svc.x"), HasSubstr("expected a namespace after the dot"));
  EXPECT_THAT(faults_of("service: a.b.c"), HasSubstr("expected svc after the namespace"));
  EXPECT_THAT(faults_of("service: a.b.svc"), HasSubstr("expected the domain of the cluster"));
  EXPECT_THAT(faults_of("service: a, ports: [4317, 0]"),
              HasSubstr("resolver.k8s.ports: 0: expected a port from 1 to 65535"));
  EXPECT_THAT(faults_of("service: a, ports: [otlp]"), HasSubstr("otlp: expected a port"));
  EXPECT_THAT(faults_of("service: a, timeout: 10ms"), HasSubstr("must be from 1s to 1h"));
  const auto with_server = [&](const std::string& url) {
    return faults_of("service: a", "spanring: {kubernetes: {api_server: \"" + url + "\"}}\n");
  };
  EXPECT_THAT(with_server("http://127.0.0.1:8001"),
              HasSubstr("spanring.kubernetes.api_server: expected https://host:port"));
  EXPECT_THAT(with_server("https://"), HasSubstr("expected https://host:port"));
  EXPECT_THAT(with_server("https://a:b"), HasSubstr("expected https://host:port"));
  EXPECT_THAT(faults_of("service: a", "spanring: {kubernetes: {token_file: \"\"}}\n"),
              HasSubstr("kubernetes.token_file: expected the path of a file"));
}

// Scenario: keys that another mechanism replaces, and the two processors that are known.
// Guarantees: accepted, one warning for the whole block, which says what happens instead.
TEST(ConfigFaultsTest, ReplacedKeysGiveOneWarningEach) {
  EXPECT_EQ(
      WarningsOf(WithKey("exporters.loadbalancing.sending_queue",
                         "{enabled: true, queue_size: 5, batch: {min_size: 1}}")),
      "f.yaml:3: exporters.loadbalancing.sending_queue: done otherwise here (there is no queue: a "
      "client is told OK only after every backend has said OK, and waiting bytes are bounded by "
      "spanring.memory and spanring.backend)\n");
  EXPECT_THAT(WarningsOf(WithKey("exporters.loadbalancing.protocol.otlp.retry_on_failure", "{}")),
              HasSubstr("which failure is worth another try"));
  EXPECT_THAT(WarningsOf(WithKey("exporters.loadbalancing.protocol.otlp.endpoint", "placeholder")),
              HasSubstr("has no effect here (the backends come from the resolver)"));
  EXPECT_EQ(WarningsOf(WithKey("exporters.loadbalancing.sending_queue", "{enabled: false}")), "");
  EXPECT_THAT(WarningsOf(WithKey("exporters.debug", "{}")), HasSubstr("it is not started"));
  const std::string warnings = WarningsOf(std::string(kMinimal) + R"(
receivers: {otlp: {protocols: {grpc: }}}
processors: {batch: , memory_limiter: {limit_mib: 400}, memory_limiter/unused: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [loadbalancing]}
)");
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), '\n'), 2) << warnings;
  EXPECT_THAT(warnings, HasSubstr("memory_limiter is not run (spanring bounds its own memory"));
  EXPECT_THAT(warnings, HasSubstr("batch is not run (spanring forwards requests"));
}

// Scenario: a variable that is not set: as a scalar, and as the host of a listener.
// Guarantees: a warning and an empty value; but never a listener on every address by accident
// (H-01).
TEST(ConfigFaultsTest, UnsetVariableIsAWarningAndEmpty) {
  EXPECT_EQ(
      WarningsOf(WithKey("spanring.workers", "'${env:W}'")),
      "f.yaml:11: the environment variable W is not set; empty is used (${env:W:-default} gives it "
      "a default)\n");
  EXPECT_THAT(FaultsOf(WithKey("receivers.otlp.protocols.grpc.endpoint", "'${env:IP}:4317'")),
              HasSubstr("every address would be served"));
}

// Scenario: wrong values that come from the environment, and secret headers.
// Guarantees: messages show how the file refers to them, never the values (H-07).
TEST(ConfigFaultsTest, MessagesNeverShowValuesOfTheEnvironmentOrOfHeaders) {
  const std::map<std::string, std::string> env{{"S", "s3cret"}, {"L", "['s3cret:x']"}};
  for (const std::string& text :
       {WithKey("spanring.workers", "'${env:S}'"), WithKey("spanring.dns.servers", "['${env:S}']"),
        WithKey("spanring.dns.servers", "'${env:L}'"),
        WithKey("exporters.loadbalancing.protocol.otlp.headers",
                "{te: s3cret, a-bin: '${env:S}'}")}) {
    const std::string faults = FaultsOf(text, env);
    EXPECT_THAT(faults, Not(IsEmpty()));
    EXPECT_THAT(faults, Not(HasSubstr("s3cret")));
  }
}

// Scenario: text that is not YAML, or not one map.
// Guarantees: line and column where the parser has them; no exception.
TEST(ConfigFaultsTest, SyntaxFaultsHaveLineAndColumn) {
  EXPECT_EQ(FaultsOf("a: [1, 2\nb: 3\n").substr(0, 11), "f.yaml:2:2:");
  EXPECT_THAT(FaultsOf("a: b: c\n"), HasSubstr("f.yaml:1:5: not valid YAML"));
  EXPECT_THAT(FaultsOf("a: *nowhere"), HasSubstr("f.yaml:1:4: not valid YAML"));
  EXPECT_THAT(FaultsOf(std::string(kMinimal) + "---\na: b\n"),
              HasSubstr("more than one YAML document"));
  EXPECT_THAT(FaultsOf(""), HasSubstr("the file has no configuration"));
  EXPECT_THAT(FaultsOf("# only a comment\n"), HasSubstr("the file has no configuration"));
  EXPECT_THAT(FaultsOf("- a\n"), HasSubstr("the file has no configuration"));
  EXPECT_THAT(FaultsOf("[a]: b"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(FaultsOf("a: &a [*a]"), HasSubstr("alias"));
  EXPECT_THAT(FaultsOf("<<: x"), HasSubstr("takes a map or a list of maps"));
  EXPECT_THAT(FaultsOf("a: !!binary eA=="), HasSubstr("tags other than"));
  EXPECT_THAT(FaultsOf(std::string("a: b\nc: \x04")), HasSubstr("f.yaml:2: a control character"));
}

// Scenario: keys with control characters and of great length.
// Guarantees: a message stays one short printable line (A-26).
TEST(ConfigFaultsTest, MessagesArePrintableLines) {
  const std::string faults = FaultsOf(std::string(kMinimal) + "\"a\\n\\e[31m\": 1\n");
  EXPECT_THAT(faults, HasSubstr("a??[31m: unknown key"));
  EXPECT_LT(FaultsOf(std::string(kMinimal) + std::string(900, 'k') + ": 1\n").size(), 300u);
}

// Scenario: a file at the size limit and one byte more.
// Guarantees: the first is read, the second refused without being parsed.
TEST(ConfigFaultsTest, FilesAreBoundedInSize) {
  std::string text = std::string(kMinimal) + "#";
  text.resize(kYamlBytesMax, 'x');
  EXPECT_EQ(FaultsOf(text), "");
  EXPECT_EQ(FaultsOf(text + "x"), "f.yaml: the file is larger than 1 MiB\n");
}

// Scenario: lists nested to the limit and one deeper, written out and by aliases.
// Guarantees: the bound holds either way.
TEST(ConfigFaultsTest, NestingIsBounded) {
  const auto nested = [](std::size_t depth) {  // the map around it is one level
    return "x: " + std::string(depth - 1, '[') + std::string(depth - 1, ']');
  };
  EXPECT_THAT(FaultsOf(nested(kYamlDepthMax)), Not(HasSubstr("nested")));
  EXPECT_THAT(FaultsOf(nested(kYamlDepthMax + 1)), HasSubstr("nested more than 64"));
  EXPECT_THAT(FaultsOf(nested(100'000)), HasSubstr("nested more than 64"));
  std::string by_alias = "a0: &a0 []\n";
  for (int i = 1; i <= 64; ++i) {
    const std::string last = std::to_string(i - 1);
    const std::string name = std::to_string(i);
    by_alias += "a" + name + ": &a" + name + " [*a" + last + "]\n";
  }
  EXPECT_THAT(FaultsOf(by_alias), HasSubstr("nested more than 64"));
}

// Scenario: "billion laughs", with lists and with merge keys.
// Guarantees: refused at the hundred-thousandth value, at once.
TEST(ConfigFaultsTest, AliasBombsAreBounded) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  std::string merges = "m0: &m0 {a: 1}\n";
  for (int i = 1; i <= 20; ++i) {
    const std::string last = std::to_string(i - 1);
    const std::string name = std::to_string(i);
    bomb += "a" + name + ": &a" + name + " [";
    merges += "m" + name + ": &m" + name + " {<<: [";
    for (int j = 0; j < 10; ++j) {
      bomb += (j == 0 ? "*a" : ", *a") + last;
      merges += (j == 0 ? "*m" : ", *m") + last;
    }
    bomb += "]\n";
    merges += "], k" + name + ": 1}\n";
  }
  EXPECT_THAT(FaultsOf(bomb), HasSubstr("more than 100000 values"));
  EXPECT_THAT(FaultsOf(merges), HasSubstr("more than 100000 values"));
  std::string many = "x: [";
  for (std::size_t i = 0; i < kYamlNodesMax; ++i) {
    many += "1,";
  }
  EXPECT_THAT(FaultsOf(many + "]"), HasSubstr("more than 100000 values"));
}

// Scenario: one variable of 60,000 bytes, referred to often enough for more than 1 MiB.
// Guarantees: refused at the bound, not parsed to the end.
TEST(ConfigFaultsTest, ExpandedVariablesAreBounded) {
  const std::map<std::string, std::string> env{{"A", std::string(60'000, 'a')}};
  const auto references = [](int count) {
    std::string text = "x: [";
    for (int i = 0; i < count; ++i) {
      text += "'${A}', ";
    }
    return text + "]";
  };
  EXPECT_THAT(FaultsOf(references(17), env), Not(HasSubstr("1 MiB")));
  EXPECT_THAT(FaultsOf(references(18), env), HasSubstr("more than 1 MiB of values from"));
}

// Scenario: forty thousand unknown keys.
// Guarantees: a hundred faults and a note that there are more.
TEST(ConfigFaultsTest, FaultsAreBoundedInNumber) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) {
    text += "unknown" + std::to_string(i) + ": 1\n";
  }
  const ConfigReport report = ReadText(text);
  ASSERT_THAT(report.faults, SizeIs(FaultLog::kEntriesMax + 1));
  EXPECT_THAT(report.faults.back().message, HasSubstr("there are more"));
}

}  // namespace
}  // namespace router
