#include "router/admin/telemetry.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <limits>

namespace router {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

ClientMetric::Label Label(const std::string& name, const std::string& value) {
  ClientMetric::Label label;
  label.name = name;
  label.value = value;
  return label;
}

// Builds the families of one page.
class Page {
 public:
  void Begin(MetricType type, const std::string& name, const std::string& help) {
    MetricFamily& family = families_.emplace_back();
    family.type = type;
    family.name = name;
    family.help = help;
  }
  ClientMetric& Add(const Labels& labels) {
    ClientMetric& metric = families_.back().metric.emplace_back();
    for (const auto& [name, value] : labels) metric.label.push_back(Label(name, value));
    return metric;
  }
  void Counter(const std::string& name, const std::string& help, double value) {
    Begin(MetricType::Counter, name, help);
    AddCounter({}, value);
  }
  void Gauge(const std::string& name, const std::string& help, double value) {
    Begin(MetricType::Gauge, name, help);
    AddGauge({}, value);
  }
  void AddCounter(const Labels& labels, double value) { Add(labels).counter.value = value; }
  void AddGauge(const Labels& labels, double value) { Add(labels).gauge.value = value; }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

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

// The same backend of all workers added up.
struct BackendSum {
  std::array<std::uint64_t, kAttemptOutcomeCount> attempts{};
  std::array<std::uint64_t, BackendMetrics::kLatencyBoundsMs.size() + 1> latency{};
  std::array<std::uint64_t, kBackendStateCount> states{};
  std::uint64_t latency_sum_us = 0;
  std::uint64_t spans = 0, messages = 0, unmerged = 0, bytes = 0, in_flight = 0, waiting = 0,
                connects = 0, failures = 0, local_failures = 0, retries = 0;
  std::array<std::uint64_t, kTlsFaultNames.size()> tls_faults{};

  void Add(const BackendMetrics& metrics) {
    for (std::size_t i = 0; i < attempts.size(); ++i) attempts[i] += metrics.attempts[i].Value();
    for (std::size_t i = 0; i < latency.size(); ++i) latency[i] += metrics.latency[i].Value();
    ++states[static_cast<std::size_t>(metrics.state.load(std::memory_order_relaxed))];
    latency_sum_us += metrics.latency_sum_us.Value();
    spans += metrics.spans_accepted.Value();
    messages += metrics.messages.Value();
    unmerged += metrics.unmerged.Value();
    bytes += metrics.bytes_sent.Value();
    in_flight += metrics.in_flight.Value();
    waiting += metrics.waiting.Value();
    connects += metrics.connects.Value();
    failures += metrics.connect_failures.Value();
    local_failures += metrics.local_connect_failures.Value();
    retries += metrics.retries.Value();
    for (std::size_t i = 0; i < tls_faults.size(); ++i)
      tls_faults[i] += metrics.tls_faults[i].Value();
  }
};
using BackendSums = std::map<std::string, BackendSum>;

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

void AddLatency(Page& page, const std::string& name, const BackendSums& sums) {
  page.Begin(MetricType::Histogram, name, "Time from sending to a backend until its answer, in ms");
  for (const auto& [endpoint, sum] : sums) {
    auto& histogram = page.Add({{"endpoint", endpoint}}).histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < sum.latency.size(); ++i) {
      cumulative += sum.latency[i];
      ClientMetric::Bucket bucket;
      bucket.cumulative_count = cumulative;
      bucket.upper_bound = i < BackendMetrics::kLatencyBoundsMs.size()
                               ? BackendMetrics::kLatencyBoundsMs[i]
                               : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back(bucket);
    }
    histogram.sample_count = cumulative;
    histogram.sample_sum = static_cast<double>(sum.latency_sum_us) / 1000;
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
  // A double holds 53 bits: enough to see that two replicas differ; the label has all 64.
  page.Begin(MetricType::Gauge, "spanring_ring_fingerprint",
             "Low 48 bits of the ring's fingerprint; replicas that differ split traces");
  page.AddGauge({{"fingerprint", fmt::format("{:016x}", table.ring.fingerprint())}},
                static_cast<double>(table.ring.fingerprint() & 0xFFFFFFFFFFFF));
}

// The names of the Collector's own exporter, so that its dashboards keep working.
void AddCollectorNames(Page& page, const Telemetry& telemetry, const BackendSums& sums) {
  const std::string suffix = telemetry.without_type_suffix ? "" : "_total";
  const ResolverStats& resolver = telemetry.resolver;
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  for (const auto& [outcome, count] : resolver.resolutions)
    (outcome == "success" ? good : bad) += count;
  page.Begin(MetricType::Counter, "otelcol_loadbalancer_num_resolutions" + suffix,
             "Number of times the resolver has triggered new resolutions");
  page.AddCounter({{"resolver", resolver.type}, {"success", "true"}}, static_cast<double>(good));
  page.AddCounter({{"resolver", resolver.type}, {"success", "false"}}, static_cast<double>(bad));
  page.Begin(MetricType::Gauge, "otelcol_loadbalancer_num_backends",
             "Current number of backends in use");
  page.AddGauge({{"resolver", resolver.type}}, static_cast<double>(telemetry.table->ring.size()));
  page.Begin(MetricType::Counter, "otelcol_loadbalancer_num_backend_updates" + suffix,
             "Number of times the list of backends was updated");
  page.AddCounter({{"resolver", resolver.type}}, static_cast<double>(resolver.updates));
  AddLatency(page,
             std::string("otelcol_loadbalancer_backend_latency") +
                 (telemetry.without_units ? "" : "_milliseconds"),
             sums);
  page.Begin(MetricType::Counter, "otelcol_loadbalancer_backend_outcome" + suffix,
             "Number of successes and failures for each endpoint");
  for (const auto& [endpoint, sum] : sums) {
    std::uint64_t failures = 0;
    for (const AttemptOutcome outcome :
         {AttemptOutcome::kPermanent, AttemptOutcome::kTransient, AttemptOutcome::kTimeout}) {
      failures += sum.attempts[static_cast<std::size_t>(outcome)];
    }
    page.AddCounter(
        {{"endpoint", endpoint}, {"success", "true"}},
        static_cast<double>(sum.attempts[static_cast<std::size_t>(AttemptOutcome::kOk)]));
    page.AddCounter({{"endpoint", endpoint}, {"success", "false"}}, static_cast<double>(failures));
  }
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

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
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
  page.Gauge("spanring_process_resident_bytes", "Resident memory", ResidentBytes());
  page.Gauge("spanring_process_uptime_seconds", "Since start",
             std::chrono::duration<double>(now - telemetry.started).count());
  page.Begin(MetricType::Gauge, "spanring_build_info", "1, with the version as a label");
  page.AddGauge({{"version", telemetry.version}}, 1);
}

}  // namespace

std::string RenderMetrics(const Telemetry& telemetry, TimePoint now) {
  BackendSums sums;
  for (const auto& worker : telemetry.workers) {
    for (const auto& [name, metrics] : worker.backends) sums[name].Add(*metrics);
  }
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
  AddCollectorNames(page, telemetry, sums);
  return page.Text();
}

}  // namespace router
