#include "router/admin/telemetry.h"

#include <fmt/format.h>

#include <functional>

#include "router/admin/backend_sum.h"
#include "router/admin/collector_metrics.h"
#include "router/admin/metrics_page.h"
#include "router/admin/process_usage.h"

namespace router {
namespace {

using prometheus::MetricType;
using Page = MetricsPage;

template <typename Read>
double Sum(const Telemetry& telemetry, Read read) {
  std::uint64_t sum = 0;
  for (const auto& worker : telemetry.workers) sum += read(*worker.ledger);
  return static_cast<double>(sum);
}

// Requests or spans, and the ways they can go.
void AddColumn(Page& page, const Telemetry& telemetry, const std::string& what,
               LedgerColumn Ledger::*column) {
  const auto sum = [&](auto read) {
    return Sum(telemetry, [&](const Ledger& ledger) { return read(ledger.*column).Value(); });
  };
  page.Counter("spanring_received_" + what + "_total", "Received from clients: " + what,
               sum([](const LedgerColumn& c) -> const Counter& { return c.received; }));
  page.Counter("spanring_forwarded_" + what + "_total", "Accepted by their backends: " + what,
               sum([](const LedgerColumn& c) -> const Counter& { return c.forwarded; }));
  page.Begin(MetricType::Counter, "spanring_rejected_" + what + "_total",
             "Refused for good, must not be sent again: " + what);
  for (std::size_t i = 0; i < kRejectReasonCount; ++i) {
    if (i == RejectIndex(RejectReason::kBackend, GrpcCode::kOk)) continue;  // no such refusal
    page.AddCounter({{"reason", RejectLabel(i)}},
                    sum([i](const LedgerColumn& c) -> const Counter& { return c.rejected[i]; }));
  }
  page.Begin(MetricType::Counter, "spanring_refused_" + what + "_total",
             "Not delivered now, the client was told to try again: " + what);
  for (std::size_t i = 0; i < kRefuseReasonCount; ++i) {
    page.AddCounter({{"reason", kRefuseReasonNames[i]}},
                    sum([i](const LedgerColumn& c) -> const Counter& { return c.refused[i]; }));
  }
  page.Counter("spanring_cancelled_" + what + "_total",
               "The client went away before a backend accepted: " + what,
               sum([](const LedgerColumn& c) -> const Counter& { return c.cancelled; }));
  if (column == &Ledger::spans) {
    page.Counter("spanring_suppressed_spans_total",
                 "Not sent again, having been delivered when the client sent them before",
                 sum([](const LedgerColumn& c) -> const Counter& { return c.suppressed; }));
  }
  page.Gauge("spanring_in_flight_" + what, "Received and not yet decided: " + what,
             sum([](const LedgerColumn& c) -> const Counter& { return c.in_flight; }));
}

void AddPerBackend(Page& page, MetricType type, const std::string& name, const std::string& help,
                   const BackendSums& sums, std::uint64_t BackendSum::*value) {
  page.Begin(type, name, help);
  for (const auto& [endpoint, sum] : sums) {
    const auto number = static_cast<double>(sum.*value);
    if (type == MetricType::Counter) {
      page.AddCounter({{"endpoint", endpoint}}, number);
    } else {
      page.AddGauge({{"endpoint", endpoint}}, number);
    }
  }
}

void AddBackends(Page& page, const BackendSums& sums) {
  page.Begin(MetricType::Counter, "spanring_backend_requests_total",
             "Attempts at a backend by outcome");
  for (const auto& [endpoint, sum] : sums) {
    for (std::size_t i = 0; i < kAttemptOutcomeCount; ++i) {
      page.AddCounter({{"endpoint", endpoint}, {"outcome", kAttemptOutcomeNames[i]}},
                      static_cast<double>(sum.attempts[i]));
    }
  }
  AddPerBackend(page, MetricType::Counter, "spanring_backend_spans_total",
                "Spans that a backend accepted", sums, &BackendSum::spans);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_messages_total",
                "gRPC requests sent to a backend, each with one attempt or several", sums,
                &BackendSum::messages);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_unmerged_messages_total",
                "gRPC requests refused for good whose attempts were sent again one by one", sums,
                &BackendSum::unmerged);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_sent_bytes_total",
                "Bytes of requests sent to a backend, as compressed", sums, &BackendSum::bytes);
  AddPerBackend(page, MetricType::Gauge, "spanring_backend_in_flight_requests",
                "Requests at a backend without an answer", sums, &BackendSum::in_flight);
  AddPerBackend(page, MetricType::Gauge, "spanring_backend_waiting_requests",
                "Requests waiting for a place at a backend", sums, &BackendSum::waiting);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_connects_total",
                "Connections opened to a backend", sums, &BackendSum::connects);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_connect_failures_total",
                "Connections to a backend that failed", sums, &BackendSum::failures);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_local_connect_failures_total",
                "Connections that could not be opened for want of descriptors, memory or ports",
                sums, &BackendSum::local_failures);
  AddPerBackend(page, MetricType::Counter, "spanring_backend_retries_total",
                "Attempts at spans that an earlier attempt may have delivered", sums,
                &BackendSum::retries);
  page.Begin(MetricType::Counter, "spanring_backend_tls_failures_total",
             "Connections to a backend that TLS ended, by reason");
  for (const auto& [endpoint, sum] : sums) {
    for (std::size_t i = 1; i < kTlsFaultNames.size(); ++i) {  // 0: none
      page.AddCounter({{"endpoint", endpoint}, {"reason", kTlsFaultNames[i]}},
                      static_cast<double>(sum.tls_faults[i]));
    }
  }
  AddLatency(page, "spanring_backend_latency_milliseconds", sums);
  page.Begin(MetricType::Gauge, "spanring_backend_state",
             "How many workers see a backend in this state");
  for (const auto& [endpoint, sum] : sums) {
    for (std::size_t i = 0; i < kBackendStateCount; ++i) {
      page.AddGauge({{"endpoint", endpoint}, {"state", kBackendStateNames[i]}},
                    static_cast<double>(sum.states[i]));
    }
  }
}

void AddDiscovery(Page& page, const Telemetry& telemetry, TimePoint now) {
  const ResolverStats& resolver = telemetry.resolver;
  page.Begin(MetricType::Counter, "spanring_resolutions_total", "Attempts to resolve, by outcome");
  for (const auto& [outcome, count] : resolver.resolutions) {
    page.AddCounter({{"outcome", outcome}, {"resolver", resolver.type}},
                    static_cast<double>(count));
  }
  page.Counter("spanring_resolver_tcp_answers_total", "Answers that needed TCP",
               static_cast<double>(resolver.tcp_answers));
  page.Gauge("spanring_resolver_records_cut", "Members over the limit in the last answer",
             static_cast<double>(resolver.records_cut));
  if (resolver.last_success != TimePoint{}) {
    page.Gauge("spanring_backend_list_age_seconds", "Since the last successful resolution",
               std::chrono::duration<double>(now - resolver.last_success).count());
  }
  const RoutingTable& table = *telemetry.table;
  page.Gauge("spanring_ring_members", "Backends on the ring",
             static_cast<double>(table.ring.size()));
  page.Gauge("spanring_ring_generation", "Routing tables built so far",
             static_cast<double>(table.generation));
  if (table.ring.size() == 0) return;  // nothing to compare with that of other replicas
  // A double holds 53 bits: enough to see that two replicas differ; the label has all 64.
  page.Begin(MetricType::Gauge, "spanring_ring_fingerprint",
             "Low 48 bits of the ring's fingerprint; replicas that differ split traces");
  page.AddGauge({{"fingerprint", fmt::format("{:016x}", table.ring.fingerprint())}},
                static_cast<double>(table.ring.fingerprint() & 0xFFFFFFFFFFFF));
}

void AddReloads(Page& page, const ReloadStats& reloads) {
  page.Begin(MetricType::Counter, "spanring_config_reloads_total",
             "Times the configuration was read again");
  page.AddCounter({{"outcome", "applied"}}, static_cast<double>(reloads.applied));
  page.AddCounter({{"outcome", "unchanged"}}, static_cast<double>(reloads.unchanged));
  page.AddCounter({{"outcome", "invalid"}}, static_cast<double>(reloads.invalid));
  page.Gauge("spanring_config_last_reload_successful", "0 when the file had faults the last time",
             reloads.is_last_good ? 1 : 0);
  page.Gauge("spanring_config_last_reload_success_timestamp_seconds",
             "When the configuration was last read without faults",
             std::chrono::duration<double>(reloads.last_success.time_since_epoch()).count());
}

void AddTls(Page& page, const Telemetry& telemetry) {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cpu_us = 0;
  for (const auto& worker : telemetry.workers) {
    if (worker.handshakes == nullptr) continue;
    cpu_us += worker.handshakes->cpu_us().Value();
    completed += worker.handshakes->completed().Value();
    failed += worker.handshakes->failed().Value();
  }
  page.Begin(MetricType::Counter, "spanring_tls_handshakes_total",
             "TLS handshakes of clients, by outcome");
  page.AddCounter({{"outcome", "completed"}}, static_cast<double>(completed));
  page.AddCounter({{"outcome", "failed"}}, static_cast<double>(failed));
  page.Begin(MetricType::Counter, "spanring_tls_handshake_cpu_seconds_total",
             "Processor time that TLS handshakes of clients have taken");
  page.AddCounter({}, static_cast<double>(cpu_us) / 1e6);
  page.Begin(MetricType::Counter, "spanring_tls_reloads_total",
             "Times certificates were read again");
  for (const TlsStats& tls : telemetry.tls) {
    page.AddCounter({{"key", tls.key}, {"outcome", "success"}}, static_cast<double>(tls.reloads));
    page.AddCounter({{"key", tls.key}, {"outcome", "failure"}},
                    static_cast<double>(tls.failed_reloads));
  }
  page.Begin(MetricType::Gauge, "spanring_tls_certificate_expiry_timestamp_seconds",
             "When a certificate expires; of several in a file, the first");
  for (const TlsStats& tls : telemetry.tls) {
    for (const TlsContext::Certificate& certificate : tls.certificates) {
      page.AddGauge({{"key", tls.key + "." + certificate.key}, {"file", certificate.source}},
                    std::chrono::duration<double>(certificate.expires.time_since_epoch()).count());
    }
  }
}

void AddProcess(Page& page, const Telemetry& telemetry, TimePoint now) {
  std::size_t connections = 0;
  for (const auto& worker : telemetry.workers) connections += worker.connections();
  page.Gauge("spanring_client_connections", "Open client connections",
             static_cast<double>(connections));
  page.Gauge("spanring_memory_budget_used_bytes", "Buffered body bytes, in blocks",
             static_cast<double>(telemetry.budget->used()));
  page.Gauge("spanring_memory_budget_limit_bytes", "Limit of buffered body bytes",
             static_cast<double>(telemetry.budget->limit()));
  page.Gauge("spanring_ready", "1 when /readyz says so", telemetry.is_ready ? 1 : 0);
  page.Gauge("spanring_process_resident_bytes", "Resident memory",
             static_cast<double>(ReadProcessUsage().resident_bytes));
  page.Gauge("spanring_process_uptime_seconds", "Since start",
             std::chrono::duration<double>(now - telemetry.started).count());
  page.Begin(MetricType::Gauge, "spanring_build_info", "1, with the version as a label");
  page.AddGauge({{"version", telemetry.version}}, 1);
}

}  // namespace

std::string RenderMetrics(const Telemetry& telemetry, TimePoint now) {
  const BackendSums sums = SumBackends(telemetry);
  Page page;
  AddColumn(page, telemetry, "requests", &Ledger::requests);
  AddColumn(page, telemetry, "spans", &Ledger::spans);
  page.Counter("spanring_received_bytes_total", "Bodies received, after decompression",
               Sum(telemetry, [](const Ledger& ledger) { return ledger.received_bytes.Value(); }));
  page.Counter("spanring_received_http_requests_total",
               "Received over OTLP/HTTP, of all requests received",
               Sum(telemetry, [](const Ledger& ledger) { return ledger.http_requests.Value(); }));
  page.Counter("spanring_shards_total", "Parts that requests were split into",
               Sum(telemetry, [](const Ledger& ledger) { return ledger.shards.Value(); }));
  page.Counter(
      "spanring_invalid_trace_ids_total",
      "Spans whose trace ID is absent, zero or not 16 bytes; routed by the bytes they have",
      Sum(telemetry, [](const Ledger& ledger) { return ledger.invalid_trace_ids.Value(); }));
  page.Counter("spanring_failover_spans_total", "Spans sent to a successor, their owner being down",
               Sum(telemetry, [](const Ledger& ledger) { return ledger.failover_spans.Value(); }));
  page.Counter("spanring_rerouted_spans_total",
               "Spans of failed attempts that were routed anew, the ring or a state having changed",
               Sum(telemetry, [](const Ledger& ledger) { return ledger.rerouted_spans.Value(); }));
  page.Counter("spanring_held_uploads_total",
               "Times that a request body had to wait, the memory budget being nearly full",
               Sum(telemetry, [](const Ledger& ledger) { return ledger.held_uploads.Value(); }));
  AddBackends(page, sums);
  AddDiscovery(page, telemetry, now);
  AddReloads(page, telemetry.reloads);
  AddTls(page, telemetry);
  AddProcess(page, telemetry, now);
  AddCollectorMetrics(page, telemetry, sums, now);
  return page.Text();
}

}  // namespace router
