// Shard: the spans of one request that go to one backend together, through all attempts.
//
// Thread safety: its worker only.
// Ownership: its ExportCall's.
// Invariant: `timer` runs in kSent (the attempt's end) and in kPausing (the next attempt), in no
// other state.
#pragma once

#include <cstdint>
#include <memory>

#include "router/backend/attempt.h"
#include "router/base/timer_wheel.h"
#include "router/forward/verdict.h"
#include "router/routing/routing_table.h"

namespace router {

class ExportCall;

class Shard final : public Attempt {
 public:
  enum class State : std::uint8_t {
    kNew,
    kSent,      // in the hands of its backend
    kPausing,   // until it is sent again
    kDone,      // `outcome` is final
    kReplaced,  // by others that share its spans
  };

  explicit Shard(ExportCall& call) : call_(call) {}
  void OnAttemptDone(AttemptResult&& result) override;

  State state = State::kNew;
  bool was_processed_maybe = false;  // some attempt may have delivered it
  bool must_be_halved = false;       // its backend wants it smaller, and it could not be cut yet
  milliseconds pause_max{0};         // bound of the last pause
  Duration attempt_time{};           // of the latest attempt
  Duration cut_after{};              // that much was too short for its backend; 0: nothing was
  std::shared_ptr<const Routes> routes;
  Backend* backend = nullptr;  // in routes
  ShardOutcome outcome;        // of the latest attempt

 private:
  void OnTimer();
  ExportCall& call_;

 public:
  MemberTimer<Shard, &Shard::OnTimer> timer{*this};
};

}  // namespace router
