#include "router/forward/export_call.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "router/forward/retry.h"

namespace router {
namespace {

using Kind = ShardOutcome::Kind;

constexpr milliseconds kDeadlineSlack{20};

Kind KindOf(AttemptResult::Kind kind) {
  switch (kind) {
    case AttemptResult::Kind::kAccepted:
      return Kind::kAccepted;
    case AttemptResult::Kind::kPermanent:
      return Kind::kPermanent;
    case AttemptResult::Kind::kTransient:
      return Kind::kTransient;
    case AttemptResult::Kind::kThrottled:
      return Kind::kThrottled;
  }
  return Kind::kTransient;
}

}  // namespace

ExportCall::ExportCall(Forwarder& forwarder, TimePoint deadline, ExportSink& sink)
    : forwarder_(forwarder), deadline_(deadline), sink_(&sink), is_http_(sink.is_http()) {}

// Only at shut-down are there sent shards left: nobody may call them any more.
ExportCall::~ExportCall() {
  if (pending_ == 0) return;
  for (const auto& shard : shards_) {
    if (shard->state == Shard::State::kSent)
      shard->backend->Cancel(*shard, AttemptOutcome::kCancelled);
  }
}

void ExportCall::AddShard(std::shared_ptr<const Routes> routes, std::uint16_t owner,
                          std::size_t spans, std::shared_ptr<const Body> body,
                          std::span<const std::uint8_t> frame, Compression compression) {
  auto shard = std::make_unique<Shard>(*this);
  shard->routes = std::move(routes);
  shard->backend = shard->routes->backends[owner].get();
  shard->body = std::move(body);
  shard->frame = frame;
  shard->compression = compression;
  shard->spans = spans;
  shard->outcome.spans = spans;
  shards_.push_back(std::move(shard));
  ++pending_;
}

void ExportCall::AddSettled(ShardOutcome&& outcome) { settled_.push_back(std::move(outcome)); }

void ExportCall::Send() {
  for (const auto& shard : shards_) {
    if (shard->state == Shard::State::kNew) SendShard(*shard);
  }
}

void ExportCall::SendShard(Shard& shard) {
  const TimePoint now = forwarder_.loop_.Now();
  shard.attempt_time =
      AttemptTime(deadline_ - now, forwarder_.options_.attempt_timeout, shard.cut_after);
  shard.deadline = now + shard.attempt_time;
  shard.is_retry = shard.was_processed_maybe;
  shard.state = Shard::State::kSent;
  forwarder_.loop_.SetTimer(shard.timer, shard.deadline);
  shard.backend->Send(shard);
}

// ---- how an attempt ends -----------------------------------------------------------------------

void ExportCall::OnAttemptDone(Shard& shard, AttemptResult&& result) {
  shard.timer.Cancel();
  shard.was_processed_maybe |= result.was_processed_maybe;
  ShardOutcome& outcome = shard.outcome;
  // The backend was told our deadline and keeps it by its own clock: its word may come before our
  // timer's.
  const bool is_late = forwarder_.loop_.Now() + kDeadlineSlack >= shard.deadline;
  if (is_late && result.kind == AttemptResult::Kind::kTransient &&
      (result.code == GrpcCode::kDeadlineExceeded || result.code == GrpcCode::kCancelled)) {
    RememberTimeout(shard, std::move(result.message));
  } else {
    outcome.kind = KindOf(result.kind);
    outcome.code = result.code;
    outcome.rejected_spans = result.rejected_spans;
    outcome.message = std::move(result.message);
    outcome.retry_delay = result.retry_delay;
  }
  const bool is_final = outcome.kind == Kind::kAccepted || outcome.kind == Kind::kPermanent;
  if (IsTooLargeForBackend(outcome) && shard.spans > 1 && sink_ != nullptr) {
    forwarder_.RouteAnew(*this, shard, Forwarder::Cut::kHalves);
  } else if (is_final || !result.may_retry) {
    Finish(shard);
  } else {
    RetryOrFinish(shard);
  }
}

void ExportCall::OnTimer(Shard& shard) {
  if (shard.state == Shard::State::kSent) {
    OnAttemptTimeout(shard);
  } else {
    Resend(shard);
  }
}

void ExportCall::OnAttemptTimeout(Shard& shard) {
  if (shard.has_ended()) return;  // its answer was here first
  shard.was_processed_maybe |= shard.is_on_wire();
  shard.backend->Cancel(shard, AttemptOutcome::kTimeout);
  RememberTimeout(shard, "backend " + shard.backend->endpoint().name + " did not answer in time");
  RetryOrFinish(shard);
}

void ExportCall::RememberTimeout(Shard& shard, std::string&& message) {
  shard.cut_after = shard.attempt_time;
  ShardOutcome& outcome = shard.outcome;
  const bool is_cut_short = shard.deadline >= deadline_;
  const bool has_answer = outcome.code != GrpcCode::kOk && outcome.kind != Kind::kTimedOut;
  if (is_cut_short && has_answer) return;
  outcome.kind = Kind::kTimedOut;
  outcome.code = GrpcCode::kDeadlineExceeded;
  outcome.retry_delay.reset();  // of an earlier attempt
  outcome.message = std::move(message);
}

// ---- again -------------------------------------------------------------------------------------

void ExportCall::RetryOrFinish(Shard& shard) {
  const bool is_old_route = shard.routes->table != forwarder_.routes_->table;
  PauseOrFinish(shard, is_old_route ? milliseconds(0) : NextPause(shard));
}

void ExportCall::PauseOrFinish(Shard& shard, milliseconds pause) {
  const TimePoint now = forwarder_.loop_.Now();
  if (sink_ == nullptr || now + pause + kAttemptTimeMin >= deadline_) {
    Finish(shard);
    return;
  }
  shard.state = Shard::State::kPausing;
  forwarder_.loop_.SetTimer(shard.timer, now + pause);
}

milliseconds ExportCall::NextPause(Shard& shard) {
  shard.pause_max = NextPauseMax(shard.pause_max, shard.outcome.retry_delay);
  return JitteredPause(shard.pause_max, shard.outcome.retry_delay, forwarder_.jitter_);
}

void ExportCall::Resend(Shard& shard) {
  const bool is_new_route = shard.routes->table != forwarder_.routes_->table;
  const bool has_successor = !shard.backend->is_usable() && forwarder_.routes_->has_fallback();
  if (shard.must_be_halved) {
    forwarder_.RouteAnew(*this, shard, Forwarder::Cut::kHalves);
  } else if (is_new_route || has_successor) {
    forwarder_.RouteAnew(*this, shard, Forwarder::Cut::kAsNeeded);
  } else if (shard.was_processed_maybe && !shard.backend->MayRetry()) {
    RetryOrFinish(shard);
  } else {
    SendShard(shard);
  }
}

void ExportCall::Replace(Shard& shard, std::size_t shards) {
  for (std::size_t i = shards; i < shards_.size(); ++i) {
    shards_[i]->was_processed_maybe = shard.was_processed_maybe;
    shards_[i]->pause_max = shard.pause_max;
  }
  shard.state = Shard::State::kReplaced;
  shard.body.reset();
  --pending_;
  Send();
  FinishIfDone();
}

void ExportCall::Forget(std::size_t shards, std::size_t settled) {
  pending_ -= shards_.size() - shards;
  shards_.resize(shards);
  settled_.resize(settled);
}

// ---- the end -----------------------------------------------------------------------------------

void ExportCall::GiveUp(Shard& shard, AttemptOutcome why) {
  if (shard.state == Shard::State::kSent) shard.backend->Cancel(shard, why);
  shard.timer.Cancel();
  shard.state = Shard::State::kDone;
  shard.body.reset();
  --pending_;
}

void ExportCall::Cancel() {
  sink_ = nullptr;
  for (const auto& shard : shards_) {
    shard->is_abandoned = true;
    const bool is_pausing = shard->state == Shard::State::kPausing;
    const bool is_waiting =
        shard->state == Shard::State::kSent && !shard->is_on_wire() && !shard->has_ended();
    if (is_pausing || is_waiting) GiveUp(*shard, AttemptOutcome::kCancelled);
  }
  FinishIfDone();
}

void ExportCall::Finish(Shard& shard) {
  shard.state = Shard::State::kDone;
  // What was delivered is needed once more if the client has to come back for the rest.
  const bool is_accepted = shard.outcome.kind == Kind::kAccepted;
  has_failed_ |= !is_accepted && shard.outcome.kind != Kind::kPermanent;
  const bool is_kept =
      is_accepted && (pending_ > 1 || has_failed_) && forwarder_.HasMemoryToSpare();
  if (!is_kept) shard.body.reset();
  --pending_;
  FinishIfDone();
}

std::vector<ShardOutcome> ExportCall::TakeOutcomes() {
  std::vector<ShardOutcome> outcomes = std::move(settled_);
  outcomes.reserve(outcomes.size() + shards_.size());
  for (const auto& shard : shards_) {
    if (shard->state != Shard::State::kReplaced) outcomes.push_back(std::move(shard->outcome));
  }
  return outcomes;
}

void ExportCall::FinishIfDone() {
  if (pending_ > 0) return;
  Ledger& ledger = forwarder_.ledger_;
  const std::vector<ShardOutcome> outcomes = TakeOutcomes();
  if (sink_ == nullptr) {
    forwarder_.BookSpans(is_http_, [&](LedgerColumn& c) { BookCancelled(outcomes, c); });
    ledger.requests.in_flight.Subtract();
    ledger.requests.cancelled.Add();
  } else {
    const Verdict verdict = Judge(outcomes, forwarder_.OwnRetryDelay());
    forwarder_.BookSpans(is_http_, [&](LedgerColumn& c) { Book(outcomes, verdict, c); });
    BookRequest(verdict, ledger.requests);
    if (verdict.refuse_reason.has_value()) forwarder_.RememberDelivered(*this);
    std::exchange(sink_, nullptr)->OnVerdict(verdict);
  }
  forwarder_.OnCallDone(*this);  // destroys this
}

}  // namespace router
