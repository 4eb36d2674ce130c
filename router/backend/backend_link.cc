#include "router/backend/backend_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace router {
namespace {

constexpr milliseconds kBackoffFirst{50};
constexpr double kBackoffFactor = 1.6;
constexpr milliseconds kBackoffMax{1000};  // from one attempt to the next (rules FM-02, FM-26)
// A connection that lived this long ends a row of failures.
constexpr std::chrono::seconds kStableAfter{1};
constexpr std::uint32_t kUnansweredMax = 2;
// A probe only proves that the peer speaks HTTP/2; while no call is answered, it is tried less and
// less often.
constexpr milliseconds kSilentProbeFirst{1000};
constexpr std::uint32_t kSilentProbeDoublings = 3;
constexpr unsigned kUserTimeoutMs = 2000;  // unacknowledged bytes this old: the path is dead
constexpr milliseconds kLocalRetry{250};
// After GOAWAY the new connection is opened at once, but not in a tight loop.
constexpr milliseconds kReplaceIntervalMin{20};

// What is missing on our side, and what to do about it; null: the error is none of ours.
const char* LocalCause(int error) {
  switch (error) {
    case EMFILE:
      return "no file descriptor is left: raise the limit of open files (LimitNOFILE, ulimit -n)";
    case ENFILE:
      return "the system's table of open files is full: raise fs.file-max";
    case ENOBUFS:
    case ENOMEM:
      return "the system has no memory for a socket";
    case EADDRNOTAVAIL:
      return "no local port is free towards it (widen net.ipv4.ip_local_port_range), or there is "
             "no local address of its family";
    default:
      return nullptr;
  }
}

}  // namespace

BackendLink::BackendLink(WorkerLoop& loop, const BackendEndpoint& endpoint, BackendMetrics& metrics,
                         std::shared_ptr<const BackendOptions> options, BackendObserver& observer,
                         LinkOwner& owner)
    : loop_(loop),
      endpoint_(endpoint),
      metrics_(metrics),
      options_(std::move(options)),
      observer_(observer),
      owner_(owner),
      jitter_(std::random_device{}()) {}

BackendLink::~BackendLink() {
  if (connection_) {
    connection_->Abandon();
    connection_->Close("shut down");
  }
}

void BackendLink::TransitionTo(BackendState state) {
  const BackendState from = this->state();
  if (from == state) return;
  assert(from != BackendState::kGone);
  assert(from != BackendState::kDraining || state == BackendState::kGone);
  metrics_.state.store(state, std::memory_order_relaxed);
}

void BackendLink::Report(bool is_ready) {
  if (last_report_ == is_ready) return;
  last_report_ = is_ready;
  observer_.OnBackendState(endpoint_.name, is_ready);
}

// ---- connecting --------------------------------------------------------------------------------

void BackendLink::Connect() {
  connect_began_ = loop_.Now();
  auto socket = std::make_shared<boost::asio::ip::tcp::socket>(loop_.io());
  boost::system::error_code error;
  socket->open(endpoint_.address.protocol(), error);
  if (error && LocalCause(error.value()) != nullptr) {
    OnLocalFailure(error.value());
    return;
  }
  connecting_ = socket;
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs,
               sizeof kUserTimeoutMs);
  loop_.SetTimer(connect_timer_, loop_.Now() + options_->connect_timeout);
  // While the socket is there the link is, too: nobody else owns it.
  socket->async_connect(endpoint_.address, [this, weak = std::weak_ptr(socket)](
                                               const boost::system::error_code& result) {
    const auto connected = weak.lock();
    if (connected && connected == connecting_) OnConnected(result);
  });
}

void BackendLink::OnConnected(const boost::system::error_code& error) {
  const auto socket = std::move(connecting_);
  connecting_.reset();
  if (error && LocalCause(error.value()) != nullptr) {
    OnLocalFailure(error.value());
    return;
  }
  if (error) {
    OnConnectFailed(error.message());
    return;
  }
  connection_ = ClientConnection::Start(
      loop_, Transport(std::move(*socket), options_->tls, endpoint_.server_name), *this);
}

void BackendLink::OnConnectTimeout() {
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

void BackendLink::OnConnectFailed(std::string_view reason) {
  connect_timer_.Cancel();
  metrics_.connect_failures.Add();
  double delay_ms = static_cast<double>(kBackoffFirst.count());
  const auto delay_max_ms = static_cast<double>(kBackoffMax.count());
  for (std::uint32_t i = 0; i < failures_ && delay_ms < delay_max_ms; ++i)
    delay_ms *= kBackoffFactor;
  ++failures_;
  delay_ms = std::min(delay_ms, delay_max_ms);
  delay_ms *= std::uniform_real_distribution<double>(0.8, 1.2)(jitter_);
  // The time that it took to fail counts, or a peer that drops SYNs would be asked half as often.
  const Duration delay = milliseconds(static_cast<std::int64_t>(delay_ms));
  GoDown(reason, std::max<Duration>(delay - (loop_.Now() - connect_began_), kBackoffFirst));
}

void BackendLink::OnLocalFailure(int error) {
  // Ports come free again; an address family that this host lacks does not come.
  if (error == EADDRNOTAVAIL && endpoint_.address.address().is_v6() &&
      !last_report_.value_or(false)) {
    OnConnectFailed(LocalCause(error));
    return;
  }
  connect_timer_.Cancel();
  metrics_.local_connect_failures.Add();
  if (const auto left_out = local_log_.Allow(loop_.Now())) {
    spdlog::warn("cannot connect to backend {}, which is not its fault: {}{}", endpoint_.name,
                 LocalCause(error), *left_out);
  }
  const double factor = std::uniform_real_distribution<double>(0.8, 1.2)(jitter_);
  loop_.SetTimer(reconnect_timer_,
                 loop_.Now() + milliseconds(static_cast<std::int64_t>(
                                   static_cast<double>(kLocalRetry.count()) * factor)));
}

void BackendLink::GoDown(std::string_view reason, Duration probe_after) {
  last_error_ = reason;
  if (state() != BackendState::kDown) {
    if (const auto left_out = state_log_.Allow(loop_.Now()))
      spdlog::warn("backend {} is down: {}{}", endpoint_.name, reason, *left_out);
  }
  TransitionTo(BackendState::kDown);
  owner_.OnLinkDown("backend " + endpoint_.name + " is down: " + last_error_);
  loop_.SetTimer(reconnect_timer_, loop_.Now() + probe_after);
  Report(false);
}

void BackendLink::OnConnectionReady() {
  if (state() == BackendState::kDraining) return;  // retired while connecting
  connect_timer_.Cancel();
  connected_at_ = loop_.Now();
  silent_since_ = connected_at_;
  silent_before_ = {};
  metrics_.connects.Add();
  if (state() == BackendState::kDown && state_log_.Allow(connected_at_))
    spdlog::info("backend {} is back", endpoint_.name);
  TransitionTo(BackendState::kReady);
  Report(true);
  owner_.OnLinkRoom();
}

// GOAWAY: the old connection finishes what it has, a new one takes what comes.
void BackendLink::OnConnectionDraining() {
  if (state() == BackendState::kDraining) return;
  const auto old = std::move(connection_);
  connection_.reset();
  old->Abandon();
  const Duration age = loop_.Now() - connected_at_;
  failures_ = 0;
  Replace(age < kReplaceIntervalMin ? Duration(kReplaceIntervalMin) : Duration::zero());
}

void BackendLink::OnConnectionClosed(std::string_view reason) {
  const TlsFault fault = connection_ == nullptr ? TlsFault::kNone : connection_->tls_fault();
  if (fault != TlsFault::kNone) metrics_.tls_faults[static_cast<std::size_t>(fault)].Add();
  connection_.reset();
  if (state() == BackendState::kDraining) {
    TransitionTo(BackendState::kGone);
    return;
  }
  if (state() != BackendState::kReady) {
    OnConnectFailed(reason);  // died before its SETTINGS came
    return;
  }
  if (loop_.Now() - connected_at_ < kStableAfter) {
    OnConnectFailed(reason);
    return;
  }
  failures_ = 0;
  Replace(Duration::zero());
}

void BackendLink::Replace(Duration delay) {
  connect_timer_.Cancel();
  TransitionTo(BackendState::kConnecting);
  if (delay == Duration::zero()) {
    Connect();
  } else {
    loop_.SetTimer(reconnect_timer_, loop_.Now() + delay);
  }
}

void BackendLink::Retire() {
  if (state() == BackendState::kDraining || state() == BackendState::kGone) return;
  TransitionTo(BackendState::kDraining);
  connect_timer_.Cancel();
  reconnect_timer_.Cancel();
  connecting_.reset();
  owner_.OnLinkDown("backend " + endpoint_.name + " was removed");
  if (connection_) {
    connection_->ShutDown();
  } else {
    TransitionTo(BackendState::kGone);
  }
}

void BackendLink::SetOptions(std::shared_ptr<const BackendOptions> options) {
  const bool is_other_kind = (options_->tls == nullptr) != (options->tls == nullptr);
  options_ = std::move(options);
  if (is_other_kind) ReplaceOtherKind();
}

// One that is not ready yet must not become so: nothing may be sent to it.
void BackendLink::ReplaceOtherKind() {
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

// ---- silence -----------------------------------------------------------------------------------

void BackendLink::OnCallSent() {
  if (calls_on_wire_ == 0) silent_since_ = loop_.Now() - silent_before_;
  ++calls_on_wire_;
  if (connection_->calls_started() >= options_->calls_per_connection_max) OnConnectionDraining();
}

void BackendLink::OnCallEnded(bool is_answered) {
  if (is_answered) {
    silent_since_ = loop_.Now();
    unanswered_ = 0;
    silent_downs_ = 0;
  }
  --calls_on_wire_;
  if (calls_on_wire_ == 0) silent_before_ = loop_.Now() - silent_since_;
}

bool BackendLink::OnCallUnanswered(const ClientConnection* connection) {
  // While this worker cannot keep up, it is its own ear that is slow.
  const Duration silence = calls_on_wire_ > 0 ? loop_.Now() - silent_since_ : silent_before_;
  const bool is_silence = silence >= options_->silence_min && !loop_.is_saturated();
  const bool is_current = state() == BackendState::kReady && connection == connection_.get();
  if (!is_silence || !is_current) return false;
  if (++unanswered_ < kUnansweredMax || !observer_.MayTakeDown()) return true;
  unanswered_ = 0;
  const auto old = std::move(connection_);
  connection_.reset();
  old->Abandon();
  const auto probe_after =
      kSilentProbeFirst * (1 << std::min(silent_downs_, kSilentProbeDoublings));
  ++silent_downs_;
  GoDown("it answers nothing", probe_after);
  return true;
}

}  // namespace router
