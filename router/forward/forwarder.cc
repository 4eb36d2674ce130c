#include "router/forward/forwarder.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "router/base/limits.h"
#include "router/forward/export_call.h"

namespace router {
Forwarder::Forwarder(WorkerLoop& loop, MemoryAccount& memory, Ledger& ledger,
                     const ForwarderOptions& options)
    : loop_(loop),
      memory_(memory),
      ledger_(ledger),
      options_(options),
      jitter_(std::random_device{}()),
      admission_(loop, memory.budget()),
      uploads_(loop, memory.budget(), ledger.held_uploads) {}

Forwarder::~Forwarder() = default;

milliseconds Forwarder::OwnRetryDelay() {
  const auto base = static_cast<double>(options_.retry_delay.count());
  return milliseconds(
      static_cast<std::int64_t>(base * std::uniform_real_distribution<double>(0.8, 1.2)(jitter_)));
}

Verdict Forwarder::Refuse(RefuseReason reason, std::string message) {
  return Refusal(reason, std::move(message), OwnRetryDelay());
}

Verdict Forwarder::RefuseForMemory(std::size_t held_bytes, std::size_t needed_bytes) {
  const std::size_t limit = memory_.budget().limit();
  const std::size_t unused = limit / 64;  // spare blocks of the accounts
  const std::size_t used = memory_.budget().used();
  const bool is_alone = used <= held_bytes + unused;
  if (needed_bytes <= limit - unused && !is_alone) {
    return Refuse(RefuseReason::kOverload, "the memory budget is full");
  }
  return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                   "the request and what it is split into do not fit into the memory budget of " +
                       std::to_string(limit) +
                       " bytes, whatever else is there: send smaller batches or raise "
                       "spanring.memory.limit");
}

std::variant<Verdict, ExportCall*> Forwarder::Start(Body body, TimePoint deadline,
                                                    ExportSink& sink) {
  ledger_.received_bytes.Add(body.size());
  const IndexLimits limits{.spans_max = options_.spans_max, .check_utf8 = false};
  if (const auto error = index_.Parse(body.bytes(), limits)) {
    return RejectWire(*error);
  }
  const std::size_t all = index_.span_count();
  if (all == 0) {
    index_.Clear();
    return Verdict{};
  }
  const bool may_be_replay = !delivered_.IsEmpty(loop_.Now());
  const std::size_t suppressed = may_be_replay ? delivered_.Find(index_, &is_delivered_) : 0;
  const std::size_t spans = all - suppressed;
  const bool is_http = sink.is_http();
  BookSpans(is_http, [&](LedgerColumn& column) {
    column.received.Add(all);
    column.suppressed.Add(suppressed);
    column.in_flight.Add(spans);
  });

  // From here on every way out books the spans.
  const auto book_all = [&](Verdict verdict) {
    BookSpans(is_http, [&](LedgerColumn& column) { BookWhole(spans, verdict, column); });
    plan_.Clear();
    index_.Clear();
    return verdict;
  };
  if (spans == 0) return book_all(Verdict{});
  if (deadline - loop_.Now() < kSendTimeMin)
    return book_all(Expiry("the deadline passed before the spans were sent"));
  if (routes_ == nullptr || routes_->ring().empty()) {
    return book_all(Refuse(RefuseReason::kNoBackend, "no backend is known yet"));
  }

  plan_.Build(index_, *routes_, options_.shard_bytes_max,
              suppressed > 0 ? &is_delivered_ : nullptr);
  ledger_.invalid_trace_ids.Add(plan_.invalid_trace_ids());
  ledger_.failover_spans.Add(plan_.failover_spans());
  auto call = std::make_unique<ExportCall>(*this, deadline, sink);
  // They are booked; the verdict must know that not everything was refused.
  if (suppressed > 0) call->AddSettled({.kind = ShardOutcome::Kind::kAccepted});
  if (const auto sole_owner = plan_.PassThroughOwner()) {
    PassThrough(*call, *sole_owner, std::move(body));
  } else if (auto verdict = SplitInto(*call, body.size())) {
    return book_all(*std::move(verdict));
  }
  plan_.Clear();
  index_.Clear();
  ledger_.shards.Add(call->shards_.size());
  if (call->is_settled()) {
    const std::vector<ShardOutcome> outcomes = call->TakeOutcomes();
    Verdict verdict = Judge(outcomes, OwnRetryDelay());
    BookSpans(is_http, [&](LedgerColumn& column) { Book(outcomes, verdict, column); });
    return verdict;
  }
  ExportCall& started = *calls_.emplace_back(std::move(call));
  started.position_ = std::prev(calls_.end());
  started.Send();
  return &started;
}

Verdict Forwarder::RejectWire(WireError error) const {
  std::string message("the request is not a valid ExportTraceServiceRequest: ");
  message += WireErrorText(error);
  if (IsOverLimit(error)) {
    return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                     std::move(message));
  }
  return Rejection(GrpcCode::kInvalidArgument, RejectIndex(RejectReason::kMalformed),
                   std::move(message));
}

std::optional<Verdict> Forwarder::SplitInto(ExportCall& call, std::size_t body_bytes) {
  Splitter& splitter = plan_.splitter();
  if (splitter.total_bytes() > kEgressRatioFloorBytes &&
      splitter.total_bytes() / kEgressRatioMax > body_bytes) {
    return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                     "split over its backends the request would grow more than 16-fold: send "
                     "fewer traces per large resource");
  }
  std::vector<Body> parts;
  parts.reserve(splitter.present_shards().size());
  call.ReserveShards(splitter.present_shards().size());
  outputs_.assign(plan_.shard_count(), nullptr);
  for (const std::uint16_t shard : splitter.present_shards()) {
    Body& part = parts.emplace_back(memory_);
    if (plan_.OwnerOf(shard) == ShardPlan::kNobody || IsTooLarge(shard)) continue;
    if (!part.Reserve(splitter.shard_bytes(shard))) {
      return RefuseForMemory(body_bytes, body_bytes + splitter.total_bytes());
    }
    part.SetSize(splitter.shard_bytes(shard));
    outputs_[shard] = part.data();
  }
  splitter.Write(outputs_);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::uint16_t shard = splitter.present_shards()[i];
    const std::uint16_t owner = plan_.OwnerOf(shard);
    if (owner == ShardPlan::kNobody) continue;
    if (IsTooLarge(shard)) {
      AddTooLarge(call, splitter.shard_bytes(shard));
    } else {
      AddShard(call, owner, splitter.shard_spans(shard), std::move(parts[i]));
    }
  }
  return std::nullopt;
}

// A shard within the limit, or of several spans, may always be sent.
bool Forwarder::IsTooLarge(std::uint16_t shard) {
  const Splitter& splitter = plan_.splitter();
  return splitter.shard_spans(shard) == 1 && splitter.shard_bytes(shard) > options_.shard_bytes_max;
}

void Forwarder::PassThrough(ExportCall& call, std::uint16_t owner, Body body) {
  if (body.size() > options_.shard_bytes_max) {
    AddTooLarge(call, body.size());
  } else {
    AddShard(call, owner, index_.span_count(), std::move(body));
  }
}

void Forwarder::AddTooLarge(ExportCall& call, std::size_t bytes) {
  call.AddSettled({.kind = ShardOutcome::Kind::kPermanent,
                   .code = GrpcCode::kResourceExhausted,
                   .spans = 1,
                   .reason = RejectReason::kTooLarge,
                   .message = "a span of " + std::to_string(bytes) +
                              " bytes with all that belongs to it is larger than a backend takes "
                              "(spanring.backend.max_request_bytes)"});
}

void Forwarder::AddShard(ExportCall& call, std::uint16_t owner, std::size_t spans, Body body) {
  auto shared = std::make_shared<Body>(std::move(body));
  const std::span<const std::uint8_t> frame = shared->FrameAsGrpc(false);
  call.AddShard(routes_, owner, spans, std::move(shared), frame, options_.compression);
}

// ---- a second time -----------------------------------------------------------------------------

void Forwarder::RouteAnew(ExportCall& call, Shard& shard, Cut cut) {
  const Replacing result =
      routes_->ring().empty() ? Replacing::kNotNow : ReplaceShard(call, shard, cut);
  plan_.Clear();
  index_.Clear();
  switch (result) {
    case Replacing::kDone:
      return;
    case Replacing::kNoSmaller:  // the same bytes would be refused again
      shard.outcome.kind = ShardOutcome::Kind::kPermanent;
      call.Finish(shard);
      return;
    case Replacing::kNotNow:
      shard.must_be_halved |= cut == Cut::kHalves;
      shard.outcome.kind = ShardOutcome::Kind::kTransient;
      call.PauseOrFinish(shard, call.NextPause(shard));
      return;
  }
}

Forwarder::Replacing Forwarder::ReplaceShard(ExportCall& call, Shard& shard, Cut cut) {
  IndexShard(shard);
  const std::size_t bytes = index_.body().size();
  const std::size_t bytes_max = cut == Cut::kHalves ? std::min(options_.shard_bytes_max, bytes / 2)
                                                    : options_.shard_bytes_max;
  plan_.Build(index_, *routes_, bytes_max);
  if (const auto owner = plan_.PassThroughOwner(); owner && cut == Cut::kAsNeeded) {
    shard.routes = routes_;
    shard.backend = routes_->backends[*owner].get();
    shard.cut_after = {};
    CountRerouted(shard.spans);
    call.SendShard(shard);
    return Replacing::kDone;
  }
  // What is left may be no spans at all but unknown fields of the request: no cut makes it smaller.
  const bool is_smaller = plan_.shard_count() > 1 || plan_.splitter().total_bytes() < bytes;
  if (cut == Cut::kHalves && !is_smaller) return Replacing::kNoSmaller;
  const std::size_t shards_before = call.shards_.size();
  const std::size_t settled_before = call.settled_.size();
  if (auto verdict = SplitInto(call, bytes)) {
    call.Forget(shards_before, settled_before);
    if (!verdict->reject_index.has_value()) return Replacing::kNotNow;
    if (cut == Cut::kAsNeeded) {
      shard.outcome.code = verdict->code;
      shard.outcome.reason = RejectReason::kTooLarge;
      shard.outcome.message = std::move(verdict->message);
    }
    return Replacing::kNoSmaller;
  }
  if (cut == Cut::kAsNeeded) CountRerouted(shard.spans);
  ledger_.shards.Add(call.shards_.size() - shards_before);
  call.Replace(shard, shards_before);
  return Replacing::kDone;
}

void Forwarder::CountRerouted(std::size_t spans) {
  ledger_.rerouted_spans.Add(spans);
  ledger_.failover_spans.Add(plan_.failover_spans());
}

void Forwarder::IndexShard(const Shard& shard) {
  [[maybe_unused]] const auto error = index_.Parse(shard.frame.subspan(Body::kHeadroomBytes),
                                                   {.spans_max = shard.spans, .check_utf8 = false});
  assert(!error);  // it was part of a request that had none
}

void Forwarder::RememberDelivered(const ExportCall& call) {
  for (const auto& shard : call.shards_) {
    const bool is_delivered = shard->state == Shard::State::kDone &&
                              shard->outcome.kind == ShardOutcome::Kind::kAccepted &&
                              shard->outcome.rejected_spans == 0 && shard->body != nullptr;
    if (!is_delivered) continue;
    IndexShard(*shard);
    delivered_.Remember(index_, loop_.Now());
    index_.Clear();
  }
}

void Forwarder::Cancel(ExportCall& call) { call.Cancel(); }

void Forwarder::OnCallDone(ExportCall& call) { calls_.erase(call.position_); }

}  // namespace router
