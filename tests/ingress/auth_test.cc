// Who is let in, at the gRPC port: before the body is read, at once or after a moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>
#include <string>

#include "router/http2/grpc_frame.h"
#include "tests/ingress/ingress_fixture.h"

namespace router::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// "good" and "bad" are found out by Verify() only, which waits for a permit.
class SlowPolicy final : public AuthPolicy {
 public:
  SlowPolicy() : AuthPolicy("authorization") {}
  Decision Decide(std::string_view, TimePoint) const override { return Decision::kUnknown; }
  Proof Verify(std::string_view value, TimePoint) const override {
    permits_.acquire();
    return value == "good" ? Proof(value) : std::nullopt;
  }
  std::shared_ptr<const AuthPolicy> WithoutEnded(TimePoint) const override { return nullptr; }
  std::string_view challenge() const override { return "Slow"; }
  void Permit(std::ptrdiff_t count) const { permits_.release(count); }

 private:
  mutable std::counting_semaphore<> permits_{0};
};

class AuthTest : public IngressTest {
 protected:
  void SetUpBearer() {
    SetUpIngress(1);
    authenticator_.SetPolicy(std::make_shared<const BearerPolicy>(
        BearerPolicy::Options{}, std::vector<std::string>{"s3cret", "n3xt"}));
  }
  void SetUpSlow() {
    SetUpIngress(1);
    authenticator_.SetPolicy(slow_);
  }
  void TearDown() override {
    slow_->Permit(1000);
    verifier_.Stop();
    IngressTest::TearDown();
  }
  std::uint64_t Rejected() const {
    return ledger_.requests.rejected[RejectIndex(RejectReason::kAuth)].Value();
  }

  std::shared_ptr<const SlowPolicy> slow_ = std::make_shared<const SlowPolicy>();
};

// Scenario: no credentials, wrong ones, another scheme, the right ones in a header of another name;
// only headers are sent.
// Guarantees: H-05: UNAUTHENTICATED at the headers, without RetryInfo, without the secret.
TEST_F(AuthTest, WhoIsNotKnownIsRefusedBeforeTheBody) {
  SetUpBearer();
  const std::vector<Headers> all = {{},
                                    {{"authorization", "Bearer wrong"}},
                                    {{"authorization", "Basic s3cret"}},
                                    {{"x-authorization", "Bearer s3cret"}}};
  for (const Headers& headers : all) {
    const auto& call = AskWithoutEnd(RequestHeaders(kExportPath, headers));
    EXPECT_EQ(StatusOf(call), "16");
    EXPECT_FALSE(RetryOf(call).has_value());
    EXPECT_THAT(call.headers.at("grpc-message"), HasSubstr("credentials"));
    EXPECT_THAT(call.headers.at("grpc-message"), Not(HasSubstr("wrong")));
  }
  EXPECT_EQ(Rejected(), all.size());
  EXPECT_EQ(ledger_.requests.in_flight.Value(), 0u);
}

// Scenario: both of two tokens, as during a rotation; the health service without any.
// Guarantees: H-06: both are let in; a probe needs no credentials.
TEST_F(AuthTest, BothTokensOfARotationAreLetInAndProbesNeedNone) {
  SetUpBearer();
  for (const char* token : {"Bearer s3cret", "bearer n3xt"}) {
    EXPECT_EQ(StatusOf(Ask(RequestHeaders(kExportPath, {{"authorization", token}}), Framed(""))),
              "0");
  }
  EXPECT_EQ(StatusOf(Ask(RequestHeaders("/grpc.health.v1.Health/Check"), Framed(""))), "0");
  EXPECT_EQ(Rejected(), 0u);
}

// Scenario: a body of 2 MiB comes while the credentials are being checked; then they are good.
// Guarantees: of the body no more than the stream's window arrives before, all of it after.
TEST_F(AuthTest, BodyIsHeldBackUntilTheCredentialsAreKnown) {
  SetUpSlow();
  Http2Client& client = NewClient();
  const std::int32_t id = client.Open(RequestHeaders(kExportPath, {{"authorization", "good"}}));
  std::string body(std::size_t{2} << 20, '\0');  // a field that is none: refused once it is read
  client.Write(id, Framed(body));
  client.End(id);
  PumpTurns(2000);
  EXPECT_LE(memory_.charged(), 2 * kUnknownClientWindowBytes);
  EXPECT_FALSE(client.call(id).is_ended);
  slow_->Permit(1);
  ASSERT_TRUE(PumpUntil([&] { return client.call(id).is_closed; }));
  EXPECT_EQ(StatusOf(client.call(id)), "3");
}

// Scenario: a client without credentials that would send 4 MiB and does not wait for an answer.
// Guarantees: H-05: it can send no more than the first window.
TEST_F(AuthTest, OfARefusedUploadOnlyTheFirstWindowIsTaken) {
  SetUpBearer();
  Http2Client& client = NewClient();
  PumpTurns();  // the client knows the server's settings
  const std::int32_t id = client.Open(RequestHeaders(kExportPath));
  client.Write(id, std::string(std::size_t{4} << 20, 'x'));
  ASSERT_TRUE(PumpUntil([&] { return client.call(id).is_closed; }));
  EXPECT_EQ(StatusOf(client.call(id)), "16");
  EXPECT_GE(client.call(id).out.size(), (std::size_t{4} << 20) - kUnknownClientWindowBytes);
}

// Scenario: a whole small request waits for its credentials; they are good, or bad.
// Guarantees: it is forwarded, or refused as unauthenticated, without the client doing more.
TEST_F(AuthTest, AWholeRequestWaitsForItsCredentials) {
  SetUpSlow();
  for (const auto& [credentials, status] :
       std::vector<std::pair<const char*, const char*>>{{"good", "0"}, {"bad", "16"}}) {
    Http2Client& client = NewClient();
    const std::int32_t id =
        client.Open(RequestHeaders(kExportPath, {{"authorization", credentials}}));
    client.Write(id, Framed(""));
    client.End(id);
    PumpTurns();
    EXPECT_FALSE(client.call(id).is_ended) << credentials;
    slow_->Permit(1);
    ASSERT_TRUE(PumpUntil([&] { return client.call(id).is_closed; }));
    EXPECT_EQ(StatusOf(client.call(id)), status) << credentials;
  }
}

// Scenario: the deadline passes, or the client leaves, while the credentials are being checked.
// Guarantees: each ends once, as expired and as cancelled, and the late answer touches nothing.
TEST_F(AuthTest, DeadlineAndCancellationEndTheWaitForCredentials) {
  SetUpSlow();
  Http2Client& client = NewClient();
  const std::int32_t late = client.Open(
      RequestHeaders(kExportPath, {{"authorization", "good"}, {"grpc-timeout", "50m"}}));
  ASSERT_TRUE(PumpUntil([&] { return client.call(late).is_ended; }));
  EXPECT_EQ(StatusOf(client.call(late)), "4");
  const std::int32_t gone =
      client.Open(RequestHeaders(kExportPath, {{"authorization", "good, too"}}));
  PumpTurns();
  client.Reset(gone);
  ASSERT_TRUE(PumpUntil([&] { return ledger_.requests.cancelled.Value() == 1; }));
  slow_->Permit(2);
  PumpTurns();
  EXPECT_EQ(ledger_.requests.in_flight.Value(), 0u);
}

}  // namespace
}  // namespace router::test
