// BackendMetrics: what one worker counted about one backend.
// Thread safety: written by its worker only, read by any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "router/base/clock.h"
#include "router/base/counter.h"
#include "router/transport/tls_fault.h"

namespace router {

// How one attempt at a backend ended, for counting.
enum class AttemptOutcome : std::uint8_t {
  kOk,         // accepted, wholly or in part
  kPermanent,  // refused for good
  kTransient,  // could not be delivered now
  kTimeout,    // no answer in time
  kCancelled,  // given up because nobody waits for it any more
};
inline constexpr std::size_t kAttemptOutcomeCount = 5;
inline constexpr std::array<const char*, kAttemptOutcomeCount> kAttemptOutcomeNames = {
    "ok", "permanent", "transient", "timeout", "cancelled"};

// One state of a backend, see Backend.
enum class BackendState : std::uint8_t { kConnecting, kReady, kDown, kDraining, kGone };
inline constexpr std::size_t kBackendStateCount = 5;
inline constexpr std::array<const char*, kBackendStateCount> kBackendStateNames = {
    "connecting", "ready", "down", "draining", "gone"};

struct BackendMetrics {
  // Upper bounds in milliseconds, those of the Collector's otelcol_loadbalancer_backend_latency.
  static constexpr std::array<double, 15> kLatencyBoundsMs = {
      5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000, 30000};

  std::array<Counter, kAttemptOutcomeCount> attempts;
  Counter spans_accepted;
  Counter messages;  // gRPC requests that carried the attempts
  // Of them, merged ones refused for good or accepted in part, whose attempts were sent again one
  // by one.
  Counter unmerged;
  Counter bytes_sent;
  Counter in_flight;
  Counter waiting;
  Counter connects;
  Counter connect_failures;
  Counter local_connect_failures;  // for want of descriptors, memory or ports of our own
  std::array<Counter, kTlsFaultNames.size()> tls_faults;  // connections that ended so, by TlsFault
  Counter retries;  // attempts at spans that an earlier one may have delivered
  std::array<Counter, kLatencyBoundsMs.size() + 1> latency;  // not cumulative; the last is +Inf
  Counter latency_sum_us;
  std::atomic<BackendState> state{BackendState::kConnecting};

  void AddLatency(Duration latency);
};

}  // namespace router
