#include "router/admin/collector_metrics.h"

#include <chrono>
#include <limits>
#include <utility>

#include "router/admin/process_usage.h"

namespace router {
namespace {

using prometheus::MetricType;

// The names of the Collector's own exporter, so that its dashboards keep working.
void AddLoadBalancer(MetricsPage& page, const Telemetry& telemetry, const BackendSums& sums) {
  const std::string suffix = telemetry.without_type_suffix ? "" : "_total";
  const ResolverStats& resolver = telemetry.resolver;
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  for (const auto& [outcome, count] : resolver.resolutions)
    (outcome == "success" ? good : bad) += count;
  page.Begin(prometheus::MetricType::Counter, "otelcol_loadbalancer_num_resolutions" + suffix,
             "Number of times the resolver has triggered new resolutions");
  page.AddCounter({{"resolver", resolver.type}, {"success", "true"}}, static_cast<double>(good));
  page.AddCounter({{"resolver", resolver.type}, {"success", "false"}}, static_cast<double>(bad));
  page.Begin(prometheus::MetricType::Gauge, "otelcol_loadbalancer_num_backends",
             "Current number of backends in use");
  page.AddGauge({{"resolver", resolver.type}}, static_cast<double>(telemetry.table->ring.size()));
  page.Begin(prometheus::MetricType::Counter, "otelcol_loadbalancer_num_backend_updates" + suffix,
             "Number of times the list of backends was updated");
  page.AddCounter({{"resolver", resolver.type}}, static_cast<double>(resolver.updates));
  AddLatency(page,
             std::string("otelcol_loadbalancer_backend_latency") +
                 (telemetry.without_units ? "" : "_milliseconds"),
             sums);
  page.Begin(prometheus::MetricType::Counter, "otelcol_loadbalancer_backend_outcome" + suffix,
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

struct SpanSums {
  std::uint64_t accepted = 0;     // the client was or will be told OK for them
  std::uint64_t sent = 0;         // a backend said OK
  std::uint64_t refused = 0;      // the client was told otherwise, or had gone
  std::uint64_t send_failed = 0;  // of these: a backend had its part in it
  std::uint64_t not_queued = 0;   // of these: there was no room
};

SpanSums SumSpans(const Telemetry& telemetry, LedgerColumn Ledger::*column) {
  constexpr auto kOverload = static_cast<std::size_t>(RefuseReason::kOverload);
  SpanSums sums;
  for (const auto& worker : telemetry.workers) {
    const LedgerColumn& spans = worker.ledger->*column;
    sums.sent += spans.forwarded.Value();
    sums.accepted += spans.forwarded.Value() + spans.suppressed.Value();
    sums.refused += spans.cancelled.Value();
    for (std::size_t i = 0; i < kRejectReasonCount; ++i) {
      const std::uint64_t rejected = spans.rejected[i].Value();
      sums.refused += rejected;
      if (i >= RejectIndex(RejectReason::kPartialSuccess)) sums.send_failed += rejected;
    }
    for (std::size_t i = 0; i < kRefuseReasonCount; ++i) {
      const std::uint64_t refused = spans.refused[i].Value();
      sums.refused += refused;
      (i == kOverload ? sums.not_queued : sums.send_failed) += refused;
    }
  }
  return sums;
}

// What the receiver and the exporter of the Collector tell about spans. The queue is the memory
// budget: what waits for backends, in bytes.
void AddPipeline(MetricsPage& page, const Telemetry& telemetry, const BackendSums& sums) {
  const std::string suffix = telemetry.without_type_suffix ? "" : "_total";
  const MetricsPage::Labels exporter = {{"exporter", telemetry.exporter}};
  const SpanSums over_grpc = SumSpans(telemetry, &Ledger::grpc_spans);
  const SpanSums over_http = SumSpans(telemetry, &Ledger::http_spans);
  const SpanSums spans = SumSpans(telemetry, &Ledger::spans);
  const auto receiver = [&](const std::string& name, const std::string& help,
                            std::uint64_t SpanSums::*sum) {
    page.Begin(MetricType::Counter, name + suffix, help);
    for (const auto& [transport, value] :
         {std::pair("grpc", over_grpc.*sum), {"http", over_http.*sum}}) {
      page.AddCounter({{"receiver", telemetry.receiver}, {"transport", transport}},
                      static_cast<double>(value));
    }
  };
  const auto counter = [&](const std::string& name, const std::string& help, std::uint64_t value) {
    page.Begin(MetricType::Counter, name + suffix, help);
    page.AddCounter(exporter, static_cast<double>(value));
  };
  receiver("otelcol_receiver_accepted_spans",
           "Number of spans successfully pushed into the pipeline", &SpanSums::accepted);
  receiver("otelcol_receiver_refused_spans",
           "Number of spans that could not be pushed into the pipeline", &SpanSums::refused);
  counter("otelcol_exporter_sent_spans", "Number of spans successfully sent to destination",
          spans.sent);
  counter("otelcol_exporter_send_failed_spans",
          "Number of spans in failed attempts to send to destination", spans.send_failed);
  counter("otelcol_exporter_enqueue_failed_spans",
          "Number of spans failed to be added to the queue", spans.not_queued);
  std::uint64_t in_flight = 0;
  for (const auto& [endpoint, sum] : sums) in_flight += sum.in_flight;
  const auto gauge = [&](const std::string& name, const std::string& help, double value) {
    page.Begin(MetricType::Gauge, name, help);
    page.AddGauge(exporter, value);
  };
  gauge("otelcol_exporter_queue_size", "Current size of the queue, in bytes",
        static_cast<double>(telemetry.budget->used()));
  gauge("otelcol_exporter_queue_capacity", "Fixed capacity of the queue, in bytes",
        static_cast<double>(telemetry.budget->limit()));
  gauge("otelcol_exporter_in_flight_requests", "Requests at backends without an answer",
        static_cast<double>(in_flight));
}

void AddProcess(MetricsPage& page, const Telemetry& telemetry, TimePoint now) {
  const std::string suffix = telemetry.without_type_suffix ? "" : "_total";
  const ProcessUsage usage = ReadProcessUsage();
  page.Counter(
      "otelcol_process_uptime" + std::string(telemetry.without_units ? "" : "_seconds") + suffix,
      "Uptime of the process", std::chrono::duration<double>(now - telemetry.started).count());
  page.Counter("otelcol_process_cpu_seconds" + suffix, "Total CPU user and system time in seconds",
               usage.cpu_seconds);
  page.Gauge("otelcol_process_memory_rss" + std::string(telemetry.without_units ? "" : "_bytes"),
             "Total physical memory (resident set size)",
             static_cast<double>(usage.resident_bytes));
  page.Begin(MetricType::Gauge, "target_info", "Target metadata");
  page.AddGauge({{"service_name", "spanring"},
                 {"service_version", telemetry.version},
                 {"service_instance_id", telemetry.instance}},
                1);
}

}  // namespace

void AddLatency(MetricsPage& page, const std::string& name, const BackendSums& sums) {
  page.Begin(prometheus::MetricType::Histogram, name,
             "Time from sending to a backend until its answer, in ms");
  for (const auto& [endpoint, sum] : sums) {
    auto& histogram = page.Add({{"endpoint", endpoint}}).histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < sum.latency.size(); ++i) {
      cumulative += sum.latency[i];
      prometheus::ClientMetric::Bucket bucket;
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

void AddCollectorMetrics(MetricsPage& page, const Telemetry& telemetry, const BackendSums& sums,
                         TimePoint now) {
  AddLoadBalancer(page, telemetry, sums);
  AddPipeline(page, telemetry, sums);
  AddProcess(page, telemetry, now);
}

}  // namespace router
