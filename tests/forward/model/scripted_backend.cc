#include "tests/forward/model/scripted_backend.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <map>
#include <utility>

namespace router {

namespace {

struct Pending {
  Attempt* attempt;
  TimePoint due;
  AttemptResult result;
  bool was_offered;
};

test::World* world = nullptr;
alignas(Message) std::byte message[sizeof(Message)];
Message* const on_wire = reinterpret_cast<Message*>(message);  // only ever compared with null
std::map<const Backend*, std::vector<Pending>> pending;

}  // namespace

void Message::OnResponse(GrpcResponse&&) { assert(false); }

Backend::Backend(WorkerLoop& loop, Codec& codec, std::shared_ptr<const BackendOptions> options,
                 BackendEndpoint endpoint, BackendObserver& observer)
    : Flushable(loop, Stage::kDecide),
      codec_(codec),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      metrics_(std::make_shared<BackendMetrics>()),
      link_(loop, endpoint_, *metrics_, options_, observer, *this) {}

Backend::~Backend() { pending.erase(this); }

void Backend::Send(Attempt& attempt) {
  assert(attempt.backend_ == nullptr);
  attempt.backend_ = this;
  pending_bytes_ += attempt.frame.size();
  if (attempt.is_retry) ++retries_;
  if (state() == BackendState::kDown || state() == BackendState::kDraining) {
    pending[this].push_back(
        {&attempt, loop().Now(), {.was_processed_maybe = false, .message = "down"}, false});
  } else {
    const test::Fate fate = world->OnSend(*this, attempt);
    if (fate.is_sent) {
      attempt.message_ = on_wire;
      ++attempts_on_wire_;
    }
    const TimePoint due = fate.has_answer ? loop().Now() + fate.after : TimePoint::max();
    pending[this].push_back({&attempt, due, fate.result, true});
  }
  MarkDirty();
}

void Backend::Release(Attempt& attempt) {
  attempt.backend_ = nullptr;
  pending_bytes_ -= attempt.frame.size();
  if (attempt.is_retry) --retries_;
  if (std::exchange(attempt.message_, nullptr) != nullptr) --attempts_on_wire_;
}

void Backend::Cancel(Attempt& attempt, AttemptOutcome) {
  assert(attempt.backend_ == this);
  world->OnCancel(attempt);
  Release(attempt);
  std::erase_if(pending[this], [&](const Pending& item) { return item.attempt == &attempt; });
}

// Every turn, as long as there is something: what is due ends, and what waits ends when the backend
// goes.
void Backend::Flush() {
  const bool is_gone = state() == BackendState::kDown || state() == BackendState::kDraining;
  while (true) {
    auto& items = pending[this];
    const auto found = std::find_if(items.begin(), items.end(), [&](const Pending& item) {
      return item.due <= loop().Now() || (is_gone && !item.attempt->is_on_wire());
    });
    if (found == items.end()) break;
    Pending item = std::move(*found);
    items.erase(found);
    if (is_gone && item.due > loop().Now()) item.result = {.was_processed_maybe = false};
    Release(*item.attempt);
    item.was_offered ? world->OnEnd(*this, *item.attempt, item.result)
                     : world->OnNotSent(*this, *item.attempt);
    item.attempt->OnAttemptDone(std::move(item.result));
  }
  if (!pending[this].empty()) loop().SetTimer(hold_timer_, loop().Now() + kTimerTick);
}

void Backend::OnLinkDown(const std::string&) {}

namespace test {

void SetWorld(World* new_world) { world = new_world; }

void SetState(Backend& backend, BackendState state) {
  const_cast<BackendMetrics&>(*backend.metrics()).state.store(state, std::memory_order_relaxed);
}

}  // namespace test
}  // namespace router
