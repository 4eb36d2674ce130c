// One service of the shop: sends its share of the order flow as an OpenTelemetry SDK would.
//
// Spans are batched when they end and exported when 512 are waiting or a second has passed, one
// export at a time, ten seconds each at most; what may be sent again is, with backoff.
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "examples/demo/order_flow.h"

namespace router::demo {

struct ServiceOptions {
  Role role = Role::kGateway;
  FlowOptions flow;
  std::vector<std::string> endpoints;  // "address:port"; several are dealt requests in turn
  bool gzip = false;
  std::chrono::steady_clock::time_point begin;  // the flow's beginning
};

// What a service prints as its last line, and the judge reads.
struct ServiceReport {
  std::uint64_t requests = 0;
  std::uint64_t spans = 0;
  std::uint64_t acknowledged = 0;  // spans of requests answered OK, less those reported rejected
  std::uint64_t retries = 0;

  std::string ToLine() const;
  // Zeros when the line is none of ToLine's.
  static ServiceReport FromLine(const std::string& line);
};

ServiceReport RunService(const ServiceOptions& options);

}  // namespace router::demo
