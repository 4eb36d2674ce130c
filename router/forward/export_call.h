// ExportCall: one request in flight: its shards on their way, and the verdict when all are back.
//
// Every call ends in exactly one way: OnVerdict() to its sink, or, after Cancel(), silence; and its spans are
// booked in the ledger exactly once.
// Thread safety: its worker only. Ownership: the Forwarder's; it destroys itself through it when all is done.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "router/backend/backend.h"
#include "router/forward/forwarder.h"

namespace router {

class ExportCall {
 public:
  ExportCall(Forwarder& forwarder, std::shared_ptr<const Routes> routes, ExportSink& sink);
  ~ExportCall();

  // Before Send(): one shard for ring member `owner`.
  void AddShard(std::uint16_t owner, std::size_t spans, std::shared_ptr<const Body> body,
                std::span<const std::uint8_t> frame);
  // Sends every shard. `deadline` is the request's, `attempt_deadline` not later than it.
  void Send(TimePoint deadline, TimePoint attempt_deadline);
  void Cancel();

 private:
  friend class Forwarder;

  class Shard final : public Attempt {
   public:
    explicit Shard(ExportCall& call) : call_(call) {}
    void OnAttemptDone(AttemptResult&& result) override;

    Backend* backend = nullptr;
    std::size_t index = 0;  // of its outcome
    bool is_done = false;

   private:
    ExportCall& call_;
  };

  void OnShardDone(Shard& shard, AttemptResult&& result);
  void OnDeadline();
  void GiveUp(Shard& shard, AttemptOutcome why, ShardOutcome::Kind kind);
  void FinishIfDone();

  Forwarder& forwarder_;
  const std::shared_ptr<const Routes> routes_;
  ExportSink* sink_;  // null after Cancel()
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<ShardOutcome> outcomes_;  // of shards_, by index
  std::size_t pending_ = 0;
  MemberTimer<ExportCall, &ExportCall::OnDeadline> timer_{*this};
  std::list<std::unique_ptr<ExportCall>>::iterator position_;
};

}  // namespace router
