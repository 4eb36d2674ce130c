// ExportCall: one request in flight: its shards on their way, and the verdict when all are back.
//
// A shard that fails for now is sent again, alone, until the request's deadline: after a pause
// (full jitter, or what the backend asked for), to the backend that owns it by then. Outcomes that
// leave open whether the backend took the spans are repeated too: at least once, never lost. Every
// call ends in exactly one way: OnVerdict() to its sink, or, after Cancel(), silence; and its spans
// are booked in the ledger exactly once.
// Thread safety: its worker only.
// Ownership: the Forwarder's; it destroys itself through it when all is done.
// Source: rules §10 (option O4), GC-06…GC-12.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "router/backend/backend.h"
#include "router/forward/forwarder.h"
#include "router/forward/shard.h"

namespace router {

class ExportCall {
 public:
  ExportCall(Forwarder& forwarder, TimePoint deadline, ExportSink& sink);
  ~ExportCall();

  // Before so many AddShard().
  void ReserveShards(std::size_t count) { shards_.reserve(shards_.size() + count); }
  // One shard for ring member `owner` of `routes`. Before Send(), or while a shard is routed anew.
  void AddShard(std::shared_ptr<const Routes> routes, std::uint16_t owner, std::size_t spans,
                std::shared_ptr<const Body> body, std::span<const std::uint8_t> frame,
                Compression compression);
  // One that no backend is asked about: too large, or delivered before.
  void AddSettled(ShardOutcome&& outcome);
  // Sends what AddShard() has added since the last time.
  void Send();
  void Cancel();

  // Nothing is on its way (any more).
  bool is_settled() const { return pending_ == 0; }
  // Once, when it is.
  std::vector<ShardOutcome> TakeOutcomes();

 private:
  friend class Forwarder;
  friend class Shard;

  void SendShard(Shard& shard);
  void OnAttemptDone(Shard& shard, AttemptResult&& result);
  void OnTimer(Shard& shard);
  void OnAttemptTimeout(Shard& shard);
  // Unless only the call's end cut the attempt short: then what the backend answered before (try
  // again, and when) tells the client more.
  void RememberTimeout(Shard& shard, std::string&& message);
  // It will be tried again, or this was its last word.
  void RetryOrFinish(Shard& shard);
  void PauseOrFinish(Shard& shard, milliseconds pause);
  // How long to wait before the next attempt.
  milliseconds NextPause(Shard& shard);
  void Resend(Shard& shard);
  // What was added since (`shards`, `settled`) takes the place of `shard`; or is forgotten.
  void Replace(Shard& shard, std::size_t shards);
  void Forget(std::size_t shards, std::size_t settled);
  void GiveUp(Shard& shard, AttemptOutcome why);
  void Finish(Shard& shard);
  void FinishIfDone();

  Forwarder& forwarder_;
  const TimePoint deadline_;
  ExportSink* sink_;  // null after Cancel()
  const bool is_http_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<ShardOutcome> settled_;  // that need no sending
  std::size_t pending_ = 0;
  bool has_failed_ = false;  // for some shard the client will have to come back
  std::list<std::unique_ptr<ExportCall>>::iterator position_;
};

}  // namespace router
