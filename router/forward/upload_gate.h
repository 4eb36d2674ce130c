// UploadGate: while the memory budget is nearly full, request bodies that are arriving wait their
// turn instead of filling it.
//
// A body that has grown while the budget is nearly full is not read further (over HTTP/2 its window
// is not given back), except one at a time for each worker, which may use what is left. Memory
// comes free when calls end or when that one is done; the others then go on, those who have waited
// longest first, as many as there is room for a window each.
// Nothing can wait for ever: the turn passes on after kTurn, so that a slow client keeps nobody
// from it; who has waited until its own time is up is told so; and the one whose turn it is either
// becomes whole or is refused by the full budget, which frees what it held.
// Thread safety: its worker only.
// Ownership: borrows uploads, each from its first OnGrown() until Leave().
// Cost: two relaxed loads per piece of a body; while bodies wait, a look every kLookEvery.
// Source: rules GS-15, FM-28.
#pragma once

#include <list>

#include "router/base/clock.h"
#include "router/base/counter.h"
#include "router/base/memory_budget.h"
#include "router/base/worker_loop.h"

namespace router {

// One body that is arriving.
class Upload {
 public:
  virtual ~Upload() = default;
  // True: nothing more of it should be read than has been; false: it goes on.
  virtual void OnUploadHeld(bool is_held) = 0;
  // It has waited too long: it should end. It no longer waits, but is still held. No other upload
  // may leave meanwhile.
  virtual void OnUploadExpired() = 0;

 private:
  friend class UploadGate;
  bool is_waiting_ = false;
  TimePoint until_{};
  std::list<Upload*>::iterator place_;
};

class UploadGate {
 public:
  static constexpr milliseconds kLookEvery{5};
  static constexpr milliseconds kTurn{250};

  // All references outlive the gate. `held` counts how often a body was made to wait.
  UploadGate(WorkerLoop& loop, const MemoryBudget& budget, Counter& held)
      : loop_(loop), budget_(budget), held_(held) {}

  // A piece of it has been taken. It may be held from now on, at most until `until`.
  void OnGrown(Upload& upload, TimePoint until);
  // It is whole or has ended. True: it was held, and nobody will tell it otherwise. Idempotent.
  bool Leave(Upload& upload);

  std::size_t waiting_count() const { return waiting_.size(); }

 private:
  void Look();
  void ExpireLate();
  void ReleaseFirst();

  WorkerLoop& loop_;
  const MemoryBudget& budget_;
  Counter& held_;
  std::list<Upload*> waiting_;  // in the order in which they came
  Upload* passing_ = nullptr;   // whose turn it is
  TimePoint turn_end_{};
  MemberTimer<UploadGate, &UploadGate::Look> timer_{*this};  // while any waits
};

}  // namespace router
