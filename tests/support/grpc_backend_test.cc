#include "tests/support/grpc_backend.h"

#include <gtest/gtest.h>

#include "tests/support/grpc_client.h"

namespace router::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ExportRequest OneSpan() {
  ExportRequest request;
  Span* span = request.add_resource_spans()->add_scope_spans()->add_spans();
  span->set_trace_id(std::string(16, '\x01'));
  span->set_span_id(std::string(8, '\x02'));
  return request;
}

class GrpcBackendTest : public testing::Test {
 protected:
  std::unique_ptr<GrpcBackend> backend_ = GrpcBackend::Start({}).value();
  GrpcClient client_{backend_->endpoint()};
};

// Scenario: each status code, and one that is none, is scripted in turn.
// Guarantees: the client sees exactly that code: the script reaches the wire.
TEST_F(GrpcBackendTest, EveryScriptedCodeReachesTheClient) {
  for (const int code : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 99}) {
    backend_->AlwaysAnswer({.code = code, .message = "scripted"});
    EXPECT_EQ(client_.Export(OneSpan()).code(), code);
  }
}

// Scenario: RetryInfo is scripted with an error, then without.
// Guarantees: the client reads the very delay, and none when none was sent.
TEST_F(GrpcBackendTest, RetryDelayTravelsInStatusDetails) {
  backend_->AlwaysAnswer({.code = 8, .retry_delay = milliseconds(2500)});
  EXPECT_EQ(client_.Export(OneSpan()).retry_delay, milliseconds(2500));
  backend_->AlwaysAnswer({.code = 8});
  EXPECT_EQ(client_.Export(OneSpan()).retry_delay, std::nullopt);
}

// Scenario: the same request plain and compressed, the answer compressed, with a warning.
// Guarantees: the backend holds the same bytes twice; ledger and answer are read back whole.
TEST_F(GrpcBackendTest, CompressionChangesNoByteEitherWay) {
  backend_->AlwaysAnswer({.warning = std::string(2000, 'w'), .gzip = true});
  const ExportRequest request = OneSpan();
  client_.Export(request);
  const CallResult result = client_.Export(request, {.gzip = true});
  const auto requests = backend_->requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].bytes, request.SerializeAsString());
  EXPECT_EQ(requests[1].bytes, requests[0].bytes);
  EXPECT_EQ(backend_->ledger().copies(), 2u);
  EXPECT_EQ(backend_->ledger().distinct(), 1u);
  ExportResponse response;
  ASSERT_TRUE(response.ParseFromString(result.response));
  EXPECT_EQ(response.partial_success().error_message().size(), 2000u);
}

// Scenario: the answer is due in a minute; the client cancels once the request has arrived.
// Guarantees: the backend notices at once and counts it.
TEST_F(GrpcBackendTest, CancelledCallIsCounted) {
  backend_->AlwaysAnswer({.delay = seconds(60)});
  const auto call = client_.Start(OneSpan().SerializeAsString());
  ASSERT_TRUE(backend_->WaitForRequests(1, seconds(10)));
  call->Cancel();
  EXPECT_TRUE(backend_->WaitForCancelled(1, seconds(10)));
  const CallResult* result = call->Wait(seconds(10));
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(result->code(), grpc::CANCELLED);
}

// Scenario: a hundred calls on one connection; earlier ones are answered later.
// Guarantees: all are answered, and they overlapped.
TEST_F(GrpcBackendTest, AnswersOutOfOrder) {
  backend_->SetScript([](const ReceivedRequest& request) {
    const auto later = std::min<std::uint64_t>(100, request.number);
    return Answer{.delay = milliseconds(300 - 2 * later)};
  });
  std::vector<std::unique_ptr<PendingCall>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(client_.Start(OneSpan().SerializeAsString()));
  for (const auto& call : calls) {
    const CallResult* result = call->Wait(seconds(10));
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->code(), 0);
  }
  EXPECT_EQ(backend_->request_count(), 100u);
}

// Scenario: a caller puts grpc-timeout on the wire itself.
// Guarantees: the backend sees a deadline although the client's own library keeps none.
TEST_F(GrpcBackendTest, HandWrittenTimeoutReachesTheServer) {
  const CallResult result = client_.Export(OneSpan(), {.metadata = {{"grpc-timeout", "5S"}}});
  EXPECT_EQ(result.code(), 0);
  const auto requests = backend_->requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_LT(requests[0].deadline, std::chrono::system_clock::now() + seconds(60));
}

// Scenario: the client calls a method nobody serves.
// Guarantees: UNIMPLEMENTED, and nothing is recorded.
TEST_F(GrpcBackendTest, OtherMethodsAreUnimplemented) {
  EXPECT_EQ(client_.Call("", {.method = "/x.Y/Z"}).code(), grpc::UNIMPLEMENTED);
  EXPECT_EQ(backend_->request_count(), 0u);
}

}  // namespace
}  // namespace router::test
