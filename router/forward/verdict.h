// Verdict: what a client is told once the fate of every shard of its request is known.
//
// Thread safety: pure functions on values.
// The table (first line that applies):
//   a shard ran out of time                → DEADLINE_EXCEEDED                   refused{deadline}
//   a shard failed transiently             → UNAVAILABLE, the longest RetryInfo  refused{transient}
//   a shard was throttled                  → UNAVAILABLE, the longest RetryInfo  refused{throttled}
//   every shard refused for good, one code → that code                           rejected{code}
//   every shard refused for good, mixed    → the code of the most spans          rejected{code}
//   some refused for good or in part       → OK + partial_success, the sum       rejected{…}
//   all accepted                           → OK, no partial_success              forwarded
// Spans that a backend has accepted count as forwarded whatever the client is told.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "router/base/clock.h"
#include "router/base/grpc_code.h"
#include "router/forward/ledger.h"
#include "router/otlp/export_response.h"

namespace router {

// How one shard ended.
struct ShardOutcome {
  enum class Kind : std::uint8_t { kAccepted, kPermanent, kTransient, kThrottled, kTimedOut };
  Kind kind = Kind::kTransient;
  GrpcCode code = GrpcCode::kOk;
  std::uint64_t spans = 0;
  std::uint64_t rejected_spans = 0;  // of an accepted shard
  RejectReason reason =
      RejectReason::kBackend;  // of a permanent one: the backend's, or ours (kTooLarge)
  std::string message = {};
  std::optional<milliseconds> retry_delay = {};
};

struct Verdict {
  GrpcCode code = GrpcCode::kOk;
  PartialSuccess partial = {};                   // with kOk only
  std::string message = {};                      // with every other code
  std::optional<milliseconds> retry_delay = {};  // says "try again", and when
  // How the request is counted when it is not OK. Exactly one is set then.
  std::optional<std::size_t> reject_index = {};
  std::optional<RefuseReason> refuse_reason = {};
};

// For what ends before there are shards.
Verdict Rejection(GrpcCode code, std::size_t reject_index, std::string message);
Verdict Refusal(RefuseReason reason, std::string message, milliseconds retry_delay);
// The deadline has passed.
Verdict Expiry(std::string message);

// `own_delay` is the RetryInfo when no backend gave one. REQUIRES: !shards.empty().
Verdict Judge(std::span<const ShardOutcome> shards, milliseconds own_delay);

// Books the spans of `shards` as the verdict says and takes them out of in_flight.
void Book(std::span<const ShardOutcome> shards, const Verdict& verdict, LedgerColumn& spans);
// The same for `count` spans of a request whose verdict fell before it had shards.
void BookWhole(std::uint64_t count, const Verdict& verdict, LedgerColumn& spans);
// The client has gone: accepted spans are forwarded, all others cancelled.
void BookCancelled(std::span<const ShardOutcome> shards, LedgerColumn& spans);

// Books one request whose verdict is known, and takes it out of in_flight.
void BookRequest(const Verdict& verdict, LedgerColumn& requests);

}  // namespace router
