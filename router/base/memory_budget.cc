#include "router/base/memory_budget.h"

#include <algorithm>
#include <cassert>

namespace router {
namespace {
constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr std::size_t kSpareMaxBytes = 2 * kBlockBytes;
}  // namespace

bool MemoryBudget::TryTake(std::size_t bytes) {
  std::size_t used = used_.load(std::memory_order_relaxed);
  do {
    const std::size_t limit = limit_.load(std::memory_order_relaxed);
    if (used > limit || bytes > limit - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void MemoryBudget::Give(std::size_t bytes) {
  [[maybe_unused]] const std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  assert(before >= bytes);
}

MemoryAccount::~MemoryAccount() {
  assert(charged_ == 0 && "a body outlived its worker's account");
  budget_.Give(spare_);
}

bool MemoryAccount::TryCharge(std::size_t bytes) {
  if (bytes > spare_) {
    const std::size_t missing = bytes - spare_;
    if (budget_.TryTake(std::max(missing, kBlockBytes))) {
      spare_ += std::max(missing, kBlockBytes);
    } else if (budget_.TryTake(missing)) {
      spare_ += missing;
    } else {
      return false;
    }
  }
  spare_ -= bytes;
  charged_ += bytes;
  return true;
}

void MemoryAccount::Release(std::size_t bytes) {
  assert(bytes <= charged_);
  charged_ -= bytes;
  spare_ += bytes;
  if (spare_ > kSpareMaxBytes) {
    budget_.Give(spare_ - kBlockBytes);
    spare_ = kBlockBytes;
  }
}

}  // namespace router
