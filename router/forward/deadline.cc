#include "router/forward/deadline.h"

#include <algorithm>

namespace router {

milliseconds RequestBudget(std::optional<milliseconds> client_timeout,
                           const DeadlineOptions& options) {
  if (!client_timeout.has_value()) return options.default_timeout;
  // A timeout beyond the maximum needs no margin: the client waits longer than we do.
  const milliseconds margin =
      std::min(std::max(milliseconds(50), *client_timeout / 20), *client_timeout / 2);
  return std::clamp(*client_timeout - margin, milliseconds(0), options.timeout_max);
}

}  // namespace router
