#include "router/base/memory_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace router {
namespace {

constexpr std::size_t kLimit = 1'000'000;

// Scenario: exactly the limit is taken, then one byte more; everything is given back.
// Guarantees: the limit itself fits, limit + 1 does not and takes nothing.
TEST(MemoryBudgetTest, TakesUpToTheLimitAndNotOneMore) {
  MemoryBudget budget(kLimit);
  EXPECT_FALSE(budget.TryTake(kLimit + 1));
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_TRUE(budget.TryTake(kLimit));
  EXPECT_FALSE(budget.TryTake(1));
  EXPECT_TRUE(budget.TryTake(0));
  EXPECT_EQ(budget.used(), kLimit);
  budget.Give(kLimit);
  EXPECT_EQ(budget.used(), 0U);
}

// Scenario: a claim so large that used + bytes would wrap.
// Guarantees: refused.
TEST(MemoryBudgetTest, ClaimThatWouldOverflowIsRefused) {
  MemoryBudget budget(kLimit);
  ASSERT_TRUE(budget.TryTake(10));
  EXPECT_FALSE(budget.TryTake(static_cast<std::size_t>(-1)));
  EXPECT_FALSE(budget.TryTake(static_cast<std::size_t>(-5)));
  EXPECT_EQ(budget.used(), 10U);
}

// Scenario: the limit is lowered below what is taken, which is then given back in steps.
// Guarantees: nothing is taken away; nothing new is given until there is room again.
TEST(MemoryBudgetTest, LowerLimitRefusesUntilEnoughCameBack) {
  MemoryBudget budget(kLimit);
  ASSERT_TRUE(budget.TryTake(800));
  budget.SetLimit(500);
  EXPECT_EQ(budget.used(), 800U);
  EXPECT_FALSE(budget.TryTake(1));
  budget.Give(300);
  EXPECT_FALSE(budget.TryTake(1));
  budget.Give(1);
  EXPECT_TRUE(budget.TryTake(1));
}

// Scenario: one account charges exactly the limit, then a byte more.
// Guarantees: the block-wise taking does not cost the last bytes of the budget.
TEST(MemoryAccountTest, ChargesTheWholeBudgetAndNotOneMore) {
  MemoryBudget budget(kLimit);
  MemoryAccount account(budget);
  EXPECT_FALSE(account.TryCharge(kLimit + 1));
  EXPECT_EQ(account.charged(), 0U);
  EXPECT_TRUE(account.TryCharge(kLimit));
  EXPECT_FALSE(account.TryCharge(1));
  EXPECT_EQ(account.charged(), kLimit);
  account.Release(kLimit);
  EXPECT_TRUE(account.TryCharge(1));
  account.Release(1);
}

// Scenario: byte by byte up to the limit.
// Guarantees: all bytes of the limit can be had in small pieces too.
TEST(MemoryAccountTest, SmallChargesReachTheLimitExactly) {
  MemoryBudget budget(200'000);
  MemoryAccount account(budget);
  std::size_t charged = 0;
  while (account.TryCharge(7)) charged += 7;
  while (account.TryCharge(1)) charged += 1;
  EXPECT_EQ(charged, 200'000U);
  EXPECT_EQ(budget.used(), 200'000U);
  account.Release(charged);
}

// Scenario: a large charge is released.
// Guarantees: the account keeps at most two blocks for itself; all of it goes back when it ends.
TEST(MemoryAccountTest, GivesBackAllButAFewBlocksAndEverythingAtItsEnd) {
  MemoryBudget budget(kLimit);
  {
    MemoryAccount account(budget);
    ASSERT_TRUE(account.TryCharge(900'000));
    account.Release(900'000);
    EXPECT_LE(budget.used(), 128U * 1024);
  }
  EXPECT_EQ(budget.used(), 0U);
}

// Scenario: a thousand small charges and releases.
// Guarantees: the shared counter is touched once per block: used() stays at one block.
TEST(MemoryAccountTest, SmallChargesTakeOneBlock) {
  MemoryBudget budget(kLimit);
  MemoryAccount account(budget);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(account.TryCharge(100));
    ASSERT_EQ(budget.used(), 64U * 1024);
    account.Release(100);
  }
}

// Scenario: four threads, each with its account, charge and release seeded random amounts from a
// budget that is too small for all.
// Guarantees: used() never passes the limit, what is charged is always covered by used(), and at
// the end nothing is missing (and ThreadSanitizer sees no race).
TEST(MemoryAccountTest, AccountsOfManyThreadsNeverPassTheLimit) {
  MemoryBudget budget(kLimit);
  std::atomic<std::size_t> charged_by_all{0};
  std::atomic<int> violations{0};
  std::atomic<int> refusals{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      MemoryAccount account(budget);
      std::vector<std::size_t> held;
      for (int i = 0; i < 20'000; ++i) {
        const std::size_t bytes = random() % 100'000;
        if (random() % 2 == 0 && account.TryCharge(bytes)) {
          held.push_back(bytes);
          if (charged_by_all.fetch_add(bytes) + bytes > kLimit) ++violations;
        } else if (!held.empty()) {
          ++refusals;
          charged_by_all.fetch_sub(held.back());
          account.Release(held.back());
          held.pop_back();
        }
        if (budget.used() > kLimit) ++violations;
      }
      for (const std::size_t bytes : held) {
        charged_by_all.fetch_sub(bytes);
        account.Release(bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(violations, 0);
  EXPECT_GT(refusals, 0);
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace router
