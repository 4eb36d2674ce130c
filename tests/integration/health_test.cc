// Health, draining, and a router whose backends are all gone.
#include <signal.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/router_test_fixture.h"

namespace router::test {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kTraceService[] = "opentelemetry.proto.collector.trace.v1.TraceService";

class HealthTest : public RouterTest {
 protected:
  static grpc::Status Check(const std::string& service, HealthCheckResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(10));
    HealthCheckRequest request;
    request.set_service(service);
    return Health::NewStub(client().channel())->Check(&context, request, &response);
  }
};

// Scenario: Check for the server and for the trace service.
// Guarantees: P-16: SERVING for both.
TEST_F(HealthTest, P16CheckSaysServing) {
  for (const char* service : {"", kTraceService}) {
    HealthCheckResponse response;
    const grpc::Status status = Check(service, response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
}

// Scenario: Check for a service that does not exist.
// Guarantees: P-16: NOT_FOUND.
TEST_F(HealthTest, P16CheckOfUnknownServiceIsNotFound) {
  HealthCheckResponse response;
  EXPECT_EQ(Check("no.such.Service", response).error_code(), grpc::NOT_FOUND);
}

// Scenario: Watch of an unknown service.
// Guarantees: P-16: SERVICE_UNKNOWN, and the stream stays open.
TEST_F(HealthTest, P16WatchOfUnknownServiceStaysOpen) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(10));
  HealthCheckRequest request;
  request.set_service("no.such.Service");
  const auto reader = Health::NewStub(client().channel())->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::CANCELLED);
}

// Scenario: the health listener of a running router.
// Guarantees: alive and ready.
TEST_F(HealthTest, HealthPagesAnswer200) {
  for (const char* path : {"/", "/livez", "/readyz"}) {
    const auto reply = router().GetHealth(path);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 200) << path;
  }
}

// Scenario: SIGTERM while a Watch is open and a request is in flight; the drain delay is 1 s.
// Guarantees: P-16, FM-33: NOT_SERVING and 503 first, the request still succeeds, exit 0 with an
// account that closes.
TEST(DrainTest, P16Fm33SigtermTurnsNotServingAndFinishesWhatRuns) {
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter router(
      {.backends = {backend->endpoint()}, .spanring_settings = "drain: {delay: 1s}"});
  GrpcClient client(router.endpoint());
  ASSERT_TRUE(client.WaitForConnection(seconds(10)));

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(30));
  const auto reader = Health::NewStub(client.channel())->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);

  backend->AlwaysAnswer({.delay = seconds(2)});
  const auto call = client.Start(RequestFor({1, 2, 3}).SerializeAsString());
  ASSERT_TRUE(backend->WaitForRequests(1, seconds(10)));
  router.process().Terminate();
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  const auto ready = router.GetHealth("/readyz");
  ASSERT_TRUE(ready) << ready.error().message;
  EXPECT_EQ(ready->status, 503);

  const CallResult* result = call->Wait(seconds(10));
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(result->code(), 0) << result->status.error_message();
  context.TryCancel();
  EXPECT_EQ(router.process().WaitForExit(seconds(20)), 0) << router.process().Output();
  EXPECT_TRUE(router.process().WaitForLine("received", seconds(2))) << router.process().Output();
}

// Scenario: a second SIGTERM during a drain delay of five minutes.
// Guarantees: FM-34: it hurries: the process ends at once, with 0.
TEST(DrainTest, Fm34SecondSigtermHurries) {
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter router(
      {.backends = {backend->endpoint()}, .spanring_settings = "drain: {delay: 60s}"});
  router.process().Terminate();
  ASSERT_FALSE(router.process().WaitForExit(milliseconds(300))) << router.process().Output();
  router.process().Terminate();
  EXPECT_EQ(router.process().WaitForExit(seconds(10)), 0) << router.process().Output();
}

// Scenario: no backend listens.
// Guarantees: GS-12, FM-01: UNAVAILABLE with RetryInfo, long before the client's deadline.
TEST(NoBackendTest, Gs12Fm01UnreachableBackendsGiveUnavailable) {
  const auto ports = PickFreePorts(2).value();
  RunningRouter router({.backends = {"127.0.0.1:" + std::to_string(ports[0]),
                                     "127.0.0.1:" + std::to_string(ports[1])},
                        .wait_until_ready = false});
  GrpcClient client(router.endpoint());
  ASSERT_TRUE(client.WaitForConnection(seconds(15)));
  const CallResult result = client.Export(RequestFor({1, 2, 3, 4}), {.deadline = seconds(9)});
  EXPECT_EQ(result.code(), grpc::UNAVAILABLE) << result.status.error_message();
  ASSERT_TRUE(result.retry_delay.has_value());
  EXPECT_GT(*result.retry_delay, milliseconds(0));
  EXPECT_LT(result.elapsed, seconds(5));
}

}  // namespace
}  // namespace router::test
