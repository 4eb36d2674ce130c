// A backend that answers nothing goes DOWN; one whose callers were only short of time does not.
#include <gtest/gtest.h>

#include <string>

#include "router/backend/backend.h"
#include "router/backend/backend_pool.h"
#include "router/otlp/status_details.h"
#include "tests/backend/backend_fixture.h"

namespace router {
namespace {

using test::PeerStream;

class BackendSilenceTest : public BackendTest {
 protected:
  BackendSilenceTest() { options_.silence_min = milliseconds(500); }

  void TurnFor(milliseconds time) {
    const TimePoint until = Clock::now() + time;
    while (Clock::now() < until) loop_.Turn(false);
  }
  // Attempts that get no answer for `time`.
  void Ignore(int count, milliseconds time) {
    std::vector<KeepingAttempt*> sent;
    for (int i = 0; i < count; ++i) sent.push_back(&Send());
    TurnFor(time);
    for (KeepingAttempt* attempt : sent) backend_->Cancel(*attempt, AttemptOutcome::kTimeout);
  }
};

// Scenario: one call gets no answer for 520 ms, then a second; the server is well again.
// Guarantees: O8, FM-04: DOWN after the second; attempts fail at once then; a probe brings it back
// and it serves.
TEST_F(BackendSilenceTest, TwoUnansweredCallsTakeItDownFm04) {
  ListenAndConnect();
  Ignore(1, milliseconds(520));
  EXPECT_EQ(backend_->state(), BackendState::kReady);
  Ignore(1, milliseconds(520));
  EXPECT_EQ(backend_->state(), BackendState::kDown);
  ASSERT_EQ(states_.size(), 2U);
  EXPECT_FALSE(states_[1].first);
  const KeepingAttempt& refused = Send();
  loop_.Turn(false);
  ASSERT_TRUE(refused.result.has_value());
  EXPECT_EQ(refused.result->kind, Kind::kTransient);
  EXPECT_FALSE(refused.result->was_processed_maybe);
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kReady; }));
  EXPECT_GE(states_.back().second - states_[1].second, milliseconds(900))
      << "the probe comes after a second";
  server_->on_request = [](Peer& peer, PeerStream& stream) { peer.AnswerGrpc(stream, 0, ""); };
  const KeepingAttempt& served = Send();
  ASSERT_TRUE(Done(served));
  EXPECT_EQ(served.result->kind, Kind::kAccepted);
}

// Scenario: calls are given up after 100 ms each, again and again, with pauses between them.
// Guarantees: short deadlines say nothing about the backend until they add up to the silence that
// counts; pauses do not count.
TEST_F(BackendSilenceTest, ShortDeadlinesAreNoSilence) {
  ListenAndConnect();
  for (int i = 0; i < 3; ++i) {
    Ignore(2, milliseconds(40));
    TurnFor(milliseconds(150));
  }
  EXPECT_EQ(backend_->state(), BackendState::kReady);
  for (int i = 0; i < 6 && backend_->state() == BackendState::kReady; ++i) {
    Ignore(2, milliseconds(100));
  }
  EXPECT_EQ(backend_->state(), BackendState::kDown);
}

// Scenario: the backend takes 100 ms for each answer; of ten calls begun together nine are given up
// before.
// Guarantees: slow is not dead: it stays.
TEST_F(BackendSilenceTest, ASlowBackendIsNotDead) {
  ListenAndConnect();
  for (int i = 0; i < 4; ++i) {
    PeerStream* asked = nullptr;
    Peer* asking = nullptr;
    server_->on_request = [&](Peer& peer, PeerStream& stream) {
      if (asked == nullptr) {
        asked = &stream;
        asking = &peer;
      }
    };
    KeepingAttempt& answered = Send();
    Ignore(9, milliseconds(100));
    ASSERT_NE(asked, nullptr);
    asking->AnswerGrpc(*asked, 0, "");
    ASSERT_TRUE(Done(answered));
    server_->on_request = nullptr;
  }
  EXPECT_EQ(backend_->state(), BackendState::kReady);
}

// Scenario: the backend asks for 600 ms; two calls wait that long and are given up 50 ms after they
// were sent.
// Guarantees: time in our own queue is not the backend's silence.
TEST_F(BackendSilenceTest, WaitingHereIsNoSilence) {
  ListenAndConnect();
  bool is_told = false;
  server_->on_request = [&](Peer& peer, PeerStream& stream) {
    if (std::exchange(is_told, true)) return;
    peer.AnswerGrpc(stream, 14, "",
                    {{"grpc-status-details-bin",
                      DetailsWithRetryDelay(GrpcCode::kUnavailable, "", milliseconds(600))}});
  };
  ASSERT_TRUE(Done(Send()));
  KeepingAttempt& first = Send();
  KeepingAttempt& second = Send();
  ASSERT_TRUE(Until([&] { return first.is_on_wire() && second.is_on_wire(); }));
  TurnFor(milliseconds(50));
  backend_->Cancel(first, AttemptOutcome::kTimeout);
  backend_->Cancel(second, AttemptOutcome::kTimeout);
  EXPECT_EQ(backend_->state(), BackendState::kReady);
}

// Scenario: between two calls without an answer one is answered, if only with an error.
// Guarantees: an answer ends the row.
TEST_F(BackendSilenceTest, AnAnswerEndsTheRow) {
  ListenAndConnect();
  Ignore(1, milliseconds(520));
  server_->on_request = [](Peer& peer, PeerStream& stream) {
    peer.AnswerGrpc(stream, 14, "later");
  };
  ASSERT_TRUE(Done(Send()));
  server_->on_request = nullptr;
  Ignore(1, milliseconds(520));
  EXPECT_EQ(backend_->state(), BackendState::kReady);
}

// Scenario: three calls get no answer, but too many backends are down already; then that has
// passed.
// Guarantees: it stays; afterwards the next such call takes it down.
TEST_F(BackendSilenceTest, StaysWhileItMayNotGoDown) {
  may_take_down_ = false;
  ListenAndConnect();
  Ignore(3, milliseconds(520));
  EXPECT_EQ(backend_->state(), BackendState::kReady);
  may_take_down_ = true;
  Ignore(1, milliseconds(520));
  EXPECT_EQ(backend_->state(), BackendState::kDown);
}

// Scenario: retries are sent to a backend with nothing else in flight, then with ten calls in
// flight.
// Guarantees: section 10: three retries and a fifth of what is in flight; an ended one makes
// room.
TEST_F(BackendSilenceTest, RetriesAreWithinABudget) {
  ListenAndConnect();
  const auto retry = [&]() -> KeepingAttempt& {
    next_is_retry_ = true;
    KeepingAttempt& attempt = Send();
    next_is_retry_ = false;
    return attempt;
  };
  KeepingAttempt& first = retry();
  retry();
  EXPECT_TRUE(backend_->MayRetry());
  retry();
  EXPECT_FALSE(backend_->MayRetry());
  for (int i = 0; i < 7; ++i) Send();
  loop_.Turn(false);
  EXPECT_TRUE(backend_->MayRetry()) << "10 in flight allow two more";
  retry();
  retry();
  loop_.Turn(false);
  EXPECT_FALSE(backend_->MayRetry());
  backend_->Cancel(first, AttemptOutcome::kCancelled);
  EXPECT_TRUE(backend_->MayRetry());
  EXPECT_EQ(backend_->metrics()->retries.Value(), 5U);
  for (std::size_t i = 1; i < attempts_.size(); ++i)
    backend_->Cancel(*attempts_[i], AttemptOutcome::kCancelled);
}

}  // namespace
}  // namespace router
