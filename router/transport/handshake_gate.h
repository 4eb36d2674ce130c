// HandshakeGate: where the TLS handshakes of one worker's clients wait for their turn.
//
// A step of a handshake costs as much as hundreds of requests. So only one is taken between two
// looks at everything else, all together take no more of the worker's time than HandshakePace
// allows, and no more than kHandshakesMax are under way at once; the others wait with what they
// have sent still in the kernel. Those under way come before those that have not begun.
// Thread safety: its worker only; the counters any thread.
// Ownership: shared by the server and its transports; refers to channels weakly.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "router/base/clock.h"
#include "router/base/counter.h"
#include "router/base/timer_wheel.h"
#include "router/base/worker_loop.h"
#include "router/transport/handshake_pace.h"

namespace router {

class Channel;

class HandshakeGate : public std::enable_shared_from_this<HandshakeGate> {
 public:
  // The right to be under way. Outlives nothing: the gate may go first.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(std::weak_ptr<HandshakeGate> gate) : gate_(std::move(gate)), is_held_(true) {}
    Slot(Slot&& other) noexcept
        : gate_(std::move(other.gate_)), is_held_(std::exchange(other.is_held_, false)) {}
    Slot& operator=(Slot&& other) noexcept {
      Release();
      gate_ = std::move(other.gate_);
      is_held_ = std::exchange(other.is_held_, false);
      return *this;
    }
    ~Slot() { Release(); }
    bool is_held() const { return is_held_; }
    // `is_completed`: the handshake has ended in a connection.
    void Release(bool is_completed = false);

   private:
    std::weak_ptr<HandshakeGate> gate_;
    bool is_held_ = false;
  };

  // `loop` outlives it.
  explicit HandshakeGate(WorkerLoop& loop) : loop_(loop), pace_(Clock::now()) {}

  // `channel` can be read and has a handshake to go on with: Read() will be called, never inline.
  void Enter(Channel& channel);

  std::size_t under_way() const { return under_way_; }
  // Ended in a connection; failed.
  const Counter& completed() const { return completed_; }
  const Counter& failed() const { return failed_; }
  // Processor time that all steps have taken, in microseconds.
  const Counter& cpu_us() const { return cpu_us_; }

 private:
  void Leave(bool is_completed);
  void Schedule();
  void Step();
  void RunStep(Channel& channel);
  std::shared_ptr<Channel> TakeNext();
  // Makes room for those that wait: ends the oldest handshake if its peer has been given its time.
  void EndOldest();

  WorkerLoop& loop_;
  std::deque<std::weak_ptr<Channel>> ready_;  // under way
  std::deque<std::weak_ptr<Channel>> new_;    // not begun
  struct Begun {
    std::weak_ptr<Channel> channel;
    TimePoint at;
  };
  std::deque<Begun> begun_;  // oldest first; some have ended
  std::size_t under_way_ = 0;
  bool is_posted_ = false;
  HandshakePace pace_;
  MemberTimer<HandshakeGate, &HandshakeGate::Schedule> pause_{*this};
  Counter completed_;
  Counter failed_;
  Counter cpu_us_;
};

}  // namespace router
