// LoadResults: what became of the requests of a run.
//
// Thread safety: a value, filled by one thread.
// Invariants: issued = ok + Σ errors (all but "goaway", which is about a connection) + in flight; a
// span is acknowledged only by a plain OK: HTTP 200, grpc-status 0, an empty message (no
// partial_success).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "bench/load/latency_histogram.h"

namespace bench {

struct LoadResults {
  std::uint64_t issued = 0;
  std::uint64_t ok = 0;
  std::uint64_t spans_sent = 0;
  std::uint64_t spans_acknowledged = 0;
  std::uint64_t bytes_sent = 0;
  LatencyHistogram latency;
  // "grpc 14", "http 502", "reset 8", "partial_success", "closed" … and one message of each.
  std::map<std::string, std::uint64_t> errors;
  std::map<std::string, std::string> error_messages;

  void Succeed(std::uint32_t spans) {
    ++ok;
    spans_acknowledged += spans;
  }
  void AddLatency(std::chrono::steady_clock::time_point since) {
    const auto taken = std::chrono::steady_clock::now() - since;
    latency.Add(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count()));
  }
  void Fail(const std::string& code, const std::string& message) {
    ++errors[code];
    error_messages.try_emplace(code, message);
  }
};

}  // namespace bench
