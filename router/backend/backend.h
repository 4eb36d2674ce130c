// Backend: what one worker sends to one collector: keeps attempts until they can be sent, joins
// them to messages, reads the answers. Its connection is its BackendLink's.
//
// While the link is
//   kConnecting  attempts wait, up to pending_bytes_max
//   kReady       attempts are sent at the end of the turn, in up to in_flight_max messages; more
//                wait
//   kDown        attempts fail at once
//   kDraining, kGone   attempts fail at once; those that waited were handed back
// Besides, a backend that asked for patience (RetryInfo) is held: until then nothing is sent to it.
// Thread safety: its worker only (metrics: any thread).
// Ownership: shared by the pool and by the routing snapshots that name it.
// Failure: an attempt ends in exactly one OnAttemptDone(), never inline from Send(), or in
// Cancel().
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "router/backend/attempt.h"
#include "router/backend/backend_endpoint.h"
#include "router/backend/backend_link.h"
#include "router/backend/backend_metrics.h"
#include "router/backend/backend_options.h"
#include "router/backend/message.h"
#include "router/base/log.h"
#include "router/base/worker_loop.h"
#include "router/codec/codec.h"
#include "router/http2/client_connection.h"

namespace router {

class Backend final : public std::enable_shared_from_this<Backend>,
                      private LinkOwner,
                      private Flushable {
 public:
  // All references outlive the backend.
  Backend(WorkerLoop& loop, Codec& codec, std::shared_ptr<const BackendOptions> options,
          BackendEndpoint endpoint, BackendObserver& observer);
  ~Backend() override;

  // Opens the first connection.
  void Start() { link_.Connect(); }
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
  void Retire() { link_.Retire(); }
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
  const std::string& Authority() const;
  void OnLinkRoom() override { MarkDirty(); }
  void OnLinkDown(const std::string& reason) override;
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
  void HoldFor(milliseconds delay);
  AttemptResult HeldResult();
  Message& NewMessage();
  void Recycle(Message& message);
  void LeaveWire(const Message& message, bool is_answered);
  void OnResponse(Message& message, GrpcResponse&& response);
  void SendAgain(const Message& message, const AttemptResult& result);
  void SendEachAlone(const Message& message, const AttemptResult& result);
  void FinishEach(const Message& message, const AttemptResult& result);
  void OnHoldEnd() { MarkDirty(); }
  void Finish(Attempt& attempt, AttemptResult&& result);

  Codec& codec_;
  std::shared_ptr<const BackendOptions> options_;  // never null
  BackendEndpoint endpoint_;
  const std::shared_ptr<BackendMetrics> metrics_;
  std::vector<nghttp2_nv> fields_;  // refer to options_ (copied when sent) and endpoint_

  MemberTimer<Backend, &Backend::OnHoldEnd> hold_timer_{*this};
  TimePoint held_until_{};
  std::uint32_t attempts_on_wire_ = 0;
  std::uint32_t retries_ = 0;  // of the attempts in its hands
  std::deque<Attempt*> waiting_;
  std::vector<std::unique_ptr<Message>> messages_;        // all
  std::vector<Message*> idle_messages_;                   // of them, to be used again
  TimePoint merge_again_at_{};                            // after trouble with a merged message
  std::size_t pending_bytes_ = 0;                         // of the attempts in its hands
  std::deque<std::pair<Attempt*, AttemptResult>> ended_;  // to be told at the end of the turn
  LogLimiter refusal_log_;
  BackendLink link_;  // refers to endpoint_ and metrics_; the first to go
};

}  // namespace router
