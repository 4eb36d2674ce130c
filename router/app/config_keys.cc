#include "router/app/config_keys.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "router/app/config_tls.h"

namespace router {
namespace {

using enum ValueType;

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;

constexpr ConfigKey Key(std::string_view path, ValueType type, std::string_view text) {
  return {.path = path, .type = type, .text = text};
}
constexpr ConfigKey Mapped(std::string_view path, ValueType type, std::string_view text) {
  return {.path = path, .type = type, .treatment = Treatment::kMapped, .text = text};
}
constexpr ConfigKey Ignored(std::string_view path, ValueType type, std::string_view text) {
  return {.path = path, .type = type, .treatment = Treatment::kIgnored, .text = text};
}
constexpr ConfigKey Later(std::string_view path, std::string_view text) {
  return {.path = path, .type = kAny, .treatment = Treatment::kLater, .text = text};
}

// Texts that several keys share.
constexpr std::string_view kTracesOnly = "spanring serves traces only";
constexpr std::string_view kAuth = "use bearertokenauth or basicauth";
constexpr std::string_view kAuthenticator =
    "The id of a `bearertokenauth` or `basicauth` in `extensions`.";
constexpr std::string_view kServerAge =
    "limits on the age of client connections and pings to clients; remove it";
constexpr std::string_view kBuffers = "spanring sizes its buffers itself";
constexpr std::string_view kOwnPings = "a dead connection is noticed by TCP_USER_TIMEOUT";
constexpr std::string_view kRetry =
    "the client is told at once which failure is worth another try, with a RetryInfo, and keeps "
    "its "
    "data until then";
constexpr std::string_view kQueue =
    "there is no queue: a client is told OK only after every backend has said OK, and waiting "
    "bytes "
    "are bounded by spanring.memory and spanring.backend";
constexpr std::string_view kDiskQueue = "a queue on disk; remove it";
constexpr std::string_view kOwnLog = "spanring logs one line per event to standard error";

constexpr std::array kKeys = std::to_array<ConfigKey>({
    Key("receivers", kComponents,
        "Where spans come from; the one that the traces pipeline names is served."),
    Key("receivers.otlp", kSection, "The OTLP receiver."),
    Key("receivers.otlp.protocols", kSection,
        "The protocols it speaks: those that stand here, or both without this block."),
    Key("receivers.otlp.protocols.grpc", kSection,
        "OTLP over gRPC; its presence, even empty, switches it on."),
    Key("receivers.otlp.protocols.grpc.endpoint", kListen,
        "The address to listen on; an empty host listens on every address.")
        .Default("localhost:4317")
        .AtStart(),
    Key("receivers.otlp.protocols.grpc.transport", kChoice, "The transport.")
        .Default("tcp")
        .OneOf("tcp", "unix|tcp4|tcp6"),
    Key("receivers.otlp.protocols.grpc.max_recv_msg_size_mib", kInteger,
        "The largest request, in MiB after decompression; a larger one is refused for good.")
        .Default("64")
        .Within(1, 1024)
        .OrZero(),
    Key("receivers.otlp.protocols.grpc.max_concurrent_streams", kInteger,
        "Requests in flight on one connection; more wait in the client.")
        .Default("1000")
        .Within(1, 100'000)
        .OrZero(),
    Ignored("receivers.otlp.protocols.grpc.read_buffer_size", kInteger, kBuffers),
    Ignored("receivers.otlp.protocols.grpc.write_buffer_size", kInteger, kBuffers),
    Key("receivers.otlp.protocols.grpc.include_metadata", kBoolean,
        "Whether a client's headers travel with its spans.")
        .Default("false")
        .OneOf("false", "true"),
    Key("receivers.otlp.protocols.grpc.keepalive", kSection, "Connection keep-alive."),
    Key("receivers.otlp.protocols.grpc.keepalive.server_parameters", kSection,
        "Limits on client connections."),
    Later("receivers.otlp.protocols.grpc.keepalive.server_parameters.max_connection_idle",
          kServerAge),
    Later("receivers.otlp.protocols.grpc.keepalive.server_parameters.max_connection_age",
          kServerAge),
    Later("receivers.otlp.protocols.grpc.keepalive.server_parameters.max_connection_age_grace",
          kServerAge),
    Later("receivers.otlp.protocols.grpc.keepalive.server_parameters.time", kServerAge),
    Later("receivers.otlp.protocols.grpc.keepalive.server_parameters.timeout", kServerAge),
    Ignored("receivers.otlp.protocols.grpc.keepalive.enforcement_policy", kSection,
            "spanring does not count the pings of clients against them"),
    Ignored("receivers.otlp.protocols.grpc.keepalive.enforcement_policy.min_time", kDuration,
            "see enforcement_policy"),
    Ignored("receivers.otlp.protocols.grpc.keepalive.enforcement_policy.permit_without_stream",
            kBoolean, "see enforcement_policy"),
    Key("receivers.otlp.protocols.grpc.tls", kSection, "TLS for clients; absent: plaintext."),
    Key("receivers.otlp.protocols.grpc.auth", kSection, "Who is let in."),
    Key("receivers.otlp.protocols.grpc.auth.authenticator", kString, kAuthenticator),
    Later("receivers.otlp.protocols.grpc.middlewares", "middlewares; remove it"),
    Key("receivers.otlp.protocols.http", kSection,
        "OTLP over HTTP/1.1 and HTTP/2, Protobuf and JSON; its presence, even empty, switches it "
        "on."),
    Key("receivers.otlp.protocols.http.endpoint", kListen,
        "The address to listen on; an empty host listens on every address.")
        .Default("localhost:4318")
        .AtStart(),
    Key("receivers.otlp.protocols.http.traces_url_path", kString, "The path of traces.")
        .Default("/v1/traces"),
    Ignored("receivers.otlp.protocols.http.metrics_url_path", kString, kTracesOnly),
    Ignored("receivers.otlp.protocols.http.logs_url_path", kString, kTracesOnly),
    Key("receivers.otlp.protocols.http.max_request_body_size", kBytes,
        "The largest request after decompression; a larger one is refused for good (413).")
        .Default("67108864")
        .Within(kKiB, kGiB)
        .OrZero(),
    Key("receivers.otlp.protocols.http.compression_algorithms", kCompressionList,
        "What `content-encoding` may name; `\"\"` stands for requests without one.")
        .Default("[\"\", gzip, zstd, zlib, snappy, deflate, lz4]"),
    Key("receivers.otlp.protocols.http.include_metadata", kBoolean,
        "Whether a client's headers travel with its spans.")
        .Default("false")
        .OneOf("false", "true"),
    Key("receivers.otlp.protocols.http.cors", kSection,
        "Which web pages may send traces; none unless `allowed_origins` lists some."),
    Key("receivers.otlp.protocols.http.cors.allowed_origins", kStringList,
        "Origins such as `https://*.example.com`, with at most one `*` each; `*` alone is every "
        "one."),
    Key("receivers.otlp.protocols.http.cors.allowed_headers", kStringList,
        "Request headers besides Accept, Content-Type, Origin and X-Requested-With; `*`: all."),
    Key("receivers.otlp.protocols.http.cors.exposed_headers", kStringList,
        "Response headers that a page may read."),
    Key("receivers.otlp.protocols.http.cors.max_age", kInteger,
        "For how many seconds a browser may remember; 0 leaves it to the browser.")
        .Default("0")
        .Within(0, 86'400),
    Key("receivers.otlp.protocols.http.response_headers", kHeaders,
        "Headers for every answer to a client, at most 16."),
    Key("receivers.otlp.protocols.http.read_header_timeout", kDuration,
        "From the first byte of a request to the end of its headers.")
        .Default("10s")
        .Within(10, kHour)
        .OrZero(),
    Key("receivers.otlp.protocols.http.read_timeout", kDuration,
        "From there to the end of the body; 0 leaves it to the deadline of the request, and to "
        "1 KiB per second at least.")
        .Default("0s")
        .Within(0, kHour),
    Mapped("receivers.otlp.protocols.http.write_timeout", kDuration,
           "a client that takes no byte of its answer for 30 s is closed"),
    Key("receivers.otlp.protocols.http.idle_timeout", kDuration,
        "How long a connection without a request stays open.")
        .Default("5m")
        .Within(10, 24 * kHour)
        .OrZero(),
    Key("receivers.otlp.protocols.http.keep_alives_enabled", kBoolean,
        "false: one request per connection.")
        .Default("true"),
    Key("receivers.otlp.protocols.http.tls", kSection, "TLS for clients; absent: plaintext."),
    Key("receivers.otlp.protocols.http.auth", kSection, "Who is let in."),
    Key("receivers.otlp.protocols.http.auth.authenticator", kString, kAuthenticator),
    Later("receivers.otlp.protocols.http.auth.request_params", "credentials in the URL; remove it"),
    Later("receivers.otlp.protocols.http.middlewares", "middlewares; remove it"),
    Key("exporters", kComponents,
        "Where spans go; `load_balancing` is the same as `loadbalancing`."),
    Key("exporters.loadbalancing", kSection, "The load-balancing exporter."),
    Key("exporters.loadbalancing.routing_key", kChoice, "What decides which backend gets a span.")
        .Default("traceID")
        .OneOf("traceID", "service|attributes|resource|metric|streamID"),
    Later("exporters.loadbalancing.routing_attributes", "routing by attributes; remove it"),
    Mapped(
        "exporters.loadbalancing.timeout", kDuration,
        "the whole request is bounded by the client's deadline and spanring.request.timeout_max"),
    Mapped("exporters.loadbalancing.retry_on_failure", kSection, kRetry),
    Mapped("exporters.loadbalancing.retry_on_failure.enabled", kBoolean, "see retry_on_failure"),
    Mapped("exporters.loadbalancing.retry_on_failure.initial_interval", kDuration,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.retry_on_failure.max_interval", kDuration,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.retry_on_failure.max_elapsed_time", kDuration,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.retry_on_failure.multiplier", kNumber, "see retry_on_failure"),
    Mapped("exporters.loadbalancing.retry_on_failure.randomization_factor", kNumber,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.sending_queue", kSection, kQueue),
    Mapped("exporters.loadbalancing.sending_queue.enabled", kBoolean, "see sending_queue"),
    Mapped("exporters.loadbalancing.sending_queue.num_consumers", kInteger, "see sending_queue"),
    Mapped("exporters.loadbalancing.sending_queue.queue_size", kInteger, "see sending_queue"),
    Mapped("exporters.loadbalancing.sending_queue.sizer", kString, "see sending_queue"),
    Mapped("exporters.loadbalancing.sending_queue.wait_for_result", kBoolean, "see sending_queue"),
    Mapped("exporters.loadbalancing.sending_queue.block_on_overflow", kBoolean,
           "see sending_queue"),
    Later("exporters.loadbalancing.sending_queue.storage", kDiskQueue),
    Mapped("exporters.loadbalancing.sending_queue.batch", kSection,
           "requests are forwarded as they come"),
    Mapped("exporters.loadbalancing.sending_queue.batch.flush_timeout", kDuration, "see batch"),
    Mapped("exporters.loadbalancing.sending_queue.batch.min_size", kInteger, "see batch"),
    Mapped("exporters.loadbalancing.sending_queue.batch.max_size", kInteger, "see batch"),
    Mapped("exporters.loadbalancing.sending_queue.batch.sizer", kString, "see batch"),
    Key("exporters.loadbalancing.protocol", kSection, "How backends are spoken to."),
    Key("exporters.loadbalancing.protocol.otlp", kSection,
        "OTLP over gRPC, the same for every backend."),
    Ignored("exporters.loadbalancing.protocol.otlp.endpoint", kString,
            "the backends come from the resolver"),
    Key("exporters.loadbalancing.protocol.otlp.timeout", kDuration,
        "The longest one attempt at one backend may take, beside 40 % of the time its request has "
        "left (`spanring.request.timeout_max`); 0: only that.")
        .Default("5s")
        .Within(0, 10 * kMinute),
    Key("exporters.loadbalancing.protocol.otlp.compression", kChoice, "How bodies are sent.")
        .Default("gzip")
        .OneOf("gzip|none|snappy|zstd"),
    Key("exporters.loadbalancing.protocol.otlp.headers", kHeaders,
        "Headers for every request to a backend; names in lower case, values kept secret."),
    Key("exporters.loadbalancing.protocol.otlp.tls", kSection,
        "TLS to backends, which is the default: plaintext must be asked for."),
    Ignored("exporters.loadbalancing.protocol.otlp.keepalive", kSection, kOwnPings),
    Ignored("exporters.loadbalancing.protocol.otlp.keepalive.time", kDuration, "see keepalive"),
    Ignored("exporters.loadbalancing.protocol.otlp.keepalive.timeout", kDuration, "see keepalive"),
    Ignored("exporters.loadbalancing.protocol.otlp.keepalive.permit_without_stream", kBoolean,
            "see keepalive"),
    Ignored("exporters.loadbalancing.protocol.otlp.balancer_name", kString,
            "every backend is one address"),
    Ignored("exporters.loadbalancing.protocol.otlp.wait_for_ready", kBoolean,
            "a backend that is down is passed over at once"),
    Ignored("exporters.loadbalancing.protocol.otlp.read_buffer_size", kInteger, kBuffers),
    Ignored("exporters.loadbalancing.protocol.otlp.write_buffer_size", kInteger, kBuffers),
    Later("exporters.loadbalancing.protocol.otlp.authority",
          "another :authority for backends; remove it"),
    Later("exporters.loadbalancing.protocol.otlp.user_agent",
          "another user-agent for backends; remove it"),
    Key("exporters.loadbalancing.protocol.otlp.auth", kSection, "As whom backends are called."),
    Key("exporters.loadbalancing.protocol.otlp.auth.authenticator", kString, kAuthenticator),
    Later("exporters.loadbalancing.protocol.otlp.middlewares", "middlewares; remove it"),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure", kSection, kRetry),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure.enabled", kBoolean,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure.initial_interval", kDuration,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure.max_interval", kDuration,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure.max_elapsed_time", kDuration,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure.multiplier", kNumber,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.protocol.otlp.retry_on_failure.randomization_factor", kNumber,
           "see retry_on_failure"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue", kSection, kQueue),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.enabled", kBoolean,
           "see sending_queue"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.num_consumers", kInteger,
           "see sending_queue"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.queue_size", kInteger,
           "see sending_queue"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.sizer", kString,
           "see sending_queue"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.wait_for_result", kBoolean,
           "see sending_queue"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.block_on_overflow", kBoolean,
           "see sending_queue"),
    Later("exporters.loadbalancing.protocol.otlp.sending_queue.storage", kDiskQueue),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.batch", kSection,
           "requests are forwarded as they come"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.batch.flush_timeout", kDuration,
           "see batch"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.batch.min_size", kInteger,
           "see batch"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.batch.max_size", kInteger,
           "see batch"),
    Mapped("exporters.loadbalancing.protocol.otlp.sending_queue.batch.sizer", kString, "see batch"),
    Key("exporters.loadbalancing.resolver", kSection,
        "Where the list of backends comes from: exactly one of the keys below."),
    Key("exporters.loadbalancing.resolver.static", kSection, "A fixed list."),
    Key("exporters.loadbalancing.resolver.static.hostnames", kTargetList,
        "The backends, each `host` or `host:port`; port 4317 when absent."),
    Key("exporters.loadbalancing.resolver.dns", kSection, "Every address of a name."),
    Key("exporters.loadbalancing.resolver.dns.hostname", kString, "The name to look up."),
    Key("exporters.loadbalancing.resolver.dns.port", kPort, "The port of every backend.")
        .Default("4317")
        .Within(1, 65535),
    Key("exporters.loadbalancing.resolver.dns.interval", kDuration,
        "Time between two lookups, ± 10 %; a shorter TTL shortens it.")
        .Default("5s")
        .Within(100, 24 * kHour)
        .OrZero(),
    Key("exporters.loadbalancing.resolver.dns.timeout", kDuration, "How long one lookup may take.")
        .Default("1s")
        .Within(10, kMinute)
        .OrZero(),
    Key("exporters.loadbalancing.resolver.k8s", kSection,
        "The ready endpoints of a Kubernetes Service, from its EndpointSlices."),
    Key("exporters.loadbalancing.resolver.k8s.service", kString,
        "The Service, `name` or `name.namespace`; without a namespace, that of this pod."),
    Key("exporters.loadbalancing.resolver.k8s.ports", kPortList,
        "The ports of every endpoint, a backend for each; 4317 when absent."),
    Key("exporters.loadbalancing.resolver.k8s.timeout", kDuration,
        "How long listing may take, and a watch at most, which is renewed every 30 s anyhow.")
        .Default("1m")
        .Within(kSecond, kHour)
        .OrZero(),
    Key("exporters.loadbalancing.resolver.k8s.return_hostnames", kBoolean,
        "Name backends `hostname.service.namespace`; for the headless Service of a StatefulSet.")
        .Default("false"),
    Later("exporters.loadbalancing.resolver.aws_cloud_map", "AWS Cloud Map; use dns"),
    Key("processors", kComponents,
        "Only those in the traces pipeline matter, and only two of them are accepted there."),
    Mapped("processors.memory_limiter", kAny,
           "spanring bounds its own memory: spanring.memory.limit"),
    Mapped("processors.batch", kAny,
           "spanring forwards requests as they come; put batch behind the split, in the backends"),
    Key("connectors", kComponents, "None is accepted."),
    Key("extensions", kComponents, "Those named in `service.extensions` are started."),
    Key("extensions.health_check", kSection,
        "The health endpoint; on unless `service.extensions` is there and leaves it out."),
    Key("extensions.health_check.endpoint", kListen, "The address to listen on.")
        .Default("localhost:13133")
        .AtStart(),
    Key("extensions.health_check.path", kString, "The path of the health answer.").Default("/"),
    Later("extensions.health_check.response_body", "other bodies; remove it"),
    Later("extensions.health_check.tls", "TLS for health checks; remove it"),
    Ignored("extensions.health_check.check_collector_pipeline", kAny,
            "it has no effect in the Collector either"),
    Later("extensions.healthcheckv2", "healthcheckv2; use health_check"),
    Mapped("extensions.zpages", kAny, "the status page is on spanring.admin.endpoint"),
    Ignored("extensions.pprof", kAny, "pprof is for Go programs"),
    Ignored("extensions.file_storage", kAny, "nothing is stored on disk"),
    Key("extensions.bearertokenauth", kSection,
        "Tokens: for a receiver each is good, to backends the first is sent."),
    Key("extensions.bearertokenauth.header", kString, "The header that carries the token.")
        .Default("Authorization"),
    Key("extensions.bearertokenauth.scheme", kString,
        "What stands before the token in the header; empty: nothing.")
        .Default("Bearer"),
    Key("extensions.bearertokenauth.token", kString, "The token.").Secret(),
    Key("extensions.bearertokenauth.tokens", kStringList, "Several tokens, instead of `token`.")
        .Secret(),
    Key("extensions.bearertokenauth.filename", kString,
        "A file of tokens, the first word of each line, instead of those above; read again when it "
        "changes."),
    Ignored("extensions.bearertokenauth.retry_on_failure", kAny,
            "a file that is missing at the start is an error"),
    Ignored("extensions.bearertokenauth.wait_for_token_file", kAny,
            "a file that is missing at the start is an error"),
    Key("extensions.basicauth", kSection,
        "Users and passwords: `htpasswd` for a receiver, `client_auth` to backends."),
    Key("extensions.basicauth.htpasswd", kSection,
        "Who is let in: bcrypt, SHA-crypt, Apache's MD5, {SHA}, {SSHA} or plain text."),
    Key("extensions.basicauth.htpasswd.file", kString,
        "A file as Apache's htpasswd writes it; read again when it changes."),
    Key("extensions.basicauth.htpasswd.inline", kString,
        "The same as text; wins over the file for the same user.")
        .Secret(),
    Key("extensions.basicauth.client_auth", kSection, "As whom backends are called."),
    Key("extensions.basicauth.client_auth.username", kString, "The user."),
    Key("extensions.basicauth.client_auth.username_file", kString,
        "A file with the user; wins; read again when it changes."),
    Key("extensions.basicauth.client_auth.password", kString, "The password, kept secret.")
        .Secret(),
    Key("extensions.basicauth.client_auth.password_file", kString,
        "A file with the password; wins; read again when it changes."),
    Later("extensions.oidc", kAuth),
    Later("extensions.headers_setter", kAuth),
    Key("service", kSection,
        "What is switched on. Without it: the only receiver and exporter of the file, or the "
        "defaults."),
    Key("service.extensions", kStringList, "The extensions to start.").AtStart(),
    Key("service.pipelines", kComponents, "Exactly one, of traces."),
    Key("service.pipelines.traces", kSection, "From a receiver to an exporter."),
    Key("service.pipelines.traces.receivers", kStringList, "The one `otlp` receiver."),
    Key("service.pipelines.traces.processors", kStringList,
        "`memory_limiter` and `batch` are accepted and do nothing; any other is refused."),
    Key("service.pipelines.traces.exporters", kStringList, "The one `loadbalancing` exporter."),
    Later("service.pipelines.logs", "only traces are served; remove this pipeline"),
    Later("service.pipelines.metrics", "only traces are served; remove this pipeline"),
    Later("service.pipelines.profiles", "only traces are served; remove this pipeline"),
    Key("service.telemetry", kSection, "What spanring tells about itself."),
    Key("service.telemetry.metrics", kSection, "Its own metrics."),
    Key("service.telemetry.metrics.level", kChoice,
        "`none` switches them off; the other levels are the same.")
        .Default("normal")
        .OneOf("none|basic|normal|detailed")
        .AtStart(),
    Ignored("service.telemetry.metrics.address", kString,
            "the Collector has ignored it since 0.123; use readers[].pull.exporter.prometheus"),
    Later("service.telemetry.metrics.views", "views; remove it"),
    Key("service.telemetry.metrics.readers", kSectionList,
        "At most one: a Prometheus endpoint. An empty list switches metrics off.")
        .AtStart(),
    Later("service.telemetry.metrics.readers[].periodic",
          "pushing metrics; let Prometheus pull them"),
    Key("service.telemetry.metrics.readers[].pull", kSection, "A reader that is asked."),
    Key("service.telemetry.metrics.readers[].pull.exporter", kSection, "How it is asked."),
    Key("service.telemetry.metrics.readers[].pull.exporter.prometheus", kSection, "By Prometheus."),
    Key("service.telemetry.metrics.readers[].pull.exporter.prometheus.host", kString,
        "The host to listen on.")
        .Default("localhost")
        .AtStart(),
    Key("service.telemetry.metrics.readers[].pull.exporter.prometheus.port", kPort,
        "The port to listen on; 0 means any free one.")
        .Default("8888")
        .Within(0, 65535)
        .AtStart(),
    Key("service.telemetry.metrics.readers[].pull.exporter.prometheus.without_type_suffix",
        kBoolean, "No `_total` at the end of counters.")
        .Default("true"),
    Key("service.telemetry.metrics.readers[].pull.exporter.prometheus.without_units", kBoolean,
        "No unit at the end of names.")
        .Default("true"),
    Ignored("service.telemetry.metrics.readers[].pull.exporter.prometheus.without_scope_info",
            kBoolean, "spanring has no scopes"),
    Ignored("service.telemetry.metrics.readers[].pull.exporter.prometheus.with_resource_constant_"
            "labels",
            kAny, "resource attributes are not put on metrics"),
    Key("service.telemetry.logs", kSection, "Its own log, on standard error."),
    Key("service.telemetry.logs.level", kChoice, "What is logged.")
        .Default("info")
        .OneOf("debug|info|warn|error|DEBUG|INFO|WARN|ERROR"),
    Key("service.telemetry.logs.encoding", kChoice,
        "`console`: time, level and text between tabs; `json`: one object per line.")
        .Default("console")
        .OneOf("console|json"),
    Ignored("service.telemetry.logs.output_paths", kAny, kOwnLog),
    Ignored("service.telemetry.logs.error_output_paths", kAny, kOwnLog),
    Ignored("service.telemetry.logs.initial_fields", kAny, kOwnLog),
    Ignored("service.telemetry.logs.sampling", kAny, kOwnLog),
    Ignored("service.telemetry.logs.development", kAny, kOwnLog),
    Ignored("service.telemetry.logs.disable_caller", kAny, kOwnLog),
    Ignored("service.telemetry.logs.disable_stacktrace", kAny, kOwnLog),
    Ignored("service.telemetry.logs.processors", kAny, kOwnLog),
    Ignored("service.telemetry.resource", kAny, "resource attributes are not put on metrics"),
    Ignored("service.telemetry.traces", kAny, "spanring does not trace itself"),
    Key("spanring", kSection,
        "What only spanring has; without this block the file is a Collector's."),
    Key("spanring.workers", kInteger,
        "Threads that carry requests; 0: as many as CPUs this process may use.")
        .Default("0")
        .Within(0, 1024)
        .AtStart(),
    Key("spanring.connections_max", kInteger,
        "Client connections; 0: half of the limit on file descriptors.")
        .Default("0")
        .Within(0, 1'000'000),
    Key("spanring.memory", kSection, "The memory budget."),
    Key("spanring.memory.limit", kBytes,
        "All buffered bodies together; 0: 40 % of the cgroup limit or of RAM, at most 2 GiB.")
        .Default("0")
        .Within(16 * kMiB, 1024 * kGiB)
        .OrZero(),
    Key("spanring.ring", kSection,
        "Which backend owns which trace; must be equal on every replica."),
    Key("spanring.ring.algorithm", kChoice,
        "`spanring`, or the ring of a Collector release: v1 until about 0.130, v2 from 0.131, v3 "
        "from 0.157.")
        .Default("spanring")
        .OneOf("spanring|collector_v1|collector_v2|collector_v3"),
    Key("spanring.ring.slots_log2", kInteger,
        "Logarithm of the slots of the `spanring` ring; 20 for more than 256 backends.")
        .Default("18")
        .Within(16, 22),
    Key("spanring.ring.seed", kInteger, "Another seed gives another ring; only for `spanring`.")
        .Default("0")
        .Within(0, std::numeric_limits<std::int64_t>::max()),
    Key("spanring.dns", kSection, "How DNS is asked."),
    Key("spanring.dns.servers", kServerList,
        "Name servers, each `ip` or `ip:port`; those of /etc/resolv.conf when absent."),
    Key("spanring.dns.srv", kBoolean, "Look up SRV records and take ports from them.")
        .Default("false"),
    Key("spanring.kubernetes", kSection, "How `resolver.k8s` reaches the API server."),
    Key("spanring.kubernetes.api_server", kString,
        "`https://host:port`; when absent, what KUBERNETES_SERVICE_HOST and _PORT say in a pod."),
    Key("spanring.kubernetes.token_file", kString,
        "The token that is sent; read again for each request.")
        .Default("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    Key("spanring.kubernetes.ca_file", kString,
        "The authorities that may sign the API server's certificate; read again for each request.")
        .Default("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"),
    Key("spanring.request", kSection, "Bounds of one client request."),
    Key("spanring.request.spans_max", kInteger, "Spans in it; more are refused for good.")
        .Default("1000000")
        .Within(1, 10'000'000),
    Key("spanring.request.default_timeout", kDuration, "The deadline of a client that names none.")
        .Default("8s")
        .Within(100, 10 * kMinute),
    Key("spanring.request.timeout_max", kDuration, "A later deadline of a client is cut to this.")
        .Default("10s")
        .Within(100, 10 * kMinute),
    Key("spanring.backend", kSection, "Bounds towards one backend, per worker."),
    Key("spanring.backend.connect_timeout", kDuration, "How long connecting may take.")
        .Default("1s")
        .Within(10, kMinute),
    Key("spanring.backend.max_request_bytes", kBytes,
        "The largest body, uncompressed; larger parts are cut. Below the backend's own limit, 4 "
        "MiB by default.")
        .Default("4032KiB")
        .Within(64 * kKiB, 64 * kMiB),
    Key("spanring.backend.in_flight_max", kInteger,
        "Requests in flight at one backend, per worker; later ones wait.")
        .Default("256")
        .Within(1, 10'000),
    Key("spanring.backend.pending_bytes_max", kBytes,
        "Bytes in flight and waiting, uncompressed, per worker; beyond it requests for this "
        "backend are refused "
        "for the moment.")
        .Default("64MiB")
        .Within(kMiB, 16 * kGiB),
    Key("spanring.backend.merged_bytes_max", kBytes,
        "What leaves for a backend at the same moment leaves as one request of at most so many "
        "bytes, uncompressed; no longer than `max_request_bytes`. `0`: nothing is merged.")
        .Default("256KiB")
        .Within(0, 64 * kMiB),
    Key("spanring.auth", kSection, "The rotation of secrets."),
    Key("spanring.auth.rotation_grace", kDuration,
        "How long a secret is still let in after it has left its file: clients change later.")
        .Default("1m")
        .Within(0, 24 * kHour),
    Key("spanring.admin", kSection,
        "The status page, and the same as JSON. It has no credentials."),
    Key("spanring.admin.enabled", kBoolean, "Whether there is one.").Default("true").AtStart(),
    Key("spanring.admin.endpoint", kListen,
        "The address to listen on. Without this key a port that is in use is a warning only.")
        .Default("localhost:13134")
        .AtStart(),
    Key("spanring.admin.allowed_hosts", kStringList,
        "Host names it may be asked by, besides `localhost` and IP addresses."),
    Key("spanring.drain", kSection, "The end of the process after SIGTERM."),
    Key("spanring.drain.delay", kDuration,
        "Not ready, but still serving, so that others notice first.")
        .Default("5s")
        .Within(0, 10 * kMinute),
    Key("spanring.drain.timeout", kDuration, "How long running requests may take after that.")
        .Default("30s")
        .Within(0, 10 * kMinute),
});

// The table above with the keys of every `tls:` section, which are the same wherever one stands.
class ExpandedKeys {
 public:
  ExpandedKeys() {
    for (const ConfigKey& key : kKeys) {
      keys_.push_back(key);
      if (key.type != kSection || !key.path.ends_with(".tls")) continue;
      for (ConfigKey& inner :
           key.path.starts_with("receivers.") ? ServerTlsKeys() : ClientTlsKeys()) {
        paths_.push_back(std::string(key.path).append(".").append(inner.path));
        inner.path = paths_.back();
        keys_.push_back(inner);
      }
    }
  }
  std::span<const ConfigKey> keys() const { return keys_; }

 private:
  std::deque<std::string> paths_;  // does not move what it holds
  std::vector<ConfigKey> keys_;
};

}  // namespace

std::span<const ConfigKey> AllConfigKeys() {
  static const ExpandedKeys all;
  return all.keys();
}

const ConfigKey* FindConfigKey(std::string_view path) {
  const std::span<const ConfigKey> keys = AllConfigKeys();
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [&](const ConfigKey& key) { return key.path == path; });
  return found == keys.end() ? nullptr : &*found;
}

std::string_view NameBelow(std::string_view section, std::string_view path) {
  if (!section.empty()) {
    if (!path.starts_with(section) || path.size() <= section.size() + 1 ||
        path[section.size()] != '.') {
      return {};
    }
    path.remove_prefix(section.size() + 1);
  }
  return path.find('.') == std::string_view::npos ? path : std::string_view();
}

bool IsOneOf(std::string_view value, std::string_view words) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find('|'), words.size());
    if (words.substr(0, end) == value) {
      return true;
    }
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

}  // namespace router
