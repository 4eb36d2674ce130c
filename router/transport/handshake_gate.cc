#include "router/transport/handshake_gate.h"

#include <ctime>

#include "router/base/limits.h"
#include "router/transport/channel.h"

namespace router {
namespace {

std::chrono::microseconds ThreadCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::microseconds(time.tv_sec * 1'000'000 + time.tv_nsec / 1000);
}

}  // namespace

void HandshakeGate::Slot::Release(bool is_completed) {
  if (!std::exchange(is_held_, false)) return;
  if (const auto gate = gate_.lock()) gate->Leave(is_completed);
}

void HandshakeGate::Enter(Channel& channel) {
  (channel.transport_.holds_slot() ? ready_ : new_)
      .push_back(std::static_pointer_cast<Channel>(channel.shared_from_this()));
  Schedule();
}

void HandshakeGate::Leave(bool is_completed) {
  (is_completed ? completed_ : failed_).Add();
  --under_way_;
  Schedule();
}

// Through the loop's queue, so that whatever else is ready has its turn in between.
void HandshakeGate::Schedule() {
  if (is_posted_) return;
  if (ready_.empty() && !new_.empty() && under_way_ >= kHandshakesMax) EndOldest();
  const bool has_next = !ready_.empty() || (!new_.empty() && under_way_ < kHandshakesMax);
  if (is_posted_ || !has_next) return;
  if (loop_.Now() < pace_.next_at()) {
    loop_.SetTimer(pause_, pace_.next_at());
    return;
  }
  is_posted_ = true;
  loop_.Post([weak = weak_from_this()] {
    if (const auto gate = weak.lock()) gate->Step();
  });
}

void HandshakeGate::EndOldest() {
  while (!begun_.empty()) {
    const std::shared_ptr<Channel> channel = begun_.front().channel.lock();
    const bool has_ended =
        channel == nullptr || !channel->is_open() || !channel->transport_.holds_slot();
    if (!has_ended) {
      const TimePoint due = begun_.front().at + kHandshakeGrace;
      if (loop_.Now() < due) {
        loop_.SetTimer(pause_, due);
      } else {
        begun_.pop_front();
        channel->Close("no TLS handshake in time, and others wait");
      }
      return;
    }
    begun_.pop_front();
  }
}

std::shared_ptr<Channel> HandshakeGate::TakeNext() {
  while (!ready_.empty() || (!new_.empty() && under_way_ < kHandshakesMax)) {
    auto& queue = !ready_.empty() ? ready_ : new_;
    const std::shared_ptr<Channel> channel = queue.front().lock();
    queue.pop_front();
    if (channel != nullptr && channel->is_open()) return channel;
  }
  return nullptr;
}

void HandshakeGate::Step() {
  is_posted_ = false;
  const std::shared_ptr<Channel> channel = TakeNext();
  if (channel == nullptr) return;
  loop_.Now();  // from here on the loop does not count as asleep
  const TimePoint began = Clock::now();
  const std::chrono::microseconds cpu_began = ThreadCpuTime();
  is_posted_ = true;  // what ends in this step schedules nothing before the pause is known
  RunStep(*channel);
  is_posted_ = false;
  cpu_us_.Add(static_cast<std::uint64_t>((ThreadCpuTime() - cpu_began).count()));
  pace_.Took(began, Clock::now(), loop_.slept());
  Schedule();
}

void HandshakeGate::RunStep(Channel& channel) {
  if (!channel.transport_.holds_slot()) {
    ++under_way_;
    channel.transport_.Hold(Slot(weak_from_this()));
    begun_.push_back({std::static_pointer_cast<Channel>(channel.shared_from_this()), loop_.Now()});
    if (begun_.size() > 2 * kHandshakesMax) {
      std::erase_if(begun_, [](const Begun& begun) {
        const auto live = begun.channel.lock();
        return live == nullptr || !live->transport_.holds_slot();
      });
    }
  }
  channel.Read();
  if (channel.is_open()) channel.WaitReadable();
}

}  // namespace router
