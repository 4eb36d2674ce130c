// A Backend without a connection: what becomes of each attempt is up to the World of the test.
//
// scripted_backend.cc defines the members of router/backend/backend.h anew and keeps its contract:
// an attempt ends in exactly one OnAttemptDone(), never inline from Send(), or in Cancel().
// Thread safety: one thread.
#pragma once

#include "router/backend/backend.h"

namespace router::test {

// What becomes of one attempt.
struct Fate {
  bool is_sent = true;     // or it waits for a place until `after`
  bool has_answer = true;  // or it ends only by Cancel()
  milliseconds after{0};
  AttemptResult result;
};

class World {
 public:
  virtual ~World() = default;
  // An attempt is in the hands of a backend that would send it.
  virtual Fate OnSend(Backend& backend, const Attempt& attempt) = 0;
  // It ended without having been offered, since the backend is DOWN or removed.
  virtual void OnNotSent(Backend& backend, const Attempt& attempt) = 0;
  // The call gives it up.
  virtual void OnCancel(const Attempt& attempt) = 0;
  // It ended by its fate; the call hears it next.
  virtual void OnEnd(Backend& backend, const Attempt& attempt, const AttemptResult& result) = 0;
};

// Whom all backends ask. Outlives them.
void SetWorld(World* world);
void SetState(Backend& backend, BackendState state);

}  // namespace router::test
