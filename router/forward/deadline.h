// How long a request may take here, from what the client allows.
// Thread safety: pure functions.
#pragma once

#include <optional>

#include "router/base/clock.h"

namespace router {

struct DeadlineOptions {
  // SDK exporters give up after 10 s by default; answering before they do keeps the verdict ours.
  milliseconds default_timeout{8000};  // the client sent no deadline
  milliseconds timeout_max{10000};     // a longer one is cut to this
};

// The client's timeout less the time an answer needs to travel (5 %, at least 50 ms, at most half
// of it), within the bounds. A timeout of 0 gives 0.
milliseconds RequestBudget(std::optional<milliseconds> client_timeout,
                           const DeadlineOptions& options);

}  // namespace router
