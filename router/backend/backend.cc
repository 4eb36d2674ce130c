#include "router/backend/backend.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "router/base/limits.h"
#include "router/http2/grpc_header.h"
#include "router/http2/nv.h"
#include "router/otlp/export_response.h"
#include "router/otlp/status_details.h"

namespace router {
namespace {

constexpr std::string_view kExportPath =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr milliseconds kBackoffFirst{50};
constexpr double kBackoffFactor = 1.6;
constexpr milliseconds kBackoffMax{2000};
// A connection that lived this long ends a row of failures.
constexpr std::chrono::seconds kStableAfter{1};
constexpr std::uint32_t kUnansweredMax = 2;
// A probe only proves that the peer speaks HTTP/2; while no call is answered, it is tried less and
// less often.
constexpr milliseconds kSilentProbeFirst{1000};
constexpr std::uint32_t kSilentProbeDoublings = 3;
constexpr milliseconds kHoldMax{30000};
constexpr unsigned kUserTimeoutMs = 2000;  // unacknowledged bytes this old: the path is dead

// After GOAWAY the new connection is opened at once, but not in a tight loop.
constexpr milliseconds kReplaceIntervalMin{20};

// Of a message that says it is compressed; kNone: in no way that we know. A server of grpc-go
// answers in the request's encoding, whatever it was told to use.
Compression CompressionOf(const GrpcResponse& response) {
  if (response.encoding.empty()) return Compression::kGzip;
  return CompressionFrom(response.encoding).value_or(Compression::kNone);
}

}  // namespace

void Attempt::OnResponse(GrpcResponse&& response) {
  assert(backend_ != nullptr);
  backend_->OnAttemptResponse(*this, std::move(response));
}

Backend::Backend(WorkerLoop& loop, Codec& codec, std::shared_ptr<const BackendOptions> options,
                 BackendEndpoint endpoint, BackendObserver& observer)
    : Flushable(loop),
      codec_(codec),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      observer_(observer),
      metrics_(std::make_shared<BackendMetrics>()),
      jitter_(std::random_device{}()) {
  MakeFields();
}

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
  const bool is_other_kind = (options_->tls == nullptr) != (options->tls == nullptr);
  options_ = std::move(options);
  MakeFields();
  if (is_other_kind) ReplaceOtherKind();
  SendWaiting();
}

// One that is not ready yet must not become so: nothing may be sent to it.
void Backend::ReplaceOtherKind() {
  if (state() == BackendState::kReady) {
    OnConnectionDraining();
    return;
  }
  const bool is_connecting = state() == BackendState::kConnecting || state() == BackendState::kDown;
  if (connection_ == nullptr || !is_connecting) return;
  const auto old = std::move(connection_);
  connection_.reset();
  old->Abandon();
  old->Close("TLS was switched on or off");
  Connect();
}

Backend::~Backend() {
  if (connection_) {
    connection_->Abandon();
    connection_->Close("shut down");
  }
}

void Backend::TransitionTo(BackendState state) {
  const BackendState from = this->state();
  if (from == state) return;
  assert(from != BackendState::kGone);
  assert(from != BackendState::kDraining || state == BackendState::kGone);
  metrics_->state.store(state, std::memory_order_relaxed);
}

void Backend::Report(bool is_ready) {
  if (last_report_ == is_ready) return;
  last_report_ = is_ready;
  observer_.OnBackendState(endpoint_.name, is_ready);
}

// ---- connecting --------------------------------------------------------------------------------

void Backend::Start() { Connect(); }

void Backend::Connect() {
  auto socket = std::make_shared<boost::asio::ip::tcp::socket>(loop().io());
  connecting_ = socket;
  boost::system::error_code error;
  socket->open(endpoint_.address.protocol(), error);
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs,
               sizeof kUserTimeoutMs);
  loop().SetTimer(connect_timer_, loop().Now() + options_->connect_timeout);
  socket->async_connect(endpoint_.address,
                        [weak = weak_from_this(), socket](const boost::system::error_code& result) {
                          const auto self = weak.lock();
                          if (self && self->connecting_ == socket) self->OnConnected(result);
                        });
}

void Backend::OnConnected(const boost::system::error_code& error) {
  const auto socket = std::move(connecting_);
  connecting_.reset();
  if (error) {
    OnConnectFailed(error.message());
    return;
  }
  connection_ = ClientConnection::Start(
      loop(), Transport(std::move(*socket), options_->tls, endpoint_.server_name), *this);
}

void Backend::OnConnectTimeout() {
  if (connecting_) {
    boost::system::error_code ignored;
    connecting_->close(ignored);
    connecting_.reset();
  }
  if (connection_) {
    connection_->Abandon();
    connection_->Close("connect timed out");
    connection_.reset();
  }
  OnConnectFailed("no HTTP/2 connection within " +
                  std::to_string(options_->connect_timeout.count()) + " ms");
}

void Backend::OnConnectFailed(std::string_view reason) {
  connect_timer_.Cancel();
  metrics_->connect_failures.Add();
  double delay_ms = static_cast<double>(kBackoffFirst.count());
  const auto delay_max_ms = static_cast<double>(kBackoffMax.count());
  for (std::uint32_t i = 0; i < failures_ && delay_ms < delay_max_ms; ++i)
    delay_ms *= kBackoffFactor;
  ++failures_;
  delay_ms = std::min(delay_ms, delay_max_ms);
  delay_ms *= std::uniform_real_distribution<double>(0.8, 1.2)(jitter_);
  GoDown(reason, milliseconds(static_cast<std::int64_t>(delay_ms)));
}

void Backend::GoDown(std::string_view reason, Duration probe_after) {
  last_error_ = reason;
  std::uint64_t left_out = 0;
  if (state() != BackendState::kDown && state_log_.Allow(loop().Now(), &left_out)) {
    spdlog::warn("backend {} is down: {} ({} such lines left out)", endpoint_.name, reason,
                 left_out);
  }
  TransitionTo(BackendState::kDown);
  FailWaiting("backend " + endpoint_.name + " is down: " + last_error_);
  loop().SetTimer(reconnect_timer_, loop().Now() + probe_after);
  Report(false);
}

// What it still has on the wire may be answered yet; nothing new is sent until a probe succeeds.
void Backend::OnUnanswered(const Attempt& attempt) {
  // While this worker cannot keep up, it is its own ear that is slow.
  const Duration silence = in_flight_ > 0 ? loop().Now() - silent_since_ : silent_before_;
  const bool is_silence = silence >= options_->silence_min && !loop().is_saturated();
  const bool is_current =
      state() == BackendState::kReady && attempt.connection_ == connection_.get();
  if (!is_silence || !is_current) return;
  if (++unanswered_ < kUnansweredMax || !observer_.MayTakeDown()) return;
  unanswered_ = 0;
  const auto old = std::move(connection_);
  connection_.reset();
  old->Abandon();
  const auto probe_after =
      kSilentProbeFirst * (1 << std::min(silent_downs_, kSilentProbeDoublings));
  ++silent_downs_;
  GoDown("it answers nothing", probe_after);
}

void Backend::OnConnectionReady() {
  if (state() == BackendState::kDraining) return;  // retired while connecting
  connect_timer_.Cancel();
  connected_at_ = loop().Now();
  silent_since_ = connected_at_;
  silent_before_ = {};
  metrics_->connects.Add();
  std::uint64_t left_out = 0;
  if (state() == BackendState::kDown && state_log_.Allow(connected_at_, &left_out)) {
    spdlog::info("backend {} is back", endpoint_.name);
  }
  TransitionTo(BackendState::kReady);
  Report(true);
  SendWaiting();
}

// GOAWAY: the old connection finishes what it has, a new one takes what comes.
void Backend::OnConnectionDraining() {
  if (state() == BackendState::kDraining) return;
  const auto old = std::move(connection_);
  connection_.reset();
  old->Abandon();
  const Duration age = loop().Now() - connected_at_;
  failures_ = 0;
  Replace(age < kReplaceIntervalMin ? Duration(kReplaceIntervalMin) : Duration::zero());
}

void Backend::OnConnectionClosed(std::string_view reason) {
  const TlsFault fault = connection_ == nullptr ? TlsFault::kNone : connection_->tls_fault();
  if (fault != TlsFault::kNone) metrics_->tls_faults[static_cast<std::size_t>(fault)].Add();
  connection_.reset();
  if (state() == BackendState::kDraining) {
    TransitionTo(BackendState::kGone);
    return;
  }
  if (state() != BackendState::kReady) {
    OnConnectFailed(reason);  // died before its SETTINGS came
    return;
  }
  if (loop().Now() - connected_at_ < kStableAfter) {
    OnConnectFailed(reason);
    return;
  }
  failures_ = 0;
  Replace(Duration::zero());
}

void Backend::Replace(Duration delay) {
  connect_timer_.Cancel();
  TransitionTo(BackendState::kConnecting);
  if (delay == Duration::zero()) {
    Connect();
  } else {
    loop().SetTimer(reconnect_timer_, loop().Now() + delay);
  }
}

void Backend::Retire() {
  if (state() == BackendState::kDraining || state() == BackendState::kGone) return;
  TransitionTo(BackendState::kDraining);
  connect_timer_.Cancel();
  reconnect_timer_.Cancel();
  connecting_.reset();
  FailWaiting("backend " + endpoint_.name + " was removed");
  if (connection_) {
    connection_->ShutDown();
  } else {
    TransitionTo(BackendState::kGone);
  }
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
  switch (state()) {
    case BackendState::kDown:
      FailLater(attempt, "backend " + endpoint_.name + " is down: " + last_error_);
      return;
    case BackendState::kDraining:
    case BackendState::kGone:
      FailLater(attempt, "backend " + endpoint_.name + " was removed");
      return;
    case BackendState::kConnecting:
    case BackendState::kReady:
      break;
  }
  if (loop().Now() < held_until_ && attempt.deadline <= held_until_) {
    FailLater(attempt, HeldResult());
    return;
  }
  if (pending_bytes_ > options_->pending_bytes_max && !is_first) {
    FailLater(attempt, {.was_processed_maybe = false,
                        .may_retry = false,
                        .message = "backend " + endpoint_.name + " has too much waiting"});
    return;
  }
  if (waiting_.empty() && TrySend(attempt)) return;
  waiting_.push_back(&attempt);
  metrics_->waiting.Add();
}

bool Backend::TrySend(Attempt& attempt) {
  if (loop().Now() < held_until_ || in_flight_ >= options_->in_flight_max) return false;
  if (!connection_ || !connection_->CanSend()) return false;
  const std::string timeout =
      FormatGrpcTimeout(std::chrono::duration_cast<milliseconds>(attempt.deadline - loop().Now()));
  const std::size_t fixed = fields_.size();
  fields_.push_back(Field("grpc-timeout", timeout, NGHTTP2_NV_FLAG_NO_INDEX));
  if (attempt.compression != Compression::kNone) {
    fields_.push_back(StaticField("grpc-encoding", NameOf(attempt.compression)));
  }
  attempt.call_ = connection_->Send(fields_, attempt.body, attempt.frame, attempt);
  fields_.resize(fixed);
  if (attempt.call_ == nullptr) return false;
  attempt.connection_ = connection_.get();
  if (in_flight_ == 0) silent_since_ = loop().Now() - silent_before_;
  ++in_flight_;
  metrics_->in_flight.Add();
  metrics_->bytes_sent.Add(attempt.frame.size());
  if (connection_->calls_started() >= options_->calls_per_connection_max) OnConnectionDraining();
  return true;
}

void Backend::SendWaiting() {
  while (!waiting_.empty() && TrySend(*waiting_.front())) {
    metrics_->waiting.Subtract();
    waiting_.pop_front();
  }
}

void Backend::LeaveWire(bool is_answered) {
  if (is_answered) {
    silent_since_ = loop().Now();
    unanswered_ = 0;
    silent_downs_ = 0;
  }
  --in_flight_;
  metrics_->in_flight.Subtract();
  if (in_flight_ == 0) silent_before_ = loop().Now() - silent_since_;
}

// Out of its hands.
void Backend::Release(Attempt& attempt) {
  attempt.backend_ = nullptr;
  pending_bytes_ -= attempt.frame.size();
  if (attempt.is_retry) --retries_;
}

void Backend::Cancel(Attempt& attempt, AttemptOutcome why) {
  assert(attempt.backend_ == this);
  Release(attempt);
  metrics_->attempts[static_cast<std::size_t>(why)].Add();
  if (attempt.call_ != nullptr) {
    attempt.connection_->Cancel(*std::exchange(attempt.call_, nullptr));
    LeaveWire(false);
    if (why == AttemptOutcome::kTimeout) OnUnanswered(attempt);
    SendWaiting();
    return;
  }
  if (const auto found = std::find(waiting_.begin(), waiting_.end(), &attempt);
      found != waiting_.end()) {
    metrics_->waiting.Subtract();
    waiting_.erase(found);
    return;
  }
  std::erase_if(failed_, [&](const auto& failed) { return failed.first == &attempt; });
}

void Backend::FailLater(Attempt& attempt, AttemptResult&& result) {
  failed_.emplace_back(&attempt, std::move(result));
  MarkDirty();
}

void Backend::FailLater(Attempt& attempt, std::string reason) {
  FailLater(attempt, {.was_processed_maybe = false, .message = std::move(reason)});
}

void Backend::FailWaiting(const std::string& reason) {
  for (Attempt* attempt : waiting_) FailLater(*attempt, reason);
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
    FailLater(*attempt, HeldResult());
    return true;
  });
}

// Those that fail again while they are told come after the others.
void Backend::Flush() {
  const auto self = shared_from_this();
  for (std::size_t left = failed_.size(); left > 0 && !failed_.empty(); --left) {
    auto [attempt, result] = std::move(failed_.front());
    failed_.pop_front();
    Finish(*attempt, std::move(result));
  }
  if (!failed_.empty()) MarkDirty();
}

// ---- answers -----------------------------------------------------------------------------------

void Backend::OnAttemptResponse(Attempt& attempt, GrpcResponse&& response) {
  const auto self = shared_from_this();
  attempt.call_ = nullptr;
  LeaveWire(response.kind == GrpcResponse::Kind::kStatus);
  if (response.kind == GrpcResponse::Kind::kUnprocessed && !attempt.was_resent_ &&
      !attempt.is_abandoned && state() != BackendState::kDraining &&
      state() != BackendState::kGone) {
    attempt.was_resent_ = true;
    if (state() == BackendState::kDown) {
      FailLater(attempt, std::move(response.message));
      return;
    }
    waiting_.push_front(&attempt);
    metrics_->waiting.Add();
    SendWaiting();
    return;
  }
  metrics_->AddLatency(loop().Now() - attempt.sent_at_);
  AttemptResult result = Interpret(std::move(response));
  if (result.retry_delay.has_value() && result.kind != AttemptResult::Kind::kPermanent) {
    HoldFor(*result.retry_delay);
  }
  SendWaiting();
  Finish(attempt, std::move(result));
}

void Backend::Finish(Attempt& attempt, AttemptResult&& result) {
  AttemptOutcome outcome = AttemptOutcome::kTransient;
  if (result.kind == AttemptResult::Kind::kAccepted) {
    outcome = AttemptOutcome::kOk;
    metrics_->spans_accepted.Add(attempt.spans -
                                 std::min<std::uint64_t>(attempt.spans, result.rejected_spans));
  } else if (result.kind == AttemptResult::Kind::kPermanent) {
    outcome = AttemptOutcome::kPermanent;
    std::uint64_t left_out = 0;
    if (refusal_log_.Allow(loop().Now(), &left_out)) {
      spdlog::warn("backend {} refused {} spans for good: {} {} ({} such lines left out)",
                   endpoint_.name, attempt.spans, GrpcCodeName(result.code),
                   Printable(result.message), left_out);
    }
  }
  metrics_->attempts[static_cast<std::size_t>(outcome)].Add();
  Release(attempt);
  attempt.OnAttemptDone(std::move(result));
}

AttemptResult Backend::Interpret(GrpcResponse&& response) {
  AttemptResult result;
  if (response.kind != GrpcResponse::Kind::kStatus) {
    result.was_processed_maybe = response.kind == GrpcResponse::Kind::kBroken;
    result.code = response.code;
    result.message = std::move(response.message);
    return result;
  }
  if (response.code == GrpcCode::kOk) return InterpretAccepted(response);
  result.code = response.code;
  result.message = std::move(response.message);
  if (!response.details.empty()) result.retry_delay = RetryDelayFromDetails(response.details);
  if (!IsRetryable(result.code, result.retry_delay.has_value())) {
    result.kind = AttemptResult::Kind::kPermanent;
  } else if (result.code == GrpcCode::kResourceExhausted) {
    result.kind = AttemptResult::Kind::kThrottled;
  }
  return result;
}

// OK was said; the message only tells what the backend left out.
AttemptResult Backend::InterpretAccepted(const GrpcResponse& response) {
  AttemptResult result{.kind = AttemptResult::Kind::kAccepted, .code = GrpcCode::kOk};
  if (response.body.size() <= Body::kHeadroomBytes) return result;
  std::span<const std::uint8_t> message = std::span(response.body).subspan(Body::kHeadroomBytes);
  MemoryBudget budget(4 * kResponseBytesMax);  // the answer, and what a decoder holds
  MemoryAccount account(budget);
  Body inflated(account);
  if (response.body[0] != 0) {
    const Compression compression = CompressionOf(response);
    if (compression == Compression::kNone ||
        codec_.Inflate(compression, message, {.output_bytes_max = kResponseBytesMax}, inflated)) {
      return {.kind = AttemptResult::Kind::kPermanent,
              .code = GrpcCode::kInternal,
              .message = "the backend's answer cannot be decompressed within 4 MiB"};
    }
    message = inflated.bytes();
  }
  ExportResponse parsed = ParseExportResponse(message);
  if (parsed.outcome == ExportOutcome::kPartial) {
    result.rejected_spans = static_cast<std::uint64_t>(parsed.partial.rejected_spans);
    result.message = std::move(parsed.partial.message);
  }
  return result;
}

}  // namespace router
