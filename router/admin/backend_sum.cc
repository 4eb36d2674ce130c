#include "router/admin/backend_sum.h"

namespace router {

void BackendSum::Add(const BackendMetrics& metrics) {
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

BackendSums SumBackends(const Telemetry& telemetry) {
  BackendSums sums;
  for (const auto& worker : telemetry.workers) {
    for (const auto& [name, metrics] : worker.backends) sums[name].Add(*metrics);
  }
  return sums;
}

}  // namespace router
