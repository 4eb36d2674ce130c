// RingMember: one member of a ring, a value.
// Thread safety: a value type.
#pragma once

#include <string>

namespace router {

struct RingMember {
  // Canonical and unique, e.g. "10.0.0.1:4317" or "[2001:db8::1]:4317". The Collector's rings hash
  // exactly what the Collector's resolver would produce: without ":4317" when its `port` is not
  // set.
  std::string endpoint;
  double weight = 1.0;

  friend bool operator==(const RingMember&, const RingMember&) = default;
};

}  // namespace router
