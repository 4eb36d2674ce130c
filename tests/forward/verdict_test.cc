// The verdict table and its bookkeeping, over every combination of up to three shards.
#include "router/forward/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "router/otlp/status_details.h"

namespace router {
namespace {

using Kind = ShardOutcome::Kind;
using Shards = std::vector<ShardOutcome>;

constexpr milliseconds kOwnDelay{1000};

// Everything a backend can make of a shard, as Backend classifies it.
Shards AllOutcomes() {
  Shards all;
  for (const std::uint64_t rejected : {0, 1, 7, 1'000'000}) {
    all.push_back({.kind = Kind::kAccepted,
                   .rejected_spans = rejected,
                   .message = rejected == 1 ? "" : "left out " + std::to_string(rejected)});
  }
  all.push_back({.kind = Kind::kAccepted, .message = "only a warning"});
  for (int value = 1; value < kGrpcCodeCount; ++value) {
    const auto code = static_cast<GrpcCode>(value);
    const std::string name(GrpcCodeName(code));
    if (!IsRetryable(code, false)) {
      all.push_back({.kind = Kind::kPermanent, .code = code, .message = name});
    } else {
      all.push_back({.kind = Kind::kTransient, .code = code, .message = name});
    }
  }
  for (const int delay : {0, 2500}) {
    all.push_back({.kind = Kind::kTransient,
                   .code = GrpcCode::kUnavailable,
                   .message = "later",
                   .retry_delay = milliseconds(delay)});
    all.push_back({.kind = Kind::kThrottled,
                   .code = GrpcCode::kResourceExhausted,
                   .message = "slowly",
                   .retry_delay = milliseconds(delay + 10)});
  }
  // A final refusal with a delay stays final.
  all.push_back({.kind = Kind::kPermanent,
                 .code = GrpcCode::kInvalidArgument,
                 .message = "bad",
                 .retry_delay = milliseconds(60000)});
  all.push_back({.kind = Kind::kTimedOut, .message = "silent"});
  return all;
}

// Calls `check` with every multiset of up to three outcomes, in every order; shard i has 7 * 10^i
// spans.
void ForEachCase(const std::function<void(const Shards&)>& check) {
  const Shards all = AllOutcomes();
  const auto with = [](Shards shards, ShardOutcome next) {
    next.spans = shards.empty() ? 7 : 10 * shards.back().spans;
    shards.push_back(std::move(next));
    return shards;
  };
  for (const ShardOutcome& a : all) {
    if (testing::Test::HasFailure()) return;  // one case tells enough
    const Shards one = with({}, a);
    check(one);
    for (const ShardOutcome& b : all) {
      const Shards two = with(one, b);
      check(two);
      for (const ShardOutcome& c : all) check(with(two, c));
    }
  }
}

std::string Describe(const Shards& shards) {
  std::string text;
  for (const ShardOutcome& shard : shards) {
    text += "[kind " + std::to_string(static_cast<int>(shard.kind)) + " " + shard.message + " " +
            std::to_string(shard.rejected_spans) + "/" + std::to_string(shard.spans) + "] ";
  }
  return text;
}

std::uint64_t SpansOf(const Shards& shards) {
  std::uint64_t sum = 0;
  for (const ShardOutcome& shard : shards) sum += shard.spans;
  return sum;
}

template <typename Counters>
std::uint64_t Sum(const Counters& counters) {
  std::uint64_t sum = 0;
  for (const Counter& counter : counters) sum += counter.Value();
  return sum;
}

std::uint64_t Settled(const LedgerColumn& column) {
  return column.forwarded.Value() + Sum(column.rejected) + Sum(column.refused) +
         column.cancelled.Value();
}

bool IsKind(const ShardOutcome& shard, std::initializer_list<Kind> kinds) {
  return std::find(kinds.begin(), kinds.end(), shard.kind) != kinds.end();
}

bool IsRetryableShard(const ShardOutcome& shard) {
  return IsKind(shard, {Kind::kTransient, Kind::kThrottled, Kind::kTimedOut});
}

std::uint64_t AcceptedSpans(const Shards& shards) {
  std::uint64_t sum = 0;
  for (const ShardOutcome& shard : shards) {
    if (shard.kind == Kind::kAccepted)
      sum += shard.spans - std::min(shard.spans, shard.rejected_spans);
  }
  return sum;
}

// Scenario: every combination of outcomes of up to three shards.
// Guarantees: GS-23, I7: what the client may try again is exactly what holds a retryable shard;
// UNAVAILABLE and INVALID_ARGUMENT are never exchanged; the code is one of the shards' own when all
// refused for good.
TEST(VerdictTest, RetryableExactlyWhenSomeShardIs) {
  ForEachCase([](const Shards& shards) {
    const Verdict verdict = Judge(shards, kOwnDelay);
    const bool is_retryable = std::any_of(shards.begin(), shards.end(), IsRetryableShard);
    ASSERT_EQ(IsRetryable(verdict.code, verdict.retry_delay.has_value()), is_retryable)
        << Describe(shards);
    const bool is_all_permanent = std::all_of(shards.begin(), shards.end(), [](const auto& shard) {
      return shard.kind == Kind::kPermanent;
    });
    if (is_retryable) {
      const bool is_timed_out = std::any_of(shards.begin(), shards.end(), [](const auto& shard) {
        return shard.kind == Kind::kTimedOut;
      });
      ASSERT_EQ(verdict.code, is_timed_out ? GrpcCode::kDeadlineExceeded : GrpcCode::kUnavailable)
          << Describe(shards);
    } else if (is_all_permanent) {
      ASSERT_TRUE(std::any_of(shards.begin(), shards.end(), [&](const auto& shard) {
        return shard.code == verdict.code;
      })) << Describe(shards);
      ASSERT_FALSE(verdict.retry_delay.has_value()) << Describe(shards);
    } else {
      ASSERT_EQ(verdict.code, GrpcCode::kOk) << Describe(shards);
    }
  });
}

// Scenario: every combination again; the verdict's way of being counted is looked at.
// Guarantees: OK has neither a reason to refuse nor to reject, everything else exactly one of them;
// partial_success goes with OK only, and an all-accepted request has none (GS-07).
TEST(VerdictTest, ExactlyOneReasonUnlessOk) {
  ForEachCase([](const Shards& shards) {
    const Verdict verdict = Judge(shards, kOwnDelay);
    const int reasons = (verdict.reject_index ? 1 : 0) + (verdict.refuse_reason ? 1 : 0);
    ASSERT_EQ(reasons, verdict.code == GrpcCode::kOk ? 0 : 1) << Describe(shards);
    if (verdict.code != GrpcCode::kOk) {
      ASSERT_TRUE(verdict.partial.IsFullSuccess()) << Describe(shards);
      ASSERT_FALSE(verdict.message.empty()) << Describe(shards);
    }
    const bool is_clean = std::all_of(shards.begin(), shards.end(), [](const auto& shard) {
      return shard.kind == Kind::kAccepted && shard.rejected_spans == 0 && shard.message.empty();
    });
    if (is_clean) {
      ASSERT_TRUE(verdict.partial.IsFullSuccess()) << Describe(shards);
    }
  });
}

// Scenario: every combination; what the backends said about coming back is compared with what is
// told.
// Guarantees: RetryInfo is the longest delay of the retryable shards, 1 ms to 30 s, else our own; a
// delay that came with a final refusal counts for nothing (GS-16, rules.md verdict table).
TEST(VerdictTest, RetryDelayIsTheLongestOfTheRetryable) {
  ForEachCase([](const Shards& shards) {
    const Verdict verdict = Judge(shards, kOwnDelay);
    if (verdict.code != GrpcCode::kUnavailable) return;
    std::optional<milliseconds> longest;
    for (const ShardOutcome& shard : shards) {
      if (IsRetryableShard(shard)) longest = std::max(longest, shard.retry_delay);
    }
    const milliseconds expected =
        longest ? std::clamp(*longest, milliseconds(1), milliseconds(30'000)) : kOwnDelay;
    ASSERT_EQ(verdict.retry_delay, expected) << Describe(shards);
  });
}

// Scenario: every combination is judged and booked.
// Guarantees: I4: whatever happened, every span leaves in_flight into exactly one place; accepted
// spans are forwarded whatever the client was told; told to come back means nothing is rejected,
// and the reverse.
TEST(VerdictTest, LedgerClosesForEveryVerdict) {
  ForEachCase([](const Shards& shards) {
    const Verdict verdict = Judge(shards, kOwnDelay);
    LedgerColumn spans;
    spans.in_flight.Add(SpansOf(shards));
    Book(shards, verdict, spans);
    ASSERT_EQ(spans.in_flight.Value(), 0u) << Describe(shards);
    ASSERT_EQ(Settled(spans), SpansOf(shards)) << Describe(shards);
    ASSERT_EQ(spans.forwarded.Value(), AcceptedSpans(shards)) << Describe(shards);
    ASSERT_EQ(spans.cancelled.Value(), 0u) << Describe(shards);
    if (verdict.refuse_reason) {
      ASSERT_EQ(Sum(spans.rejected), 0u) << Describe(shards);
      ASSERT_EQ(Sum(spans.refused),
                spans.refused[static_cast<std::size_t>(*verdict.refuse_reason)].Value());
    } else {
      ASSERT_EQ(Sum(spans.refused), 0u) << Describe(shards);
    }
  });
}

// Scenario: every combination with the answer OK.
// Guarantees: I3, GS-08: the rejected spans that the client is told are those that are counted, by
// reason.
TEST(VerdictTest, RejectedToldIsRejectedCounted) {
  std::size_t partials = 0;
  ForEachCase([&](const Shards& shards) {
    const Verdict verdict = Judge(shards, kOwnDelay);
    if (verdict.code != GrpcCode::kOk) return;
    LedgerColumn spans;
    spans.in_flight.Add(SpansOf(shards));
    Book(shards, verdict, spans);
    ASSERT_EQ(Sum(spans.rejected), static_cast<std::uint64_t>(verdict.partial.rejected_spans))
        << Describe(shards);
    partials += verdict.partial.rejected_spans > 0 ? 1 : 0;
    for (const ShardOutcome& shard : shards) {
      if (shard.kind != Kind::kPermanent) continue;
      ASSERT_GE(spans.rejected[RejectIndex(RejectReason::kBackend, shard.code)].Value(),
                shard.spans);
    }
  });
  EXPECT_GT(partials, 1000u) << "the cases do not cover partial success";
}

// Scenario: every combination, but the client has gone.
// Guarantees: I4: accepted spans are forwarded, all others cancelled, nothing else is touched.
TEST(VerdictTest, CancelledRequestsCloseTheLedgerToo) {
  ForEachCase([](const Shards& shards) {
    LedgerColumn spans;
    spans.in_flight.Add(SpansOf(shards));
    BookCancelled(shards, spans);
    ASSERT_EQ(spans.in_flight.Value(), 0u);
    ASSERT_EQ(spans.forwarded.Value(), AcceptedSpans(shards));
    ASSERT_EQ(spans.forwarded.Value() + spans.cancelled.Value(), SpansOf(shards));
    ASSERT_EQ(Sum(spans.rejected) + Sum(spans.refused), 0u);
  });
}

// Scenario: every combination is booked as one request.
// Guarantees: one request, one place.
TEST(VerdictTest, ARequestIsBookedOnce) {
  ForEachCase([](const Shards& shards) {
    LedgerColumn requests;
    requests.in_flight.Add();
    BookRequest(Judge(shards, kOwnDelay), requests);
    ASSERT_EQ(requests.in_flight.Value(), 0u);
    ASSERT_EQ(Settled(requests), 1u) << Describe(shards);
  });
}

// Scenario: verdicts that fell before there were shards: OK, a rejection, a refusal of each reason.
// Guarantees: BookWhole puts all spans into the one place the verdict names.
TEST(VerdictTest, WholeRequestsAreBookedWhereTheVerdictSays) {
  LedgerColumn spans;
  spans.in_flight.Add(50);
  BookWhole(10, Verdict{}, spans);
  EXPECT_EQ(spans.forwarded.Value(), 10u);
  const std::size_t malformed = RejectIndex(RejectReason::kMalformed);
  BookWhole(15, Rejection(GrpcCode::kInvalidArgument, malformed, "bad"), spans);
  EXPECT_EQ(spans.rejected[malformed].Value(), 15u);
  BookWhole(25, Refusal(RefuseReason::kOverload, "full", kOwnDelay), spans);
  EXPECT_EQ(spans.refused[static_cast<std::size_t>(RefuseReason::kOverload)].Value(), 25u);
  EXPECT_EQ(spans.in_flight.Value(), 0u);
  EXPECT_EQ(Settled(spans), 50u);
}

// Scenario: two backends refuse for good with different codes, one of them for most of the spans.
// Guarantees: the client is told the code of the most spans; each shard is counted under its own
// code.
TEST(VerdictTest, TheCodeOfTheMostSpansIsTold) {
  const Shards shards = {
      {.kind = Kind::kPermanent, .code = GrpcCode::kPermissionDenied, .spans = 3, .message = "no"},
      {.kind = Kind::kPermanent, .code = GrpcCode::kInvalidArgument, .spans = 2, .message = "bad"},
      {.kind = Kind::kPermanent, .code = GrpcCode::kInvalidArgument, .spans = 2, .message = "bad"}};
  const Verdict verdict = Judge(shards, kOwnDelay);
  EXPECT_EQ(verdict.code, GrpcCode::kInvalidArgument);
  EXPECT_EQ(verdict.message, "no; bad");
  LedgerColumn spans;
  spans.in_flight.Add(7);
  Book(shards, verdict, spans);
  EXPECT_EQ(
      spans.rejected[RejectIndex(RejectReason::kBackend, GrpcCode::kPermissionDenied)].Value(), 3u);
  EXPECT_EQ(spans.rejected[RejectIndex(RejectReason::kBackend, GrpcCode::kInvalidArgument)].Value(),
            4u);
}

// Scenario: a backend refuses without a word.
// Guarantees: the client still gets a message that says what happened.
TEST(VerdictTest, ASilentRefusalStillHasAMessage) {
  for (const Kind kind : {Kind::kPermanent, Kind::kTransient, Kind::kThrottled}) {
    const Shards shards = {{.kind = kind, .code = GrpcCode::kInternal, .spans = 1}};
    EXPECT_NE(Judge(shards, kOwnDelay).message, "") << static_cast<int>(kind);
  }
}

// Scenario: 200 backends refuse with 100 KiB of text each, some of it binary.
// Guarantees: GS-09, GS-11: what is told stays ASCII and small, whether all or only some refuse.
TEST(VerdictTest, MessagesOfManyBackendsStaySmall) {
  for (const bool is_mixed : {false, true}) {
    Shards shards;
    for (int i = 0; i < 200; ++i) {
      shards.push_back({.kind = Kind::kPermanent,
                        .code = GrpcCode::kInvalidArgument,
                        .spans = 1,
                        .message = std::to_string(i) + std::string(100 * 1024, '\xFF')});
    }
    if (is_mixed) shards.push_back({.kind = Kind::kAccepted, .spans = 1});
    const Verdict verdict = Judge(shards, kOwnDelay);
    const std::string& told = is_mixed ? verdict.partial.message : verdict.message;
    EXPECT_LE(told.size(), kJoinedMessageBytesMax);
    EXPECT_TRUE(
        std::all_of(told.begin(), told.end(), [](char c) { return c >= 0x20 && c < 0x7F; }));
    if (is_mixed) {
      EXPECT_EQ(verdict.partial.rejected_spans, 200);
    }
  }
}

// ---- ledger labels -----------------------------------------------------------------------------

// Scenario: every index of the rejection counters.
// Guarantees: its label is its own, lower-case, and the names that dashboards know do not change.
TEST(LedgerTest, RejectLabelsAreStableAndDistinct) {
  std::set<std::string> labels;
  for (std::size_t i = 0; i < kRejectReasonCount; ++i) {
    const std::string label = RejectLabel(i);
    EXPECT_TRUE(labels.insert(label).second) << label;
    EXPECT_EQ(label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << label;
  }
  EXPECT_EQ(RejectLabel(RejectIndex(RejectReason::kMalformed)), "malformed");
  EXPECT_EQ(RejectLabel(RejectIndex(RejectReason::kProtocol)), "protocol");
  EXPECT_EQ(RejectLabel(RejectIndex(RejectReason::kTooLarge)), "too_large");
  EXPECT_EQ(RejectLabel(RejectIndex(RejectReason::kPartialSuccess)), "partial_success");
  EXPECT_EQ(RejectLabel(RejectIndex(RejectReason::kBackend, GrpcCode::kInvalidArgument)),
            "backend_invalid_argument");
  EXPECT_EQ(RejectLabel(RejectIndex(RejectReason::kBackend, GrpcCode::kUnauthenticated)),
            "backend_unauthenticated");
  EXPECT_EQ(RejectIndex(RejectReason::kBackend, GrpcCode::kUnauthenticated),
            kRejectReasonCount - 1);
}

// Scenario: the reasons to refuse, by number.
// Guarantees: each has the name that dashboards know.
TEST(LedgerTest, RefuseReasonsHaveStableNames) {
  const auto name = [](RefuseReason reason) {
    return std::string(kRefuseReasonNames[static_cast<std::size_t>(reason)]);
  };
  EXPECT_EQ(name(RefuseReason::kTransient), "transient");
  EXPECT_EQ(name(RefuseReason::kThrottled), "throttled");
  EXPECT_EQ(name(RefuseReason::kDeadline), "deadline");
  EXPECT_EQ(name(RefuseReason::kOverload), "overload");
  EXPECT_EQ(name(RefuseReason::kNoBackend), "no_backend");
}

}  // namespace
}  // namespace router
