#include "router/backend/backend_metrics.h"

#include <algorithm>

namespace router {

void BackendMetrics::AddLatency(Duration value) {
  const double ms = std::chrono::duration<double, std::milli>(value).count();
  const auto bound = std::lower_bound(kLatencyBoundsMs.begin(), kLatencyBoundsMs.end(), ms);
  latency[static_cast<std::size_t>(bound - kLatencyBoundsMs.begin())].Add();
  latency_sum_us.Add(static_cast<std::uint64_t>(ms * 1000));
}

}  // namespace router
