// Admission: refuses requests while this worker cannot keep up, before their bodies are read.
//
// When more arrives than a worker can take, everything waits a little longer for its turn until
// every request expires on the way, and all work is for nothing. So while the loop has no idle
// time, a request is let in only if those before it will have been taken within a quarter of its
// time (at most kWaitMax): their number by the rate of late; and only while the memory budget has
// room for the bodies that are on their way. A slow backend does not count: it makes no worker
// busy. Nor does a slow client: who has not come as a whole after kCountedMax waits for its client
// and not for us.
// Thread safety: its worker only.
// Cost: a few additions per request.
// Source: rules GS-15, FM-28, FM-29; Little's law.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "router/base/clock.h"
#include "router/base/memory_budget.h"
#include "router/base/worker_loop.h"

namespace router {

class Admission {
 public:
  static constexpr milliseconds kWaitMax{500};
  static constexpr std::uint32_t kWaitingFree = 16;  // so few never are a queue
  static constexpr milliseconds kRateWindow{100};
  static constexpr milliseconds kPeriod{500};
  static constexpr std::uint32_t kPeriods = 4;
  static constexpr milliseconds kCountedMax = kPeriods * kPeriod;  // at least a period less
  static_assert(kCountedMax >= 4 * kWaitMax);

  // The period in which a request was let in.
  using Ticket = std::uint64_t;

  // The last quarter of the memory budget is for requests that are here already.
  Admission(WorkerLoop& loop, const MemoryBudget& budget) : loop_(loop), budget_(budget) {}

  // The headers of a request are here, which has `time` left. Nothing: refuse it; else Leave()
  // will follow.
  [[nodiscard]] std::optional<Ticket> TryEnter(Duration time);
  // It has arrived as a whole, or has ended before.
  void Leave(Ticket ticket, bool is_whole);

 private:
  void RollWindow();
  void RollPeriods();
  std::uint32_t Waiting() const;

  WorkerLoop& loop_;
  const MemoryBudget& budget_;
  std::array<std::uint32_t, kPeriods> waiting_{};  // entered in the last periods and not left
  Ticket period_ = 0;                              // the newest of them
  std::uint32_t whole_in_window_ = 0;
  TimePoint window_start_{};
  double rate_ = 0;  // whole ones per second in the last full window
};

}  // namespace router
