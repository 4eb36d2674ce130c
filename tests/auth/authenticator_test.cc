#include "router/auth/authenticator.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <string>

namespace router {
namespace {

// Knows "at-once"; "good…" only after Verify(), which waits for a permit.
class SlowPolicy final : public AuthPolicy {
 public:
  SlowPolicy() : AuthPolicy("authorization") {}
  Decision Decide(std::string_view value, TimePoint) const override {
    if (value == "at-once") return Decision::kAccepted;
    return value == "never" ? Decision::kRefused : Decision::kUnknown;
  }
  Proof Verify(std::string_view value, TimePoint) const override {
    permits_.acquire();
    ++verified_;
    return value.starts_with("good") ? Proof(value) : std::nullopt;
  }
  std::shared_ptr<const AuthPolicy> WithoutEnded(TimePoint) const override { return nullptr; }
  bool StillAccepts(std::string_view proof, TimePoint) const override { return proof == lasting_; }
  std::string_view challenge() const override { return "Slow"; }

  // What an earlier policy has accepted by that is good here, too.
  void Keep(std::string proof) { lasting_ = std::move(proof); }
  void Permit(std::ptrdiff_t count) const { permits_.release(count); }
  int verified() const { return verified_; }

 private:
  std::string lasting_ = "nothing";
  mutable std::counting_semaphore<> permits_{0};
  mutable std::atomic<int> verified_{0};
};

class Sink final : public AuthSink {
 public:
  void OnAuthResult(AuthResult result) override {
    ASSERT_FALSE(result_.has_value()) << "told twice";
    result_ = result;
    if (ends_ != nullptr) authenticator_->Forget(*ends_);
  }
  // On its answer `other` ends.
  void Ends(Authenticator& authenticator, Sink& other) {
    authenticator_ = &authenticator;
    ends_ = &other;
  }
  std::optional<AuthResult> result() const { return result_; }

 private:
  std::optional<AuthResult> result_;
  Authenticator* authenticator_ = nullptr;
  Sink* ends_ = nullptr;
};

class AuthenticatorTest : public ::testing::Test {
 protected:
  void SetUp() override { authenticator_.SetPolicy(policy_); }
  void TearDown() override {
    policy_->Permit(1000);
    verifier_.Stop();
  }
  void TurnUntil(const Sink& sink) {
    const TimePoint limit = Clock::now() + std::chrono::seconds(10);
    while (!sink.result() && Clock::now() < limit) loop_.Turn(false);
    ASSERT_TRUE(sink.result().has_value());
  }

  WorkerLoop loop_;
  CredentialVerifier verifier_;
  std::shared_ptr<SlowPolicy> policy_ = std::make_shared<SlowPolicy>();
  Authenticator authenticator_{loop_, verifier_};
};

// Scenario: credentials the policy can judge at once; none at all.
// Guarantees: an answer at once, the verifier is not asked.
TEST_F(AuthenticatorTest, WhatIsKnownIsAnsweredAtOnce) {
  Sink sink;
  EXPECT_EQ(authenticator_.Check("at-once", sink), AuthResult::kAccepted);
  EXPECT_EQ(authenticator_.Check("never", sink), AuthResult::kRefused);
  EXPECT_EQ(authenticator_.Check("", sink), AuthResult::kRefused);
  EXPECT_FALSE(sink.result().has_value());
  EXPECT_EQ(policy_->verified(), 0);
}

// Scenario: three requests with the same unknown credential, then a fourth after the answer.
// Guarantees: one check for all; the fourth is answered at once.
TEST_F(AuthenticatorTest, ACredentialIsVerifiedOnce) {
  Sink sinks[3];
  for (Sink& sink : sinks) EXPECT_EQ(authenticator_.Check("good", sink), std::nullopt);
  policy_->Permit(1);
  for (const Sink& sink : sinks) {
    TurnUntil(sink);
    EXPECT_EQ(sink.result(), AuthResult::kAccepted);
  }
  Sink later;
  EXPECT_EQ(authenticator_.Check("good", later), AuthResult::kAccepted);
  EXPECT_EQ(policy_->verified(), 1);
}

// Scenario: a wrong credential, again and again.
// Guarantees: refused from memory, without another check.
TEST_F(AuthenticatorTest, AWrongCredentialIsRemembered) {
  Sink first;
  EXPECT_EQ(authenticator_.Check("bad", first), std::nullopt);
  policy_->Permit(1);
  TurnUntil(first);
  EXPECT_EQ(first.result(), AuthResult::kRefused);
  for (int i = 0; i < 100; ++i) {
    Sink again;
    EXPECT_EQ(authenticator_.Check("bad", again), AuthResult::kRefused);
  }
  EXPECT_EQ(policy_->verified(), 1);
}

// Scenario: more different wrong passwords at once than may wait.
// Guarantees: the excess hears "busy" at once, which is no refusal; who waits is still answered.
TEST_F(AuthenticatorTest, AFloodOfUnknownCredentialsIsBounded) {
  std::vector<Sink> sinks(CredentialVerifier::kWaitingMax);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    ASSERT_EQ(authenticator_.Check("bad" + std::to_string(i), sinks[i]), std::nullopt) << i;
  }
  Sink excess;
  EXPECT_EQ(authenticator_.Check("good", excess), AuthResult::kBusy);
  EXPECT_EQ(authenticator_.Check("at-once", excess), AuthResult::kAccepted);
  policy_->Permit(static_cast<std::ptrdiff_t>(sinks.size()));
  for (const Sink& sink : sinks) TurnUntil(sink);
  EXPECT_EQ(authenticator_.Check("good", excess), std::nullopt);
  policy_->Permit(1);
  TurnUntil(excess);
}

// Scenario: of two that wait for the same answer, the one told first ends the other.
// Guarantees: the other hears nothing (it may be gone).
TEST_F(AuthenticatorTest, WhoIsForgottenHearsNothing) {
  Sink one;
  Sink two;
  one.Ends(authenticator_, two);
  two.Ends(authenticator_, one);
  EXPECT_EQ(authenticator_.Check("good", one), std::nullopt);
  EXPECT_EQ(authenticator_.Check("good", two), std::nullopt);
  policy_->Permit(1);
  const TimePoint limit = Clock::now() + std::chrono::seconds(10);
  while (!one.result() && !two.result() && Clock::now() < limit) loop_.Turn(false);
  loop_.Turn(false);
  EXPECT_NE(one.result().has_value(), two.result().has_value());
}

// Scenario: the policy changes while a check of the former one is under way.
// Guarantees: who asked before is told; what the former policy accepted is asked about anew.
TEST_F(AuthenticatorTest, ANewPolicyRemembersNothingOfTheFormer) {
  Sink before;
  EXPECT_EQ(authenticator_.Check("good", before), std::nullopt);
  const auto next = std::make_shared<SlowPolicy>();
  authenticator_.SetPolicy(next);
  Sink after;
  EXPECT_EQ(authenticator_.Check("good", after), std::nullopt);
  policy_->Permit(1);
  TurnUntil(before);
  EXPECT_FALSE(after.result().has_value());
  next->Permit(1);
  TurnUntil(after);
  EXPECT_EQ(next->verified(), 1);
}

// Scenario: two credentials were accepted, and a third is being checked, when a policy comes that
// accepts one of the two, and the third.
// Guarantees: these are let in at once; the other is asked about anew. The refused are forgotten.
TEST_F(AuthenticatorTest, WhoWouldBeAcceptedAgainIsNotAskedAboutAnew) {
  for (const char* value : {"good 1", "good 2", "bad"}) {
    Sink sink;
    EXPECT_EQ(authenticator_.Check(value, sink), std::nullopt);
    policy_->Permit(1);
    TurnUntil(sink);
  }
  const auto next = std::make_shared<SlowPolicy>();
  next->Keep("good 1");
  authenticator_.SetPolicy(next);
  Sink sink;
  EXPECT_EQ(authenticator_.Check("good 1", sink), AuthResult::kAccepted);
  EXPECT_EQ(next->verified(), 0);
  Sink others[2];
  EXPECT_EQ(authenticator_.Check("good 2", others[0]), std::nullopt);
  EXPECT_EQ(authenticator_.Check("bad", others[1]), std::nullopt);

  const auto last = std::make_shared<SlowPolicy>();
  last->Keep("good 2");
  authenticator_.SetPolicy(last);  // while the two are being checked
  next->Permit(2);
  for (const Sink& other : others) TurnUntil(other);
  EXPECT_EQ(authenticator_.Check("good 2", sink), AuthResult::kAccepted);
  Sink first;
  EXPECT_EQ(authenticator_.Check("good 1", first), std::nullopt);
  last->Permit(1);
  TurnUntil(first);
  EXPECT_EQ(last->verified(), 1);
}

}  // namespace
}  // namespace router
