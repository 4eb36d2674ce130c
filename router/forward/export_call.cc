#include "router/forward/export_call.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace router {
namespace {
constexpr milliseconds kDeadlineSlack{20};
}

ExportCall::ExportCall(Forwarder& forwarder, std::shared_ptr<const Routes> routes, ExportSink& sink)
    : forwarder_(forwarder), routes_(std::move(routes)), sink_(&sink) {}

// Only at shut-down are there sent shards left: nobody may call them any more.
ExportCall::~ExportCall() {
  if (pending_ == 0) return;
  for (const auto& shard : shards_) {
    if (!shard->is_done) shard->backend->Cancel(*shard, AttemptOutcome::kCancelled);
  }
}

void ExportCall::AddShard(std::uint16_t owner, std::size_t spans, std::shared_ptr<const Body> body,
                          std::span<const std::uint8_t> frame) {
  auto shard = std::make_unique<Shard>(*this);
  shard->backend = routes_->backends[owner].get();
  shard->body = std::move(body);
  shard->frame = frame;
  shard->is_compressed = frame[0] != 0;
  shard->spans = spans;
  shard->index = shards_.size();
  shards_.push_back(std::move(shard));
  outcomes_.push_back({.spans = spans});
}

void ExportCall::Send(TimePoint deadline, TimePoint attempt_deadline) {
  pending_ = shards_.size();
  forwarder_.loop_.SetTimer(timer_, std::min(deadline, attempt_deadline));
  for (const auto& shard : shards_) {
    shard->deadline = attempt_deadline;
    shard->backend->Send(*shard);
  }
}

void ExportCall::Shard::OnAttemptDone(AttemptResult&& result) {
  call_.OnShardDone(*this, std::move(result));
}

void ExportCall::OnShardDone(Shard& shard, AttemptResult&& result) {
  ShardOutcome& outcome = outcomes_[shard.index];
  switch (result.kind) {
    case AttemptResult::Kind::kAccepted:
      outcome.kind = ShardOutcome::Kind::kAccepted;
      break;
    case AttemptResult::Kind::kPermanent:
      outcome.kind = ShardOutcome::Kind::kPermanent;
      break;
    case AttemptResult::Kind::kTransient:
      outcome.kind = ShardOutcome::Kind::kTransient;
      break;
    case AttemptResult::Kind::kThrottled:
      outcome.kind = ShardOutcome::Kind::kThrottled;
      break;
  }
  // The backend was told our deadline and keeps it by its own clock: its word may come before our timer's.
  const bool is_late = forwarder_.loop_.Now() + kDeadlineSlack >= shard.deadline;
  if (is_late && result.kind == AttemptResult::Kind::kTransient &&
      (result.code == GrpcCode::kDeadlineExceeded || result.code == GrpcCode::kCancelled)) {
    outcome.kind = ShardOutcome::Kind::kTimedOut;
  }
  outcome.code = result.code;
  outcome.rejected_spans = result.rejected_spans;
  outcome.message = std::move(result.message);
  outcome.retry_delay = result.retry_delay;
  shard.is_done = true;
  shard.body.reset();
  --pending_;
  FinishIfDone();
}

void ExportCall::GiveUp(Shard& shard, AttemptOutcome why, ShardOutcome::Kind kind) {
  shard.backend->Cancel(shard, why);
  shard.is_done = true;
  shard.body.reset();
  --pending_;
  outcomes_[shard.index].kind = kind;
  outcomes_[shard.index].message =
      "backend " + shard.backend->endpoint().name + " did not answer in time";
}

void ExportCall::OnDeadline() {
  for (const auto& shard : shards_) {
    if (!shard->is_done) GiveUp(*shard, AttemptOutcome::kTimeout, ShardOutcome::Kind::kTimedOut);
  }
  FinishIfDone();
}

void ExportCall::Cancel() {
  sink_ = nullptr;
  for (const auto& shard : shards_) {
    shard->is_abandoned = true;
    if (!shard->is_done && !shard->is_on_wire()) {
      GiveUp(*shard, AttemptOutcome::kCancelled, ShardOutcome::Kind::kTransient);
    }
  }
  FinishIfDone();
}

void ExportCall::FinishIfDone() {
  if (pending_ > 0) return;
  Ledger& ledger = forwarder_.ledger_;
  if (sink_ == nullptr) {
    BookCancelled(outcomes_, ledger.spans);
    ledger.requests.in_flight.Subtract();
    ledger.requests.cancelled.Add();
  } else {
    const Verdict verdict = Judge(outcomes_, forwarder_.OwnRetryDelay());
    Book(outcomes_, verdict, ledger.spans);
    BookRequest(verdict, ledger.requests);
    std::exchange(sink_, nullptr)->OnVerdict(verdict);
  }
  forwarder_.OnCallDone(*this);  // destroys this
}

}  // namespace router
