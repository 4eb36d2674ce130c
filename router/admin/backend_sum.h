// BackendSum: what all workers have counted for one backend, added up.
// Thread safety: a value; made on the control thread from counters that the workers write.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "router/admin/telemetry.h"

namespace router {

struct BackendSum {
  std::array<std::uint64_t, kAttemptOutcomeCount> attempts{};
  std::array<std::uint64_t, BackendMetrics::kLatencyBoundsMs.size() + 1> latency{};
  std::array<std::uint64_t, kBackendStateCount> states{};
  std::uint64_t latency_sum_us = 0;
  std::uint64_t spans = 0, messages = 0, unmerged = 0, bytes = 0, in_flight = 0, waiting = 0,
                connects = 0, failures = 0, local_failures = 0, retries = 0;
  std::array<std::uint64_t, kTlsFaultNames.size()> tls_faults{};

  void Add(const BackendMetrics& metrics);
};
using BackendSums = std::map<std::string, BackendSum>;  // by name

BackendSums SumBackends(const Telemetry& telemetry);

}  // namespace router
