// Ledger: what became of every request and span a worker received. It closes, to the span:
//   received = forwarded + suppressed + rejected + refused + cancelled + in flight (invariant I4)
//
//   forwarded   a backend said OK for it
//   suppressed  a backend had said OK for it when the client sent it before: not sent again
//   rejected    refused for good: the client must not send it again
//   refused     not delivered now: the client was told to try again
//   cancelled   the client went away before a backend said OK
// Thread safety: written by its worker only, read by any thread (a scrape sees each number, not one
// instant).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "router/base/counter.h"
#include "router/base/grpc_code.h"

namespace router {

// Why something was rejected: a reason of ours, or the code of the backend that refused it.
enum class RejectReason : std::uint8_t {
  kMalformed,       // not an ExportTraceServiceRequest
  kProtocol,        // broken gRPC framing, unknown encoding, bad header
  kTooLarge,        // over a size or count limit
  kAuth,            // no valid credentials
  kPartialSuccess,  // a backend took the request without these spans
  kBackend,         // a backend refused them: label is the gRPC code
};
inline constexpr std::size_t kRejectReasonCount =
    static_cast<std::size_t>(RejectReason::kBackend) + kGrpcCodeCount;
// Index into the arrays of counters.
std::size_t RejectIndex(RejectReason reason, GrpcCode backend_code = GrpcCode::kOk);
// The metric label: "malformed", …, "backend_invalid_argument".
std::string RejectLabel(std::size_t index);

enum class RefuseReason : std::uint8_t {
  kTransient,  // a backend could not be reached or said "later"
  kThrottled,  // a backend asked for patience
  kDeadline,   // the client's deadline, or ours, ran out
  kOverload,   // the memory budget is full
  kNoBackend,  // no backend is known yet
};
inline constexpr std::size_t kRefuseReasonCount = 5;
inline constexpr std::array<const char*, kRefuseReasonCount> kRefuseReasonNames = {
    "transient", "throttled", "deadline", "overload", "no_backend"};

// One side of the ledger: requests, or spans.
struct LedgerColumn {
  Counter received;
  Counter forwarded;
  Counter suppressed;  // spans only
  std::array<Counter, kRejectReasonCount> rejected;
  std::array<Counter, kRefuseReasonCount> refused;
  Counter cancelled;
  Counter in_flight;
};

struct Ledger {
  LedgerColumn requests;
  LedgerColumn spans;
  // Of the spans, those of each transport. Each closes like the others.
  LedgerColumn grpc_spans;
  LedgerColumn http_spans;
  Counter http_requests;   // of the requests received, those over OTLP/HTTP
  Counter shards;          // parts that requests were split into
  Counter failover_spans;  // sent to a successor because their owner was DOWN
  Counter rerouted_spans;  // of failed shards, routed anew because the ring or a backend's state
                           // had changed
  Counter held_uploads;  // times that a body had to wait because the memory budget was nearly full
  Counter invalid_trace_ids;  // spans routed by whatever bytes they had
  Counter received_bytes;     // bodies, after decompression
};

}  // namespace router
