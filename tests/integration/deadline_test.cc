// Deadlines and cancellation.
#include "tests/integration/router_test_fixture.h"

namespace router::test {
namespace {

// On a busy machine scheduling alone costs this much; the rule's own figure is measured by the
// benches.
constexpr milliseconds kSchedulingSlack{400};

class DeadlineTest : public RouterTest {};

// Scenario: a deadline that is over as soon as the request arrives; the backends would take a
// minute.
// Guarantees: P-05: DEADLINE_EXCEEDED at once.
TEST_F(DeadlineTest, P05SpentDeadlineIsAnsweredAtOnce) {
  AllAnswer({.delay = seconds(60)});
  const CallResult result =
      client().Export(RequestFor({TraceOf(0)}), {.metadata = {{"grpc-timeout", "1n"}}});
  EXPECT_EQ(result.code(), grpc::DEADLINE_EXCEEDED) << result.status.error_message();
  EXPECT_LE(result.elapsed, kSchedulingSlack);
}

// Scenario: backends answer in a minute, the client allows 500 ms, kept by the router alone.
// Guarantees: P-14: DEADLINE_EXCEEDED in time, and the backends see the work stopped.
TEST_F(DeadlineTest, P14DeadlineIsKeptAndWorkStopped) {
  AllAnswer({.delay = seconds(60)});
  const CallResult result =
      client().Export(RequestFor(TraceOfEach()), {.metadata = {{"grpc-timeout", "500m"}}});
  EXPECT_EQ(result.code(), grpc::DEADLINE_EXCEEDED) << result.status.error_message();
  EXPECT_GE(result.elapsed, milliseconds(200));
  EXPECT_LE(result.elapsed, milliseconds(500) + kSchedulingSlack);
  for (std::size_t i = 0; i < kBackends; ++i) {
    EXPECT_TRUE(backend(i).WaitForCancelled(1, seconds(5))) << "backend " << i << " still works";
  }
}

// Scenario: one backend of four is late.
// Guarantees: the deadline decides; what the others accepted counts as forwarded.
TEST_F(DeadlineTest, OneLateShardMakesTheRequestLate) {
  const LedgerSample before = router().Spans();
  backend(3).AlwaysAnswer({.delay = seconds(60)});
  const CallResult result =
      client().Export(RequestFor(TraceOfEach(), 2), {.metadata = {{"grpc-timeout", "400m"}}});
  EXPECT_EQ(result.code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(router().Spans().forwarded - before.forwarded, 6);
  EXPECT_EQ(router().Spans().refused - before.refused, 2);
}

// Scenario: the client allows 3 s.
// Guarantees: the backend is told a deadline, no later than the client's.
TEST_F(DeadlineTest, BackendIsToldADeadlineWithinTheClients) {
  const auto latest = std::chrono::system_clock::now() + seconds(3) + kSchedulingSlack;
  EXPECT_EQ(client().Export(RequestFor({TraceOf(1)}), {.deadline = seconds(3)}).code(), 0);
  const auto requests = backend(1).requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_LE(requests[0].deadline, latest);
}

// Scenario: fifty calls are cancelled while the backends think.
// Guarantees: P-15, FM-17: nothing stays in flight; parts that were on their way are finished and
// count as forwarded, others as cancelled; the requests count as cancelled.
TEST_F(DeadlineTest, P15CancelledCallsLeaveNothingInFlight) {
  const LedgerSample before = router().Spans();
  const double cancelled_before = router().Requests().cancelled;
  AllAnswer({.delay = seconds(2)});
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(client().Start(RequestFor(TraceOfEach()).SerializeAsString()));
  }
  for (std::size_t i = 0; i < kBackends; ++i)
    ASSERT_TRUE(backend(i).WaitForRequests(1, seconds(10)));
  for (const auto& call : calls) call->Cancel();
  for (const auto& call : calls) {
    const CallResult* result = call->Wait(seconds(10));
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->code(), grpc::CANCELLED);
  }
  ASSERT_TRUE(router().WaitUntilIdle(seconds(10)));
  const LedgerSample after = router().Spans();
  const double received = after.received - before.received;
  EXPECT_GT(received, 0);
  EXPECT_EQ((after.cancelled - before.cancelled) + (after.forwarded - before.forwarded), received);
  EXPECT_GT(router().Requests().cancelled, cancelled_before);
}

// Scenario: after cancelled and expired calls, an ordinary one on the same connection.
// Guarantees: the connection still works.
TEST_F(DeadlineTest, ConnectionServesOnAfterCancelledCalls) {
  AllAnswer({.delay = milliseconds(100)});
  for (int i = 0; i < 20; ++i) {
    const auto call = client().Start(RequestFor(TraceOfEach()).SerializeAsString());
    call->Cancel();
    call->Wait(seconds(10));
  }
  EXPECT_EQ(client().Export(RequestFor(TraceOfEach())).code(), 0);
}

}  // namespace
}  // namespace router::test
