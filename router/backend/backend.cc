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
constexpr unsigned kUserTimeoutMs = 2000;  // unacknowledged bytes this old: the path is dead

// After GOAWAY the new connection is opened at once, but not in a tight loop.
constexpr milliseconds kReplaceIntervalMin{20};

}  // namespace

void Attempt::OnResponse(GrpcResponse&& response) {
  assert(backend_ != nullptr);
  backend_->OnAttemptResponse(*this, std::move(response));
}

Backend::Backend(WorkerLoop& loop, GzipCodec& gzip, const BackendOptions& options,
                 BackendEndpoint endpoint, BackendObserver& observer)
    : Flushable(loop),
      gzip_(gzip),
      options_(options),
      endpoint_(std::move(endpoint)),
      observer_(observer),
      metrics_(std::make_shared<BackendMetrics>()),
      jitter_(std::random_device{}()) {
  fields_ = {StaticField(":method", "POST"),
             StaticField(":scheme", "http"),
             StaticField(":path", kExportPath),
             StaticField(":authority", endpoint_.name),
             StaticField("content-type", "application/grpc"),
             StaticField("te", "trailers"),
             StaticField("user-agent", options_.user_agent),
             StaticField("grpc-accept-encoding", "identity,gzip")};
  for (const auto& [name, value] : options_.headers) fields_.push_back(StaticField(name, value));
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

// ---- connecting -----------------------------------------------------------------------------------

void Backend::Start() { Connect(); }

void Backend::Connect() {
  auto socket = std::make_shared<boost::asio::ip::tcp::socket>(loop().io());
  connecting_ = socket;
  boost::system::error_code error;
  socket->open(endpoint_.address.protocol(), error);
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs,
               sizeof kUserTimeoutMs);
  loop().SetTimer(connect_timer_, loop().Now() + options_.connect_timeout);
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
  connection_ = ClientConnection::Start(loop(), std::move(*socket), *this);
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
  OnConnectFailed("no HTTP/2 connection within " + std::to_string(options_.connect_timeout.count()) +
                  " ms");
}

void Backend::OnConnectFailed(std::string_view reason) {
  connect_timer_.Cancel();
  metrics_->connect_failures.Add();
  last_error_ = reason;
  std::uint64_t left_out = 0;
  if (state() != BackendState::kDown && state_log_.Allow(loop().Now(), &left_out)) {
    spdlog::warn("backend {} is down: {}", endpoint_.name, reason);
  }
  TransitionTo(BackendState::kDown);
  FailWaiting("backend " + endpoint_.name + " is down: " + last_error_);
  double delay_ms = static_cast<double>(kBackoffFirst.count());
  const auto delay_max_ms = static_cast<double>(kBackoffMax.count());
  for (std::uint32_t i = 0; i < failures_ && delay_ms < delay_max_ms; ++i) delay_ms *= kBackoffFactor;
  ++failures_;
  delay_ms = std::min(delay_ms, delay_max_ms);
  delay_ms *= std::uniform_real_distribution<double>(0.8, 1.2)(jitter_);
  loop().SetTimer(reconnect_timer_,
                  loop().Now() + milliseconds(static_cast<std::int64_t>(delay_ms)));
  Report(false);
}

void Backend::OnConnectionReady() {
  if (state() == BackendState::kDraining) return;  // retired while connecting
  connect_timer_.Cancel();
  connected_at_ = loop().Now();
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
  connection_.reset();
  if (state() == BackendState::kDraining) {
    TransitionTo(BackendState::kGone);
    return;
  }
  if (state() != BackendState::kReady) {
    OnConnectFailed(reason);  // died before its SETTINGS came
    return;
  }
  Report(false);
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

// ---- sending --------------------------------------------------------------------------------------

void Backend::Send(Attempt& attempt) {
  assert(attempt.backend_ == nullptr);
  attempt.backend_ = this;
  attempt.was_resent_ = false;
  attempt.sent_at_ = loop().Now();
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
  if (waiting_.empty() && TrySend(attempt)) return;
  if (waiting_bytes_ + attempt.frame.size() > options_.pending_bytes_max) {
    FailLater(attempt, "backend " + endpoint_.name + " has too much waiting");
    return;
  }
  waiting_.push_back(&attempt);
  waiting_bytes_ += attempt.frame.size();
  metrics_->waiting.Add();
}

bool Backend::TrySend(Attempt& attempt) {
  if (in_flight_ >= options_.in_flight_max || !connection_ || !connection_->CanSend()) return false;
  const std::string timeout = FormatGrpcTimeout(
      std::chrono::duration_cast<milliseconds>(attempt.deadline - loop().Now()));
  const std::size_t fixed = fields_.size();
  fields_.push_back(Field("grpc-timeout", timeout, NGHTTP2_NV_FLAG_NO_INDEX));
  if (attempt.is_compressed) fields_.push_back(StaticField("grpc-encoding", "gzip"));
  attempt.call_ = connection_->Send(fields_, attempt.body, attempt.frame, attempt);
  fields_.resize(fixed);
  if (attempt.call_ == nullptr) return false;
  attempt.connection_ = connection_.get();
  ++in_flight_;
  metrics_->in_flight.Add();
  metrics_->bytes_sent.Add(attempt.frame.size());
  if (connection_->calls_started() >= options_.calls_per_connection_max) OnConnectionDraining();
  return true;
}

void Backend::SendWaiting() {
  while (!waiting_.empty() && TrySend(*waiting_.front())) {
    waiting_bytes_ -= waiting_.front()->frame.size();
    metrics_->waiting.Subtract();
    waiting_.pop_front();
  }
}

void Backend::Cancel(Attempt& attempt, AttemptOutcome why) {
  assert(attempt.backend_ == this);
  attempt.backend_ = nullptr;
  metrics_->attempts[static_cast<std::size_t>(why)].Add();
  if (attempt.call_ != nullptr) {
    attempt.connection_->Cancel(*std::exchange(attempt.call_, nullptr));
    --in_flight_;
    metrics_->in_flight.Subtract();
    SendWaiting();
    return;
  }
  if (const auto found = std::find(waiting_.begin(), waiting_.end(), &attempt);
      found != waiting_.end()) {
    waiting_bytes_ -= attempt.frame.size();
    metrics_->waiting.Subtract();
    waiting_.erase(found);
    return;
  }
  std::erase_if(failed_, [&](const auto& failed) { return failed.first == &attempt; });
}

void Backend::FailLater(Attempt& attempt, std::string reason) {
  failed_.emplace_back(&attempt, std::move(reason));
  MarkDirty();
}

void Backend::FailWaiting(const std::string& reason) {
  for (Attempt* attempt : waiting_) FailLater(*attempt, reason);
  metrics_->waiting.Subtract(waiting_.size());
  waiting_.clear();
  waiting_bytes_ = 0;
}

void Backend::Flush() {
  const auto self = shared_from_this();
  while (!failed_.empty()) {
    auto [attempt, reason] = std::move(failed_.front());
    failed_.pop_front();
    Finish(*attempt, {.was_processed_maybe = false, .message = std::move(reason)});
  }
}

// ---- answers --------------------------------------------------------------------------------------

void Backend::OnAttemptResponse(Attempt& attempt, GrpcResponse&& response) {
  const auto self = shared_from_this();
  attempt.call_ = nullptr;
  --in_flight_;
  metrics_->in_flight.Subtract();
  if (response.kind == GrpcResponse::Kind::kUnprocessed && !attempt.was_resent_ && !attempt.is_abandoned &&
      state() != BackendState::kDraining && state() != BackendState::kGone) {
    attempt.was_resent_ = true;
    if (state() == BackendState::kDown) {
      FailLater(attempt, std::move(response.message));
      return;
    }
    waiting_.push_front(&attempt);
    waiting_bytes_ += attempt.frame.size();
    metrics_->waiting.Add();
    SendWaiting();
    return;
  }
  metrics_->AddLatency(loop().Now() - attempt.sent_at_);
  AttemptResult result = Interpret(std::move(response));
  SendWaiting();
  Finish(attempt, std::move(result));
}

void Backend::Finish(Attempt& attempt, AttemptResult&& result) {
  AttemptOutcome outcome = AttemptOutcome::kTransient;
  if (result.kind == AttemptResult::Kind::kAccepted) {
    outcome = AttemptOutcome::kOk;
    metrics_->spans_accepted.Add(attempt.spans - std::min<std::uint64_t>(attempt.spans,
                                                                         result.rejected_spans));
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
  attempt.backend_ = nullptr;
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
  std::span<const std::uint8_t> message =
      std::span(response.body).subspan(Body::kHeadroomBytes);
  MemoryBudget budget(2 * kResponseBytesMax);
  MemoryAccount account(budget);
  Body inflated(account);
  if (response.body[0] != 0) {
    if (gzip_.Inflate(message, {.output_bytes_max = kResponseBytesMax}, inflated)) {
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
