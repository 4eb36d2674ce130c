// The Collector's names: what its dashboards and alerts ask for, told from what spanring counts.
//
// Suffixes (`_total`, units) as the reader's two flags say, as in the Collector. Labels are the ids
// of the configuration file.
// Thread safety: control thread only.
#pragma once

#include <string>

#include "router/admin/backend_sum.h"
#include "router/admin/metrics_page.h"
#include "router/admin/telemetry.h"

namespace router {

void AddCollectorMetrics(MetricsPage& page, const Telemetry& telemetry, const BackendSums& sums,
                         TimePoint now);

// A histogram of all attempts that were answered, by endpoint, in ms.
void AddLatency(MetricsPage& page, const std::string& name, const BackendSums& sums);

}  // namespace router
