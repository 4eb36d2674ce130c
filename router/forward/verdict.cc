#include "router/forward/verdict.h"

#include <algorithm>
#include <array>
#include <utility>

namespace router {
namespace {

using Kind = ShardOutcome::Kind;

constexpr milliseconds kClientDelayMax{30'000};  // rule GS-16

// Which retryable outcome decides, by rank; nothing when there is none.
const ShardOutcome* WorstRetryable(std::span<const ShardOutcome> shards) {
  const auto rank = [](const ShardOutcome& shard) {
    switch (shard.kind) {
      case Kind::kTimedOut:
        return 3;
      case Kind::kTransient:
        return 2;
      case Kind::kThrottled:
        return 1;
      case Kind::kAccepted:
      case Kind::kPermanent:
        return 0;
    }
    return 0;
  };
  const ShardOutcome* worst = &shards.front();
  for (const ShardOutcome& shard : shards) {
    if (rank(shard) > rank(*worst)) worst = &shard;
  }
  return rank(*worst) > 0 ? worst : nullptr;
}

std::string MessageOf(std::string message, GrpcCode code) {
  if (!message.empty()) return message;
  return "a backend answered " + std::string(GrpcCodeName(code)) + " without a message";
}

RefuseReason ReasonOf(Kind kind) {
  if (kind == Kind::kTimedOut) return RefuseReason::kDeadline;
  return kind == Kind::kThrottled ? RefuseReason::kThrottled : RefuseReason::kTransient;
}

GrpcCode CodeOfMostSpans(std::span<const ShardOutcome> shards) {
  std::array<std::uint64_t, kGrpcCodeCount> spans{};
  for (const ShardOutcome& shard : shards)
    spans[static_cast<std::size_t>(shard.code)] += shard.spans;
  return static_cast<GrpcCode>(std::max_element(spans.begin(), spans.end()) - spans.begin());
}

std::uint64_t Rejected(const ShardOutcome& shard) {
  if (shard.kind == Kind::kPermanent) return shard.spans;
  return shard.kind == Kind::kAccepted ? std::min(shard.rejected_spans, shard.spans) : 0;
}

}  // namespace

Verdict Rejection(GrpcCode code, std::size_t reject_index, std::string message) {
  return {.code = code, .message = std::move(message), .reject_index = reject_index};
}

Verdict Refusal(RefuseReason reason, std::string message, milliseconds retry_delay) {
  return {.code = GrpcCode::kUnavailable,
          .message = std::move(message),
          .retry_delay = retry_delay,
          .refuse_reason = reason};
}

Verdict Expiry(std::string message) {
  return {.code = GrpcCode::kDeadlineExceeded,
          .message = std::move(message),
          .refuse_reason = RefuseReason::kDeadline};
}

Verdict Judge(std::span<const ShardOutcome> shards, milliseconds own_delay) {
  if (const ShardOutcome* worst = WorstRetryable(shards)) {
    std::string message = MessageOf(worst->message, worst->code);
    if (worst->kind == Kind::kTimedOut) return Expiry(std::move(message));
    Verdict verdict = Refusal(ReasonOf(worst->kind), std::move(message), own_delay);
    std::optional<milliseconds> longest;
    for (const ShardOutcome& shard : shards) {
      // A final refusal may carry a delay too; it says nothing about when the others are ready.
      if (shard.kind != Kind::kPermanent) longest = std::max(longest, shard.retry_delay);
    }
    // A backend's "0 ms" still must not become a storm, nor its hour the client's: a Collector
    // gives up after five minutes.
    if (longest.has_value()) {
      verdict.retry_delay = std::clamp(*longest, milliseconds(1), kClientDelayMax);
    }
    return verdict;
  }
  const bool is_all_permanent = std::all_of(shards.begin(), shards.end(), [](const auto& shard) {
    return shard.kind == Kind::kPermanent;
  });
  PartialSuccess partial;
  for (const ShardOutcome& shard : shards) {
    AddPartialSuccess(partial, {.rejected_spans = static_cast<std::int64_t>(Rejected(shard)),
                                .message = shard.message});
  }
  if (!is_all_permanent) return {.partial = std::move(partial)};
  const GrpcCode code = CodeOfMostSpans(shards);
  const bool is_ours = std::all_of(shards.begin(), shards.end(), [](const auto& shard) {
    return shard.reason != RejectReason::kBackend;
  });
  return Rejection(
      code,
      is_ours ? RejectIndex(shards.front().reason) : RejectIndex(RejectReason::kBackend, code),
      MessageOf(std::move(partial.message), code));
}

void Book(std::span<const ShardOutcome> shards, const Verdict& verdict, LedgerColumn& spans) {
  for (const ShardOutcome& shard : shards) {
    const std::uint64_t rejected = Rejected(shard);
    spans.in_flight.Subtract(shard.spans);
    if (shard.kind == Kind::kAccepted) spans.forwarded.Add(shard.spans - rejected);
    if (verdict.refuse_reason.has_value()) {
      // The client was told to send all of it again, so nothing of it is final.
      const std::uint64_t rest = shard.kind == Kind::kAccepted ? rejected : shard.spans;
      spans.refused[static_cast<std::size_t>(*verdict.refuse_reason)].Add(rest);
    } else if (shard.kind == Kind::kAccepted) {
      spans.rejected[RejectIndex(RejectReason::kPartialSuccess)].Add(rejected);
    } else {
      spans.rejected[RejectIndex(shard.reason, shard.code)].Add(rejected);
    }
  }
}

void BookWhole(std::uint64_t count, const Verdict& verdict, LedgerColumn& spans) {
  spans.in_flight.Subtract(count);
  if (verdict.refuse_reason.has_value()) {
    spans.refused[static_cast<std::size_t>(*verdict.refuse_reason)].Add(count);
  } else if (verdict.reject_index.has_value()) {
    spans.rejected[*verdict.reject_index].Add(count);
  } else {
    spans.forwarded.Add(count);
  }
}

void BookCancelled(std::span<const ShardOutcome> shards, LedgerColumn& spans) {
  for (const ShardOutcome& shard : shards) {
    const std::uint64_t accepted =
        shard.kind == Kind::kAccepted ? shard.spans - Rejected(shard) : 0;
    spans.in_flight.Subtract(shard.spans);
    spans.forwarded.Add(accepted);
    spans.cancelled.Add(shard.spans - accepted);
  }
}

void BookRequest(const Verdict& verdict, LedgerColumn& requests) {
  requests.in_flight.Subtract();
  if (verdict.refuse_reason.has_value()) {
    requests.refused[static_cast<std::size_t>(*verdict.refuse_reason)].Add();
  } else if (verdict.reject_index.has_value()) {
    requests.rejected[*verdict.reject_index].Add();
  } else {
    requests.forwarded.Add();
  }
}

}  // namespace router
