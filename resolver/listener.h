// Listener: what a resolver tells. The set of members and the fate of each attempt are two calls,
// so that a failure cannot be mistaken for an empty set.
//
// Thread safety: called on the resolver's executor, never from inside Start(), and not after
// Stop(). A call may stop or destroy the resolver it came from.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "resolver/endpoint.h"
#include "resolver/outcome.h"

namespace resolver {

struct ResolutionReport {
  std::string hostname;  // as configured
  // Success when any record was found; else why not. The families apart, for a log line:
  Outcome outcome = Outcome::kOther;
  Outcome v4 = Outcome::kOther;
  Outcome v6 = Outcome::kOther;
  std::size_t records = 0;           // distinct members in this answer, at most kEndpointsMax
  std::size_t cut = 0;               // members over kEndpointsMax, left out
  std::size_t unusable = 0;          // records nobody can connect to, left out
  bool used_tcp = false;             // an answer was too long for UDP
  std::optional<std::uint32_t> ttl;  // smallest of the records, seconds
  std::chrono::milliseconds elapsed{0};
  std::string detail;  // for a person; empty on success
};

class Listener {
 public:
  virtual ~Listener() = default;
  // The set changed. Never empty. Comes before the OnResolution of the same attempt.
  virtual void OnEndpoints(const EndpointSet& endpoints) = 0;
  // One attempt ended, well or badly. The set that OnEndpoints gave last stays valid either way.
  virtual void OnResolution(const ResolutionReport& report) = 0;
};

}  // namespace resolver
