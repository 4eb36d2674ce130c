// BackendLink: one worker's connection to one collector: opens it, replaces it, probes for it while
// the collector is down, and takes it for down when it answers nothing.
//
// States (one enum, one transition function):
//   kConnecting  first connect, or the connection was lost and is being replaced
//   kReady       the connection takes calls
//   kDown        the last connect failed, or two calls in a row were given up and it had been
//                silent for silence_min; a probe (a new connection, up to the peer's SETTINGS) runs
//                with backoff
//   kDraining    removed by discovery: what runs may finish
//   kGone        drained; nothing is left
//   kConnecting → kReady | kDown;  kReady → kConnecting | kDown;  kDown → kReady;
//   any → kDraining → kGone
// That a connection cannot be opened for want of descriptors, memory or ports of our own says
// nothing about the backend: it stays what it was, and it is tried again.
// Thread safety: its worker only.
// Ownership: a part of its Backend, whose endpoint and metrics it refers to. A connection that is
// replaced finishes its calls by itself.
// Failure: every loss of a connection is a change of state, never an error to handle.
// Source: rules FM-02, FM-26 (backoff), FM-28 (silence).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "router/backend/backend_endpoint.h"
#include "router/backend/backend_metrics.h"
#include "router/backend/backend_options.h"
#include "router/base/log.h"
#include "router/base/worker_loop.h"
#include "router/http2/client_connection.h"

namespace router {

// Hears of connects. Outlives the backends.
class BackendObserver {
 public:
  // It became ready, or went DOWN. Only changes are told.
  virtual void OnBackendState(const std::string& name, bool is_ready) = 0;
  // Calls get no answer: may it be taken for dead? When most are silent, it is our own network.
  virtual bool MayTakeDown() { return true; }

 protected:
  ~BackendObserver() = default;
};

// Whose link it is. Neither call may end the link.
class LinkOwner {
 public:
  // There may be room for a call that there was none for.
  virtual void OnLinkRoom() = 0;
  // It is down or was removed: what waits for it waits in vain.
  virtual void OnLinkDown(const std::string& reason) = 0;

 protected:
  ~LinkOwner() = default;
};

class BackendLink final : private ConnectionOwner {
 public:
  // All references outlive the link.
  BackendLink(WorkerLoop& loop, const BackendEndpoint& endpoint, BackendMetrics& metrics,
              std::shared_ptr<const BackendOptions> options, BackendObserver& observer,
              LinkOwner& owner);
  ~BackendLink();
  BackendLink(const BackendLink&) = delete;
  BackendLink& operator=(const BackendLink&) = delete;

  // Opens the connection: the first, or the one after a pause.
  void Connect();
  // The connection stays, unless it is plaintext and TLS is wanted, or the other way round: then
  // what runs on it may finish.
  void SetOptions(std::shared_ptr<const BackendOptions> options);
  // Discovery no longer knows the backend.
  void Retire();

  BackendState state() const { return metrics_.state.load(std::memory_order_relaxed); }
  // Why it was last taken for down.
  const std::string& last_error() const { return last_error_; }
  bool CanSend() const { return connection_ != nullptr && connection_->CanSend(); }
  // REQUIRES: CanSend().
  ClientConnection& connection() { return *connection_; }

  // What becomes of the calls on its connections, to tell silence. OnCallSent() may replace the
  // connection, after so many calls.
  void OnCallSent();
  void OnCallEnded(bool is_answered);
  // A call on `connection` was given up, OnCallEnded() came before if it was over with that; true:
  // it was counted. What is still on the wire may be answered yet; if the backend is now down,
  // nothing new is sent until a probe succeeds.
  bool OnCallUnanswered(const ClientConnection* connection);
  std::uint32_t calls_on_wire() const { return calls_on_wire_; }

 private:
  void TransitionTo(BackendState state);
  void Report(bool is_ready);
  void ReplaceOtherKind();
  void OnConnected(const boost::system::error_code& error);
  void OnConnectTimeout();
  void OnConnectFailed(std::string_view reason);
  void OnLocalFailure(int error);
  void GoDown(std::string_view reason, Duration probe_after);
  void OnConnectionReady() override;
  void OnConnectionRoom() override { owner_.OnLinkRoom(); }
  void OnConnectionDraining() override;
  void OnConnectionClosed(std::string_view reason) override;
  void Replace(Duration delay);

  WorkerLoop& loop_;
  const BackendEndpoint& endpoint_;
  BackendMetrics& metrics_;
  std::shared_ptr<const BackendOptions> options_;  // never null
  BackendObserver& observer_;
  LinkOwner& owner_;

  std::shared_ptr<boost::asio::ip::tcp::socket> connecting_;  // while TCP connects; nobody else's
  std::shared_ptr<ClientConnection> connection_;              // from TCP connected to lost
  MemberTimer<BackendLink, &BackendLink::OnConnectTimeout> connect_timer_{*this};
  MemberTimer<BackendLink, &BackendLink::Connect> reconnect_timer_{*this};
  TimePoint connect_began_{};
  TimePoint connected_at_{};
  std::uint32_t failures_ = 0;  // connects in a row, for the backoff
  std::minstd_rand jitter_;

  std::uint32_t calls_on_wire_ = 0;
  TimePoint silent_since_{};        // while calls are on the wire: since then no answer came
  Duration silent_before_{};        // while there are none: how long it had been silent
  std::uint32_t unanswered_ = 0;    // calls in a row that ended without a word
  std::uint32_t silent_downs_ = 0;  // times it went down for that, since its last answer

  std::string last_error_;
  std::optional<bool> last_report_;
  LogLimiter state_log_;
  LogLimiter local_log_;
};

}  // namespace router
