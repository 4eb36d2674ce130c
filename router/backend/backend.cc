#include "router/backend/backend.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "router/backend/answer.h"
#include "router/base/limits.h"
#include "router/http2/grpc_header.h"
#include "router/http2/nv.h"

namespace router {
namespace {

constexpr std::string_view kExportPath =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr milliseconds kHoldMax{30000};
// After a merged message was refused: until the cause has likely gone.
constexpr milliseconds kMergePause{10000};

}  // namespace

Backend::Backend(WorkerLoop& loop, Codec& codec, std::shared_ptr<const BackendOptions> options,
                 BackendEndpoint endpoint, BackendObserver& observer)
    : Flushable(loop, Stage::kDecide),
      codec_(codec),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      metrics_(std::make_shared<BackendMetrics>()),
      link_(loop, endpoint_, *metrics_, options_, observer, *this) {
  MakeFields();
}

Backend::~Backend() = default;

// What options_ says is copied by nghttp2: a request may wait in its queue longer than options_
// lives.
void Backend::MakeFields() {
  fields_ = {StaticField(":method", "POST"),
             StaticField(":scheme", options_->tls == nullptr ? "http" : "https"),
             StaticField(":path", kExportPath),
             Field(":authority", Authority()),
             StaticField("content-type", "application/grpc"),
             StaticField("te", "trailers"),
             Field("user-agent", options_->user_agent),
             StaticField("grpc-accept-encoding", "identity,gzip,zstd,snappy")};
  for (const auto& [name, value] : options_->headers) fields_.push_back(Field(name, value));
}

// As with gRPC: who sets the name that is verified also sets the one that is asked for.
const std::string& Backend::Authority() const {
  const bool is_named = options_->tls != nullptr && !options_->tls->server_name().empty();
  return is_named ? options_->tls->server_name() : endpoint_.name;
}

void Backend::SetOptions(std::shared_ptr<const BackendOptions> options) {
  options_ = std::move(options);
  MakeFields();
  link_.SetOptions(options_);
  MarkDirty();
}

// ---- sending -----------------------------------------------------------------------------------

void Backend::Send(Attempt& attempt) {
  assert(attempt.backend_ == nullptr);
  attempt.backend_ = this;
  attempt.was_resent_ = false;
  attempt.sent_at_ = loop().Now();
  if (attempt.is_retry) {
    ++retries_;
    metrics_->retries.Add();
  }
  const bool is_first = pending_bytes_ == 0;
  pending_bytes_ += attempt.frame.size();
  if (EndIfUnusable(attempt)) return;
  if (loop().Now() < held_until_ && attempt.deadline <= held_until_) {
    EndLater(attempt, HeldResult());
    return;
  }
  if (pending_bytes_ > options_->pending_bytes_max && !is_first) {
    EndLater(attempt, {.was_processed_maybe = false,
                       .may_retry = false,
                       .message = "backend " + endpoint_.name + " has too much waiting"});
    return;
  }
  if (FailIfTooLate(attempt)) return;
  waiting_.push_back(&attempt);
  metrics_->waiting.Add();
  MarkDirty();
}

bool Backend::EndIfUnusable(Attempt& attempt) {
  if (is_usable()) return false;
  EndLater(attempt, "backend " + endpoint_.name +
                        (is_down() ? " is down: " + link_.last_error() : " was removed"));
  return true;
}

bool Backend::FailIfTooLate(Attempt& attempt) {
  if (attempt.deadline - loop().Now() >= kSendTimeMin) return false;
  EndLater(attempt, {.code = GrpcCode::kDeadlineExceeded,
                     .was_processed_maybe = false,
                     .message = "too little time was left to ask backend " + endpoint_.name});
  return true;
}

void Backend::SendWaiting() {
  std::erase_if(waiting_, [&](Attempt* attempt) {
    if (!FailIfTooLate(*attempt)) return false;
    metrics_->waiting.Subtract();
    return true;
  });
  const bool may_merge = loop().Now() >= merge_again_at_;
  while (!waiting_.empty() && loop().Now() >= held_until_ &&
         link_.calls_on_wire() < options_->in_flight_max && link_.CanSend()) {
    if (!SendFirst(CountMergeable(waiting_, may_merge ? options_->merged_bytes_max : 0))) return;
  }
}

// Those at the head of the queue, as one message. False: the session takes no more.
bool Backend::SendFirst(std::size_t count) {
  Message& message = NewMessage();
  message.attempts.assign(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  std::optional<BodyRanges> ranges = Join(message.attempts, codec_);
  if (!ranges) {
    Recycle(message);
    EndFirst(count);
    return true;
  }
  TimePoint deadline{};
  std::size_t bytes = 0;
  for (const Attempt* attempt : message.attempts) deadline = std::max(deadline, attempt->deadline);
  for (const BodyRange& range : *ranges) bytes += range.bytes.size();
  const std::string timeout =
      FormatGrpcTimeout(std::chrono::duration_cast<milliseconds>(deadline - loop().Now()));
  const Compression compression = message.attempts[0]->compression;
  const std::size_t fixed = fields_.size();
  fields_.push_back(Field("grpc-timeout", timeout, NGHTTP2_NV_FLAG_NO_INDEX));
  if (compression != Compression::kNone) {
    fields_.push_back(StaticField("grpc-encoding", NameOf(compression)));
  }
  ClientConnection& connection = link_.connection();
  message.call = connection.Send(fields_, *std::move(ranges), message);
  fields_.resize(fixed);
  if (message.call == nullptr) {
    Recycle(message);
    return false;
  }
  message.attempts_sent = message.attempts.size();
  message.connection = &connection;
  for (Attempt* attempt : message.attempts) attempt->message_ = &message;
  waiting_.erase(waiting_.begin(),
                 waiting_.begin() + static_cast<std::ptrdiff_t>(message.attempts_sent));
  metrics_->waiting.Subtract(message.attempts_sent);
  attempts_on_wire_ += static_cast<std::uint32_t>(message.attempts_sent);
  metrics_->in_flight.Add();
  metrics_->messages.Add();
  metrics_->bytes_sent.Add(bytes);
  link_.OnCallSent();
  return true;
}

// There is no memory to compress them.
void Backend::EndFirst(std::size_t count) {
  for (; count > 0; --count) {
    EndLater(
        *waiting_.front(),
        {.was_processed_maybe = false, .may_retry = false, .message = "the memory budget is full"});
    waiting_.pop_front();
    metrics_->waiting.Subtract();
  }
}

Message& Backend::NewMessage() {
  if (idle_messages_.empty()) {
    idle_messages_.push_back(messages_.emplace_back(std::make_unique<Message>(*this)).get());
  }
  Message& message = *idle_messages_.back();
  idle_messages_.pop_back();
  return message;
}

void Backend::Recycle(Message& message) {
  message.Clear();
  idle_messages_.push_back(&message);
}

void Backend::LeaveWire(const Message& message, bool is_answered) {
  for (Attempt* attempt : message.attempts) attempt->message_ = nullptr;
  attempts_on_wire_ -= static_cast<std::uint32_t>(message.attempts.size());
  metrics_->in_flight.Subtract();
  link_.OnCallEnded(is_answered);
}

// Out of its hands.
void Backend::Release(Attempt& attempt) {
  attempt.backend_ = nullptr;
  attempt.has_ended_ = false;
  pending_bytes_ -= attempt.frame.size();
  if (attempt.is_retry) --retries_;
}

void Backend::Cancel(Attempt& attempt, AttemptOutcome why) {
  assert(attempt.backend_ == this);
  Release(attempt);
  metrics_->attempts[static_cast<std::size_t>(why)].Add();
  if (Message* message = std::exchange(attempt.message_, nullptr)) {
    --attempts_on_wire_;
    std::erase(message->attempts, &attempt);
    const ClientConnection* connection = message->connection;
    const bool is_over = message->attempts.empty();
    if (is_over) {
      message->connection->Cancel(*message->call);
      LeaveWire(*message, false);
    }
    if (why == AttemptOutcome::kTimeout && !message->is_counted_unanswered) {
      message->is_counted_unanswered = link_.OnCallUnanswered(connection);
    }
    if (is_over) Recycle(*message);
    MarkDirty();
    return;
  }
  if (const auto found = std::find(waiting_.begin(), waiting_.end(), &attempt);
      found != waiting_.end()) {
    metrics_->waiting.Subtract();
    waiting_.erase(found);
    return;
  }
  std::erase_if(ended_, [&](const auto& ended) { return ended.first == &attempt; });
}

void Backend::EndLater(Attempt& attempt, AttemptResult&& result) {
  attempt.has_ended_ = true;
  ended_.emplace_back(&attempt, std::move(result));
  MarkDirty();
}

void Backend::EndLater(Attempt& attempt, std::string reason) {
  EndLater(attempt, {.was_processed_maybe = false, .message = std::move(reason)});
}

void Backend::OnLinkDown(const std::string& reason) {
  for (Attempt* attempt : waiting_) EndLater(*attempt, reason);
  metrics_->waiting.Subtract(waiting_.size());
  waiting_.clear();
}

AttemptResult Backend::HeldResult() {
  const auto left = std::chrono::ceil<milliseconds>(held_until_ - loop().Now());
  return {.kind = AttemptResult::Kind::kThrottled,
          .code = GrpcCode::kUnavailable,
          .was_processed_maybe = false,
          .message = "backend " + endpoint_.name + " asked for patience",
          .retry_delay = std::max(left, milliseconds(1))};
}

// Those whose time ends before it learn so now.
void Backend::HoldFor(milliseconds delay) {
  const TimePoint until = loop().Now() + std::min(delay, kHoldMax);
  if (until <= held_until_) return;
  held_until_ = until;
  loop().SetTimer(hold_timer_, until);
  std::erase_if(waiting_, [&](Attempt* attempt) {
    if (attempt->deadline > until) return false;
    metrics_->waiting.Subtract();
    EndLater(*attempt, HeldResult());
    return true;
  });
}

// Those that end again while they are told come after the others.
void Backend::Flush() {
  const auto self = shared_from_this();
  for (std::size_t left = ended_.size(); left > 0 && !ended_.empty(); --left) {
    auto [attempt, result] = std::move(ended_.front());
    ended_.pop_front();
    Finish(*attempt, std::move(result));
  }
  if (!ended_.empty()) MarkDirty();
  SendWaiting();
}

// ---- answers -----------------------------------------------------------------------------------

void Backend::OnResponse(Message& message, GrpcResponse&& response) {
  const auto self = shared_from_this();
  const bool is_unprocessed = response.kind == GrpcResponse::Kind::kUnprocessed;
  LeaveWire(message, response.kind == GrpcResponse::Kind::kStatus);
  const std::optional<milliseconds> pushback = response.pushback;
  AttemptResult result = ResultOf(std::move(response), codec_);
  const bool is_refused = result.kind == AttemptResult::Kind::kPermanent;
  if (result.retry_delay.has_value() && !is_refused) HoldFor(*result.retry_delay);
  if (pushback.has_value()) ApplyPushback(*pushback, result);
  MarkDirty();
  if (is_unprocessed) {
    SendAgain(message, result);
  } else if (message.is_merged() && !result.was_taken &&
             (is_refused || result.rejected_spans > 0)) {
    SendEachAlone(message, result);
  } else if (message.is_merged()) {
    FinishEach(message, result);
  } else {
    Attempt& attempt = *message.attempts[0];
    Recycle(message);
    metrics_->AddLatency(loop().Now() - attempt.sent_at_);
    Finish(attempt, std::move(result));
    return;
  }
  Recycle(message);
}

// It was proved that none of them was processed.
void Backend::SendAgain(const Message& message, const AttemptResult& result) {
  const bool is_leaving = state() == BackendState::kDraining || state() == BackendState::kGone;
  for (auto it = message.attempts.rbegin(); it != message.attempts.rend(); ++it) {
    Attempt* const attempt = *it;
    if (is_leaving || attempt->is_abandoned || std::exchange(attempt->was_resent_, true)) {
      EndLater(*attempt, AttemptResult(result));
    } else {
      Requeue(*attempt);
    }
  }
}

// Refused, or accepted but for some spans: one of them is the reason, and nobody else may suffer
// from it or be told of it. So each is asked for alone.
void Backend::SendEachAlone(const Message& message, const AttemptResult& result) {
  // What was accepted goes out twice, and that must not happen again.
  merge_again_at_ = result.kind == AttemptResult::Kind::kAccepted
                        ? TimePoint::max()
                        : std::max(merge_again_at_, loop().Now() + kMergePause);
  metrics_->unmerged.Add();
  for (auto it = message.attempts.rbegin(); it != message.attempts.rend(); ++it) {
    Attempt* const attempt = *it;
    if (attempt->is_abandoned) {
      EndLater(*attempt, AttemptResult(result));
    } else {
      attempt->goes_alone = true;
      Requeue(*attempt);
    }
  }
}

void Backend::FinishEach(const Message& message, const AttemptResult& result) {
  for (Attempt* attempt : message.attempts) {
    metrics_->AddLatency(loop().Now() - attempt->sent_at_);
    EndLater(*attempt, AttemptResult(result));
  }
}

// To the head of the queue.
void Backend::Requeue(Attempt& attempt) {
  if (EndIfUnusable(attempt)) return;
  waiting_.push_front(&attempt);
  metrics_->waiting.Add();
}

void Backend::Finish(Attempt& attempt, AttemptResult&& result) {
  AttemptOutcome outcome = AttemptOutcome::kTransient;
  if (result.kind == AttemptResult::Kind::kAccepted) {
    outcome = AttemptOutcome::kOk;
    metrics_->spans_accepted.Add(attempt.spans -
                                 std::min<std::uint64_t>(attempt.spans, result.rejected_spans));
  } else if (result.kind == AttemptResult::Kind::kPermanent) {
    outcome = AttemptOutcome::kPermanent;
    if (const auto left_out = refusal_log_.Allow(loop().Now())) {
      spdlog::warn("backend {} refused {} spans for good: {} {}{}", endpoint_.name, attempt.spans,
                   GrpcCodeName(result.code), Printable(result.message), *left_out);
    }
  }
  metrics_->attempts[static_cast<std::size_t>(outcome)].Add();
  Release(attempt);
  attempt.OnAttemptDone(std::move(result));
}

}  // namespace router
