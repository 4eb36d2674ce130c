// MemoryBudget and MemoryAccount: one bound on all buffered body bytes of the process.
//
// A worker owns one MemoryAccount, which takes from the budget in blocks so that the shared counter
// is touched once per ~64 KiB and not once per message.
// Thread safety: MemoryBudget any thread (relaxed atomic); MemoryAccount its worker only.
// Invariant: the sum of all accounts' holdings is budget.used(); used() never exceeds limit().
#pragma once

#include <atomic>
#include <cstddef>

#include "router/base/buffer_cache.h"

namespace router {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Takes `bytes`, or nothing and returns false when they would pass the limit.
  bool TryTake(std::size_t bytes);
  void Give(std::size_t bytes);

  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  // More than three quarters are used: what is left is for requests that are here already.
  bool is_nearly_full() const { return used() > limit() - limit() / 4; }
  // A lower limit takes nothing back; it refuses until enough was given back.
  void SetLimit(std::size_t limit_bytes) { limit_.store(limit_bytes, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> limit_;
  std::atomic<std::size_t> used_{0};
};

class MemoryAccount {
 public:
  // `budget` outlives the account.
  explicit MemoryAccount(MemoryBudget& budget) : budget_(budget) {}
  ~MemoryAccount();
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  // False: the budget is full; nothing was charged.
  bool TryCharge(std::size_t bytes);
  void Release(std::size_t bytes);
  // Bytes charged and not released; excludes the spare block kept for speed.
  std::size_t charged() const { return charged_; }
  const MemoryBudget& budget() const { return budget_; }
  // Where bodies charged here get their memory.
  BufferCache& buffers() { return buffers_; }

 private:
  MemoryBudget& budget_;
  std::size_t charged_ = 0;
  std::size_t spare_ = 0;  // taken from the budget, not charged
  BufferCache buffers_;
};

}  // namespace router
