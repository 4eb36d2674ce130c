// Telemetry: what /metrics shows, gathered from the workers' counters at each scrape.
//
// Thread safety: control thread only; the counters it reads are written by the workers (relaxed).
// Ownership: borrows the ledgers and the budget, which outlive it; shares the backends' metrics.
// Labels come from the configuration or the ring, never from payload, so the number of series is
// bounded. docs/operations.md lists every name; a test compares it with what RenderMetrics() gives.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "router/backend/backend_metrics.h"
#include "router/base/clock.h"
#include "router/base/memory_budget.h"
#include "router/forward/ledger.h"
#include "router/routing/routing_table.h"
#include "router/transport/handshake_gate.h"
#include "router/transport/tls_context.h"

namespace router {

// What one resolver has done so far. Written on the control thread.
struct ResolverStats {
  std::string type = "dns";                          // label `resolver`: dns, static or k8s
  std::map<std::string, std::uint64_t> resolutions;  // by outcome; "success" is one
  std::uint64_t updates = 0;                         // times the set of backends changed
  std::uint64_t tcp_answers = 0;                     // attempts that fell back to TCP
  std::uint64_t records_cut = 0;                     // members left out by the limit, last attempt
  TimePoint last_success{};
  // The last attempts, the newest first; for the status page.
  struct Attempt {
    std::chrono::system_clock::time_point at;
    std::string hostname;
    std::string outcome;
    std::size_t records = 0;
    std::uint32_t ttl = 0;  // seconds; 0: none
    std::chrono::milliseconds elapsed{0};
    bool used_tcp = false;
    std::string detail;  // for people; may come from the file or a name server
  };
  static constexpr std::size_t kRecentMax = 20;
  std::deque<Attempt> recent;
};

// What came of reading the configuration again. Written on the control thread.
struct ReloadStats {
  std::uint64_t applied = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t invalid = 0;
  bool is_last_good = true;
  std::chrono::system_clock::time_point last_success{};  // the start, or a reload without faults
};

// The TLS of one listener or exporter. Written on the control thread.
struct TlsStats {
  std::string key;  // where it stands in the configuration
  std::vector<TlsContext::Certificate> certificates;
  std::uint64_t reloads = 0;  // times the files were read again
  std::uint64_t failed_reloads = 0;
};

struct Telemetry {
  using BackendList = std::vector<std::pair<std::string, std::shared_ptr<const BackendMetrics>>>;
  struct Worker {
    const Ledger* ledger = nullptr;
    std::function<std::size_t()> connections;
    const HandshakeGate* handshakes = nullptr;  // null: not counted
    BackendList backends;                       // posted by the worker when its pool changes
  };

  std::string version;
  std::string instance;           // host name: the pod, in Kubernetes
  std::string receiver = "otlp";  // the ids of the configuration
  std::string exporter = "loadbalancing";
  TimePoint started{};
  std::vector<Worker> workers;
  const MemoryBudget* budget = nullptr;
  ResolverStats resolver;
  ReloadStats reloads;
  std::vector<TlsStats> tls;  // of those that speak it
  std::shared_ptr<const RoutingTable> table;
  bool is_ready = false;
  bool is_draining = false;
  std::string config_in_force;            // YAML for people, without secrets
  std::vector<std::string> restart_keys;  // changed in the file, and waiting for a restart
  // otelcol_* counters carry `_total` only when the configuration says so, as the Collector's own.
  bool without_type_suffix = true;
  bool without_units = true;  // … and their histogram no `_milliseconds`
};

// Prometheus text format 0.0.4.
std::string RenderMetrics(const Telemetry& telemetry, TimePoint now);

}  // namespace router
