// Config: everything the configuration file decides, as plain values with their defaults.
//
// A value type: built by the reader (config_reader.h) or by hand in tests, then only read; safe to
// share between threads once no one writes to it. It knows nothing of YAML, and nothing here is
// checked: what comes out of ReadConfigText() is within the bounds that docs/configuration.md
// lists.
// Invariant: a default here equals the default in the key table (config_keys.h); a test holds
// both.
//
// Headers for backends may carry credentials: never print `Exporter::headers`, nor of `Auth` more
// than its id.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "router/base/log.h"
#include "router/codec/compression.h"
#include "router/ingress/cors.h"
#include "router/transport/tls_settings.h"

namespace router {

struct Config {
  using Milliseconds = std::chrono::milliseconds;

  // A host and a port, as written: the host may be a name, an IPv4 or IPv6 address (no brackets),
  // or empty, which on a listening side means every address.
  struct Address {
    std::string host;
    std::uint16_t port = 0;
    bool operator==(const Address&) const = default;
  };

  // `extensions.bearertokenauth` or `extensions.basicauth`: who is let in, or as whom we go to
  // backends. Secrets.
  struct Auth {
    enum class Kind { kBearer, kBasicServer, kBasicClient };
    std::string id = {};  // as in the file
    Kind kind = Kind::kBearer;
    std::string header = "authorization";  // kBearer; lower case
    std::string scheme = "Bearer";         // kBearer; "": the token stands alone
    std::vector<std::string> tokens = {};  // kBearer, without a file
    std::string file = {};                 // kBearer: of tokens; kBasicServer: of users
    std::string users = {};                // kBasicServer: as in the file
    std::string user = {}, user_file = {}, password = {},
                password_file = {};  // kBasicClient; files win
    bool operator==(const Auth&) const = default;
  };

  // OTLP/HTTP from clients: `receivers.otlp.protocols.http`.
  struct Http {
    bool is_enabled = true;
    Address endpoint{"localhost", 4318};
    std::string traces_path = "/v1/traces";
    std::size_t request_bytes_max = std::size_t{64} << 20;  // counted after decompression
    // By Compression; kNone: requests without a content-encoding.
    std::array<bool, kCompressionCount> compressions = {true, true, true, true, true, true};
    Cors cors;
    std::vector<std::pair<std::string, std::string>> response_headers;  // lower-case names
    Milliseconds header_timeout{10'000};
    Milliseconds read_timeout{0};  // of a body; 0: only its pace counts
    Milliseconds idle_timeout{300'000};
    bool is_keep_alive = true;
    std::optional<Auth> auth = {};
    std::optional<TlsSettings> tls = {};  // nothing: plaintext
    bool operator==(const Http&) const = default;
  };

  // From clients: `receivers.otlp`; the fields of its own are OTLP/gRPC, `protocols.grpc`.
  struct Receiver {
    std::string id = "otlp";  // as in the file; the `receiver` label of the metrics
    Address endpoint{"localhost", 4317};
    std::size_t request_bytes_max = std::size_t{64} << 20;  // counted after decompression
    std::uint32_t concurrent_streams_max = 1000;            // per connection
    std::optional<Auth> auth = {};
    std::optional<TlsSettings> tls = {};  // nothing: plaintext
    bool has_grpc = true;
    Http http = {};
    bool operator==(const Receiver&) const = default;
  };

  // OTLP/gRPC to every backend: `exporters.loadbalancing.protocol.otlp`.
  struct Exporter {
    std::string id = "loadbalancing";  // as in the file; the `exporter` label of the metrics
    Milliseconds timeout{5000};        // one attempt at one backend; 0: only the client's deadline
    Compression compression = Compression::kGzip;
    // Sent with every request; lower-case valid names, no name twice, order of the file. Secrets.
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<Auth> auth = {};
    std::optional<TlsSettings> tls = {};  // nothing: plaintext, which a file must ask for
    bool operator==(const Exporter&) const = default;
  };

  // A backend by name or address. `name` is the text of the file, without a port if it has none
  // there: the Collector's rings hash exactly that. `address.port` is 4317 when the file has none.
  struct StaticHost {
    std::string name;
    Address address;
    bool operator==(const StaticHost&) const = default;
  };
  struct StaticResolver {
    std::vector<StaticHost> hosts;  // never empty after reading
    bool operator==(const StaticResolver&) const = default;
  };
  struct DnsResolver {
    std::string hostname;
    std::uint16_t port = 4317;
    bool has_port = false;  // the file sets one: part of the name that the Collector's rings hash
    Milliseconds interval{5000};
    Milliseconds timeout{1000};
    bool operator==(const DnsResolver&) const = default;
  };

  // The ready endpoints of a Kubernetes Service.
  struct KubernetesResolver {
    std::string service;
    std::string service_namespace = {};     // empty: that of this pod
    std::vector<std::uint16_t> ports = {};  // a backend for each; empty: 4317, which is then no
                                            // part of the name that the Collector's rings hash
    Milliseconds timeout{60'000};
    bool return_hostnames = false;
    bool operator==(const KubernetesResolver&) const = default;
  };

  // `spanring.kubernetes`: how the API server is reached; the defaults are those of every pod.
  struct Kubernetes {
    Address api_server;  // empty host: what the variables KUBERNETES_SERVICE_… say
    std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    bool operator==(const Kubernetes&) const = default;
  };

  // `spanring.dns`: how DNS is asked.
  struct Dns {
    std::vector<Address> servers;  // addresses, not names; empty: /etc/resolv.conf
    bool srv = false;              // look up SRV records; their ports win
    bool operator==(const Dns&) const = default;
  };

  struct Ring {
    enum class Algorithm { kSpanring, kCollectorV1, kCollectorV2, kCollectorV3 };
    Algorithm algorithm = Algorithm::kSpanring;
    unsigned slots_log2 = 18;  // kSpanring only
    std::uint64_t seed = 0;    // kSpanring only
    bool operator==(const Ring&) const = default;
  };

  // What one client request may cost.
  struct Request {
    std::size_t spans_max = 1'000'000;
    Milliseconds default_timeout{8000};  // for a client that sends no deadline
    Milliseconds timeout_max{10000};     // a client's longer deadline is cut to this
    bool operator==(const Request&) const = default;
  };

  // Limits towards one backend. In-flight and pending count per worker, since each worker has its
  // own connection.
  struct Backend {
    Milliseconds connect_timeout{1000};
    // 4 MiB, the Collector's receive limit, less room for what re-compression and framing add.
    std::size_t request_bytes_max = (std::size_t{4} << 20) - (std::size_t{64} << 10);
    std::uint32_t in_flight_max = 256;                      // requests; later ones wait
    std::size_t pending_bytes_max = std::size_t{64} << 20;  // bytes waiting for a free place
    std::size_t merged_bytes_max = std::size_t{256}
                                   << 10;  // of requests that leave as one; 0: none
    bool operator==(const Backend&) const = default;
  };

  // `spanring.auth`
  struct AuthRotation {
    Milliseconds grace{60'000};  // how long a secret is still good after it left its file
    bool operator==(const AuthRotation&) const = default;
  };

  struct Drain {
    Milliseconds delay{5000};     // still serving, already not ready
    Milliseconds timeout{30000};  // after the delay: end of patience with running requests
    bool operator==(const Drain&) const = default;
  };

  // The `health_check` extension.
  struct Health {
    bool is_enabled = true;  // false: `service.extensions` is there and does not name it
    Address endpoint{"localhost", 13133};
    std::string path = "/";
    bool operator==(const Health&) const = default;
  };

  // The Prometheus reader of `service.telemetry.metrics`.
  struct Metrics {
    bool is_enabled = true;  // false: `level: none` or an empty list of readers
    Address endpoint{"localhost", 8888};
    bool without_type_suffix = true;  // no `_total` on counters
    bool without_units = true;        // no `_seconds`, `_bytes` …
    bool operator==(const Metrics&) const = default;
  };

  // `spanring.admin`: the status page and what is behind it.
  struct Admin {
    bool is_enabled = true;
    bool is_default = true;  // the file does not say where: a port in use is no reason to stop
    Address endpoint{"localhost", 13134};
    std::vector<std::string> allowed_hosts;  // names it may be asked by, besides localhost
    // Whether the file says it makes no difference to what is said.
    bool operator==(const Admin& other) const {
      return is_enabled == other.is_enabled && endpoint == other.endpoint &&
             allowed_hosts == other.allowed_hosts;
    }
  };

  enum class LogLevel { kDebug, kInfo, kWarn, kError };

  Receiver receiver;
  Exporter exporter;
  std::variant<StaticResolver, DnsResolver, KubernetesResolver> resolver;
  Health health;
  Metrics metrics;
  LogLevel log_level = LogLevel::kInfo;
  LogEncoding log_encoding = LogEncoding::kConsole;

  // `spanring:`
  std::uint32_t workers = 0;           // 0: as many as CPUs this process may use
  std::uint32_t connections_max = 0;   // 0: half of the file descriptor limit
  std::size_t memory_limit_bytes = 0;  // 0: from the cgroup limit or RAM
  Ring ring;
  Dns dns;
  Kubernetes kubernetes;
  Request request;
  Backend backend;
  AuthRotation auth_rotation;
  Drain drain;
  Admin admin;

  bool operator==(const Config&) const = default;
};

}  // namespace router
