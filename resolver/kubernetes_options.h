// KubernetesOptions: which Service's EndpointSlices are the backends, and how the API server is
// asked.
// Thread safety: a value.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resolver/dns_options.h"

namespace resolver {

// Where the API server is and how to speak to it. Both files are read again for each request, since
// Kubernetes replaces them.
struct ApiServer {
  std::string host;  // a name or an address, without brackets; empty: not known
  std::uint16_t port = 443;
  std::string token_file;
  std::string ca_file;
  DnsOptions dns;  // when `host` is a name; its hostname and port are not used
};

struct KubernetesOptions {
  ApiServer server;
  std::string service;               // a DNS label
  std::string service_namespace;     // a DNS label
  std::vector<std::uint16_t> ports;  // a member for each; empty: kDefaultPort is dialled and
                                     // collector names carry no port
  bool return_hostnames = false;     // members are named "hostname.service.namespace"
  std::chrono::milliseconds timeout{60'000};  // one page of a list
  // A watch is ended and renewed after this long: what it says of itself is never older.
  std::chrono::milliseconds watch_max{30'000};
  std::chrono::milliseconds watch_grace{5'000};  // for the server to end it; then we do
  // Events within this time of the first are taken together.
  std::chrono::milliseconds settle{50};
  std::chrono::milliseconds connect_timeout{5'000};  // TCP and TLS, each
  std::chrono::milliseconds answer_timeout{10'000};  // without a byte of an answer
  std::chrono::milliseconds retry_min{100};          // after a failure; doubles
  std::chrono::milliseconds retry_max{10'000};
  std::optional<std::uint64_t> jitter_seed;  // none: random; tests fix it
};

}  // namespace resolver
