// Backend: one worker's way to one collector: connects, sends, reads the answers, reconnects.
//
// States (one enum, one transition function):
//   kConnecting  first connect, or the connection was lost and is being replaced; attempts wait
//   kReady       attempts are sent at the end of the turn, in up to in_flight_max messages; more
//                wait up to pending_bytes_max
//   kDown        the last connect failed, or two calls in a row were given up and it had been
//                silent for silence_min: attempts fail at once, a probe (a new connection, up to
//                the peer's SETTINGS) runs with backoff
//   kDraining    removed by discovery: what runs may finish, waiting attempts are handed back
//   kGone        drained; nothing is left
//   kConnecting → kReady | kDown;  kReady → kConnecting | kDown;  kDown → kReady;
//   any → kDraining → kGone
// That a connection cannot be opened for want of descriptors, memory or ports of our own says
// nothing about the backend: it stays what it was, and it is tried again.
// Besides, a backend that asked for patience (RetryInfo) is held: until then nothing is sent to it.
// Thread safety: its worker only (metrics: any thread).
// Ownership: shared by the pool and by the routing snapshots that name it.
// Failure: an attempt ends in exactly one OnAttemptDone(), never inline from Send(), or in
// Cancel().
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/backend/attempt.h"
#include "router/backend/backend_endpoint.h"
#include "router/backend/backend_metrics.h"
#include "router/backend/message.h"
#include "router/base/log.h"
#include "router/base/worker_loop.h"
#include "router/codec/codec.h"
#include "router/http2/client_connection.h"

namespace router {

struct BackendOptions {
  milliseconds connect_timeout{1000};
  // Calls that are given up prove nothing before the backend has been silent for so long.
  milliseconds silence_min{2000};
  std::uint32_t in_flight_max = 256;
  std::size_t pending_bytes_max = std::size_t{64} << 20;  // in flight and waiting, not compressed
  // Attempts that leave together go out as one message up to so many bytes before compression.
  std::size_t merged_bytes_max = 0;  // none
  // Then the connection is replaced: HTTP/2 has 2^30 stream numbers for one.
  std::uint32_t calls_per_connection_max = 1'000'000'000;
  std::vector<std::pair<std::string, std::string>>
      headers;  // static, lower-case names; may be secret
  std::string user_agent = "spanring";
  TlsContext::Ptr tls = nullptr;  // null: plaintext

  bool operator==(const BackendOptions&) const = default;
};

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

class Backend final : public std::enable_shared_from_this<Backend>,
                      private ConnectionOwner,
                      private Flushable {
 public:
  // All references outlive the backend.
  Backend(WorkerLoop& loop, Codec& codec, std::shared_ptr<const BackendOptions> options,
          BackendEndpoint endpoint, BackendObserver& observer);
  ~Backend() override;

  // Opens the first connection.
  void Start();
  // Sends the attempt at the end of the turn, or keeps it until there is a place for it.
  void Send(Attempt& attempt);
  // The attempt ends without a word. REQUIRES: it was sent here and is not done.
  void Cancel(Attempt& attempt, AttemptOutcome why);
  // From now on these: for later attempts and for those that wait. The connection stays, unless it
  // is plaintext and TLS is wanted, or the other way round: then what runs on it may finish.
  void SetOptions(std::shared_ptr<const BackendOptions> options);
  // Whom its certificate must be for, from the next connection on.
  void SetServerName(const std::string& name) { endpoint_.server_name = name; }
  // Discovery no longer knows it.
  void Retire();
  // One more retry is within the budget: a fifth of what is in flight, and three.
  bool MayRetry() const { return retries_ < kRetriesFree + attempts_on_wire_ / kRetryShare; }
  // It would be sent to, or would at least wait for a connection.
  bool is_usable() const {
    return state() == BackendState::kReady || state() == BackendState::kConnecting;
  }
  bool is_down() const { return state() == BackendState::kDown; }

  const BackendEndpoint& endpoint() const { return endpoint_; }
  BackendState state() const { return metrics_->state.load(std::memory_order_relaxed); }
  std::shared_ptr<const BackendMetrics> metrics() const { return metrics_; }

 private:
  friend class Message;
  static constexpr std::uint32_t kRetriesFree = 3;
  static constexpr std::uint32_t kRetryShare = 5;

  void MakeFields();
  void ReplaceOtherKind();
  const std::string& Authority() const;
  void TransitionTo(BackendState state);
  void Report(bool is_ready);
  void Connect();
  void OnConnected(const boost::system::error_code& error);
  void OnConnectTimeout();
  void OnConnectFailed(std::string_view reason);
  void OnLocalFailure(int error);
  void GoDown(std::string_view reason, Duration probe_after);
  void OnConnectionReady() override;
  void OnConnectionRoom() override { MarkDirty(); }
  void OnConnectionDraining() override;
  void OnConnectionClosed(std::string_view reason) override;
  void Replace(Duration delay);
  void Flush() override;

  bool EndIfUnusable(Attempt& attempt);
  bool FailIfTooLate(Attempt& attempt);
  void SendWaiting();
  bool SendFirst(std::size_t count);
  void EndFirst(std::size_t count);
  void Requeue(Attempt& attempt);
  void Release(Attempt& attempt);
  void EndLater(Attempt& attempt, AttemptResult&& result);
  void EndLater(Attempt& attempt, std::string reason);
  void FailWaiting(const std::string& reason);
  void HoldFor(milliseconds delay);
  AttemptResult HeldResult();
  Message& NewMessage();
  void Recycle(Message& message);
  void LeaveWire(const Message& message, bool is_answered);
  bool OnUnanswered(const ClientConnection* connection);
  void OnResponse(Message& message, GrpcResponse&& response);
  void SendAgain(const Message& message, const AttemptResult& result);
  void SendEachAlone(const Message& message, const AttemptResult& result);
  void FinishEach(const Message& message, const AttemptResult& result);
  void OnHoldEnd() { MarkDirty(); }
  void Finish(Attempt& attempt, AttemptResult&& result);

  Codec& codec_;
  std::shared_ptr<const BackendOptions> options_;  // never null
  BackendEndpoint endpoint_;
  BackendObserver& observer_;
  const std::shared_ptr<BackendMetrics> metrics_;
  std::vector<nghttp2_nv> fields_;  // refer to options_ (copied when sent) and endpoint_

  std::shared_ptr<boost::asio::ip::tcp::socket> connecting_;  // while TCP connects
  std::shared_ptr<ClientConnection> connection_;              // from TCP connected to lost
  MemberTimer<Backend, &Backend::OnConnectTimeout> connect_timer_{*this};
  MemberTimer<Backend, &Backend::Connect> reconnect_timer_{*this};
  MemberTimer<Backend, &Backend::OnHoldEnd> hold_timer_{*this};
  TimePoint held_until_{};
  TimePoint silent_since_{};        // while calls are on the wire: since then no answer came
  Duration silent_before_{};        // while there are none: how long it had been silent
  std::uint32_t unanswered_ = 0;    // calls in a row that ended without a word
  std::uint32_t silent_downs_ = 0;  // times it went down for that, since its last answer
  TimePoint connect_began_{};
  TimePoint connected_at_{};
  std::uint32_t failures_ = 0;  // connects in a row, for the backoff
  std::minstd_rand jitter_;

  std::uint32_t in_flight_ = 0;  // messages
  std::uint32_t attempts_on_wire_ = 0;
  std::uint32_t retries_ = 0;  // of the attempts in its hands
  std::deque<Attempt*> waiting_;
  std::vector<std::unique_ptr<Message>> messages_;        // all
  std::vector<Message*> idle_messages_;                   // of them, to be used again
  TimePoint merge_again_at_{};                            // after trouble with a merged message
  std::size_t pending_bytes_ = 0;                         // of the attempts in its hands
  std::deque<std::pair<Attempt*, AttemptResult>> ended_;  // to be told at the end of the turn
  std::string last_error_;
  std::optional<bool> last_report_;
  LogLimiter state_log_;
  LogLimiter refusal_log_;
  LogLimiter local_log_;
};

}  // namespace router
