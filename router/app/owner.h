// `spanring owner`: which backend owns a trace now, by the configuration and one resolution.
// Thread safety: call it on the main thread; blocks until the resolver has answered.
#pragma once

#include <string>
#include <vector>

#include "router/app/config.h"

namespace router {

// Prints one line per trace ID (32 hex digits) and the ring's fingerprint. The exit code: 0, or 1
// with the reason on stderr: no ring, or one without the backends of names that did not resolve,
// each of which is named.
int PrintOwners(const Config& config, const std::vector<std::string>& trace_ids);

}  // namespace router
