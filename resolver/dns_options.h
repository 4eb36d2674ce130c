// DnsOptions: how a resolver asks.
// Thread safety: a value.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace resolver {

struct DnsOptions {
  // The name whose records are the backends. With `srv` the full name of the SRV records, such as
  // "_otlp._tcp.collectors.example".
  std::string hostname;
  // Port of every backend; none: kDefaultPort is dialled and collector names carry no port. Unused
  // with `srv`, where each record brings its own.
  std::optional<std::uint16_t> port;
  bool srv = false;

  std::chrono::milliseconds interval{5000};      // from attempt to attempt, ± 10 %
  std::chrono::milliseconds interval_min{1000};  // however short the time to live
  std::chrono::milliseconds timeout{1000};       // of the first try; the second waits twice as long
  int tries = 2;                                 // per server
  std::chrono::milliseconds attempt_max{30'000};  // one whole attempt, all questions together

  std::vector<std::string> servers;  // "ip", "ip:port", "[v6]:port"; empty: those of resolv.conf
  std::optional<std::vector<std::string>> search_domains;  // none: those of resolv.conf
  std::string hosts_file = "/etc/hosts";                   // empty: none

  std::optional<std::uint64_t> jitter_seed;  // none: random; tests fix it
};

}  // namespace resolver
