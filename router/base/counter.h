// Counter: a number one worker writes and any thread reads (a scrape), without a locked
// instruction.
// Thread safety: Add and Subtract by the one owning thread only; Value by any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace router {

class Counter {
 public:
  void Add(std::uint64_t n = 1) { Set(Value() + n); }
  void Subtract(std::uint64_t n = 1) { Set(Value() - n); }
  std::uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  void Set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace router
