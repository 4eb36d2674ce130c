// Credentials, from the file to the client's answer: rotation under load, and no secret in sight.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/requests.h"
#include "tests/integration/running_router.h"
#include "tests/support/grpc_backend.h"
#include "tests/support/grpc_client.h"
#include "tests/support/scratch.h"

namespace router::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

// One router with a file of tokens, and one backend.
class AuthTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_TRUE(router_.WaitUntilIdle(seconds(15)));
    EXPECT_EQ(router_.Requests().Missing(), 0) << "the ledger does not close (I4)";
  }
  std::string Path() const { return (directory_.path() / "token").string(); }
  static std::string Token(int number) { return "canary-" + std::to_string(number); }
  // As Kubernetes does: the file becomes another one, in one step.
  void Replace(const std::string& text) {
    std::ofstream(Path() + ".new") << text << "\n";
    std::filesystem::rename(Path() + ".new", Path());
  }
  CallResult CallWith(const std::string& token) {
    CallOptions options;
    if (!token.empty()) options.metadata = {{"authorization", "Bearer " + token}};
    return client_.Export(RequestFor({1}), options);
  }
  // The file is there before the router starts.
  std::string FirstFile() {
    Replace(Token(0));
    return Path();
  }

  ScratchDirectory directory_;
  std::unique_ptr<GrpcBackend> backend_ = GrpcBackend::Start({}).value();
  RunningRouter router_{{.backends = {backend_->endpoint()},
                         .grpc_settings = "auth: {authenticator: bearertokenauth/edge}",
                         .extension = "bearertokenauth/edge: {filename: " + FirstFile() + "}"}};
  GrpcClient client_{router_.endpoint()};
};

// Scenario: no token, a wrong one.
// Guarantees: H-05: UNAUTHENTICATED, final, nothing forwarded, counted as rejected{auth}.
TEST_F(AuthTest, WhoIsNotKnownIsRefused) {
  for (const char* token : {"", "canary-wrong"}) {
    const CallResult result = CallWith(token);
    EXPECT_EQ(result.code(), grpc::UNAUTHENTICATED) << result.status.error_message();
    EXPECT_EQ(result.retry_delay, std::nullopt);
  }
  EXPECT_EQ(backend_->request_count(), 0u);
}

// Scenario: the token's file is replaced 20 times; each time some clients use the new token in the
// same moment and some the former one, a few more calls with both follow.
// Guarantees: H-06: no call is refused.
TEST_F(AuthTest, H06NoCallIsRefusedInTwentyRotations) {
  for (int rotation = 1; rotation <= 20; ++rotation) {
    Replace(Token(rotation));
    for (int call = 0; call < 10; ++call) {
      for (const int number : {rotation, rotation - 1}) {
        const CallResult result = CallWith(Token(number));
        ASSERT_EQ(result.code(), 0)
            << number << " in rotation " << rotation << ": " << result.status.error_message();
      }
    }
  }
  EXPECT_EQ(backend_->request_count(), 400u);
}

// Scenario: a refusal, a rotation, a file that is gone; then the log and the metrics.
// Guarantees: H-07: no token is in any of them.
TEST_F(AuthTest, H07NoSecretIsShown) {
  EXPECT_EQ(CallWith("canary-wrong").code(), grpc::UNAUTHENTICATED);
  Replace(Token(1));
  ASSERT_TRUE(router_.process().WaitForLine("was read again", seconds(10)));
  std::filesystem::remove(Path());
  ASSERT_TRUE(router_.process().WaitForLine("the former credentials stay", seconds(10)));
  EXPECT_EQ(CallWith(Token(1)).code(), 0);
  EXPECT_THAT(router_.process().Output(), Not(HasSubstr("canary")));
  for (const auto& [name, value] : router_.Scrape()) EXPECT_THAT(name, Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace router::test
