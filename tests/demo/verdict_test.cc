#include "examples/demo/verdict.h"

#include <gtest/gtest.h>

#include "tests/support/scratch.h"

namespace router::demo {
namespace {

// A perfect run on two backends, by the parity of the trace ID's last byte; each test spoils it in
// one way.
class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    for (std::uint32_t order = 0; order < flow_.orders; ++order) {
      for (const PlannedSpan& planned : PlanOrder(flow_, order)) {
        const std::size_t backend = static_cast<unsigned char>(planned.span.trace_id()[15]) % 2;
        Deliver(backend, MakeRequest(planned.role, {&planned}));
      }
    }
  }

  void Deliver(std::size_t backend, const ExportRequest& request) {
    const std::string name = "journal-" + std::to_string(journals_++);
    auto journal = ArrivalJournal::Open(scratch_.path() / name);
    ASSERT_TRUE(journal);
    ASSERT_TRUE(journal->Append(request, static_cast<std::uint32_t>(arrivals_[backend].size())));
    for (const Arrival& arrival : ReadArrivals(scratch_.path() / name)) {
      arrivals_[backend].push_back(arrival);
    }
  }

  const FlowOptions flow_{.seed = 3, .orders = 40};
  const test::ScratchDirectory scratch_;
  int journals_ = 0;
  std::vector<std::vector<Arrival>> arrivals_ = std::vector<std::vector<Arrival>>(2);
};

// Scenario: everything arrived once, each trace on one backend.
// Guarantees: a clean verdict, with all counts at their full value.
TEST_F(VerdictTest, PerfectRunIsClean) {
  const Verdict verdict = Judge(flow_, arrivals_);
  EXPECT_TRUE(verdict.IsClean());
  EXPECT_EQ(verdict.whole, verdict.traces);
  EXPECT_GE(verdict.traces, 40u);
  EXPECT_EQ(verdict.sent, arrivals_[0].size() + arrivals_[1].size());
  EXPECT_GT(verdict.links, 0u);
  EXPECT_EQ(verdict.backends[0].spans + verdict.backends[1].spans, verdict.sent);
}

// Scenario: one span never arrived.
// Guarantees: it is counted as lost and its trace as not whole.
TEST_F(VerdictTest, LostSpanIsSeen) {
  arrivals_[0].pop_back();
  const Verdict verdict = Judge(flow_, arrivals_);
  EXPECT_FALSE(verdict.IsClean());
  EXPECT_EQ(verdict.lost, 1u);
  EXPECT_EQ(verdict.whole, verdict.traces - 1);
  EXPECT_EQ(verdict.torn, 0u);
}

// Scenario: one span arrived at the other backend.
// Guarantees: nothing is lost, but its trace is torn.
TEST_F(VerdictTest, TornTraceIsSeen) {
  arrivals_[1].push_back(arrivals_[0].front());
  arrivals_[0].erase(arrivals_[0].begin());
  const Verdict verdict = Judge(flow_, arrivals_);
  EXPECT_FALSE(verdict.IsClean());
  EXPECT_EQ(verdict.lost, 0u);
  EXPECT_EQ(verdict.torn, 1u);
  EXPECT_EQ(verdict.whole, verdict.traces - 1);
}

// Scenario: one span arrived twice at its backend.
// Guarantees: one duplicate; its trace still counts as whole.
TEST_F(VerdictTest, DuplicateIsSeen) {
  arrivals_[0].push_back(arrivals_[0].front());
  const Verdict verdict = Judge(flow_, arrivals_);
  EXPECT_FALSE(verdict.IsClean());
  EXPECT_EQ(verdict.duplicated, 1u);
  EXPECT_EQ(verdict.whole, verdict.traces);
}

// Scenario: a linking span arrived with other bytes.
// Guarantees: it is altered, and its link is not intact.
TEST_F(VerdictTest, AlteredSpanIsSeen) {
  for (std::uint32_t order = 0; order < flow_.orders; ++order) {
    for (const PlannedSpan& planned : PlanOrder(flow_, order)) {
      if (planned.span.links().empty()) continue;
      for (auto& journal : arrivals_) {
        for (Arrival& arrival : journal) {
          if (std::equal(arrival.span_id.begin(), arrival.span_id.end(),
                         planned.span.span_id().begin())) {
            arrival.fingerprint ^= 1;
          }
        }
      }
      const Verdict verdict = Judge(flow_, arrivals_);
      EXPECT_FALSE(verdict.IsClean());
      EXPECT_EQ(verdict.altered, 1u);
      EXPECT_EQ(verdict.links_intact, verdict.links - 1);
      return;
    }
  }
  FAIL() << "the flow has no link";
}

// Scenario: the resource of one request was swapped for another service's.
// Guarantees: its spans count as altered although their own bytes are the same.
TEST_F(VerdictTest, SwappedResourceIsSeen) {
  const auto spans = PlanOrder(flow_, 0);
  Deliver(0, MakeRequest(spans[0].role == Role::kMail ? Role::kQueue : Role::kMail, {&spans[0]}));
  EXPECT_EQ(Judge(flow_, arrivals_).altered, 1u);
}

// Scenario: a span nobody planned.
// Guarantees: the verdict is not clean although nothing is missing.
TEST_F(VerdictTest, UnexpectedSpanIsSeen) {
  arrivals_[1].emplace_back();
  const Verdict verdict = Judge(flow_, arrivals_);
  EXPECT_FALSE(verdict.IsClean());
  EXPECT_EQ(verdict.unexpected, 1u);
  EXPECT_EQ(verdict.lost, 0u);
}

// Scenario: nothing arrived.
// Guarantees: everything is lost, no link intact.
TEST_F(VerdictTest, EmptyJournalsLoseEverything) {
  const Verdict verdict = Judge(flow_, {{}, {}});
  EXPECT_FALSE(verdict.IsClean());
  EXPECT_EQ(verdict.lost, verdict.sent);
  EXPECT_EQ(verdict.links_intact, 0u);
}

}  // namespace
}  // namespace router::demo
