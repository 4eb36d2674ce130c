#include "router/base/worker_loop.h"

#include <algorithm>
#include <utility>

namespace router {

Flushable::~Flushable() {
  if (!is_dirty_) return;
  auto& dirty = loop_.dirty_[static_cast<std::size_t>(stage_)].list;
  std::replace(dirty.begin(), dirty.end(), this, static_cast<Flushable*>(nullptr));
}

void Flushable::MarkDirty() {
  if (is_dirty_) return;
  is_dirty_ = true;
  loop_.dirty_[static_cast<std::size_t>(stage_)].list.push_back(this);
}

WorkerLoop::WorkerLoop()
    : now_(Clock::now()),
      load_since_(now_),
      wheel_(now_),
      read_buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kReadBufferBytes)),
      io_(1),
      work_(io_.get_executor()),
      alarm_(io_) {}

WorkerLoop::~WorkerLoop() = default;

void WorkerLoop::Run() {
  while (!io_.stopped()) Turn(true);
}

void WorkerLoop::Stop() { io_.stop(); }

void WorkerLoop::Turn(bool wait) {
  turn_bytes_ = 0;
  std::size_t ran = RunFirst(wait);
  const TimePoint until = now_ + kTurnMax;
  for (int i = 1;
       ran > 0 && i < kHandlersPerTurnMax && turn_bytes_ < kBytesPerTurnMax && Clock::now() < until;
       ++i) {
    ran = io_.poll_one();
  }
  RunTimers();
  FlushDirty();
  ArmTimer();
  turns_.fetch_add(1, std::memory_order_relaxed);
}

// The first handler of a turn is the one that is slept for: until it asks for the time, the loop
// counts as idle. When that seems to be rare, it is looked for without sleeping first: then what is
// found at once was no idle time at all.
std::size_t WorkerLoop::RunFirst(bool wait) {
  const TimePoint before = Clock::now();
  is_now_stale_ = true;
  if (!wait) return io_.poll_one();  // driven by hand: nothing can be said about its load
  std::size_t ran = load_ >= kBusyLoad ? io_.poll_one() : 0;
  if (ran == 0) {
    ran = io_.run_one();
    slept_ += Now() - before;
  }
  if (const Duration age = Now() - load_since_; age >= kLoadWindow) {
    load_ = 1 - std::chrono::duration<double>(slept_ - slept_before_) /
                    std::chrono::duration<double>(age);
    load_since_ = now_;
    slept_before_ = slept_;
  }
  return ran;
}

void WorkerLoop::ReadClock() {
  now_ = Clock::now();
  is_now_stale_ = false;
}

void WorkerLoop::RunTimers() {
  if (wheel_.wake() == TimePoint::max()) return;
  ReadClock();
  if (wheel_.wake() <= now_) wheel_.Advance(now_);
}

// The alarm only wakes the loop; RunTimers looks at the clock. It is never moved later, so that
// setting and cancelling timers costs no system call.
void WorkerLoop::ArmTimer() {
  const TimePoint wake = wheel_.wake();
  if (wake >= alarm_at_) return;
  alarm_at_ = wake;
  alarm_.expires_at(wake);
  alarm_.async_wait([this](const boost::system::error_code& error) {
    if (!error) alarm_at_ = TimePoint::max();
  });
}

void WorkerLoop::FlushDirty() {
  // A flush may end a connection, which may answer requests elsewhere and so dirty more.
  auto& [deciding, writing] = dirty_;
  while (!deciding.is_done() || !writing.is_done()) {
    DirtyList& dirty = deciding.is_done() ? writing : deciding;
    Flushable* flushable = std::exchange(dirty.list[dirty.next++], nullptr);
    if (flushable == nullptr) continue;
    flushable->is_dirty_ = false;
    flushable->Flush();
  }
  for (DirtyList& dirty : dirty_) {
    dirty.list.clear();
    dirty.next = 0;
  }
}

}  // namespace router
