#include "router/auth/auth_policy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace router {
namespace {

using Decision = AuthPolicy::Decision;

class AuthPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "auth_policy_XXXXXX";
    const int fd = ::mkstemp(name.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
    file_ = name;
  }
  void TearDown() override { std::remove(file_.c_str()); }
  void Write(const std::string& text) { std::ofstream(file_) << text; }

  const TimePoint now_ = Clock::now();
  std::string file_;
};

// Scenario: two tokens are good at once, as during a rotation (H-06); others, other schemes, parts.
// Guarantees: exactly those two are let in, whatever the case of the scheme.
TEST_F(AuthPolicyTest, SeveralBearerTokensAreGoodAtOnce) {
  const BearerPolicy policy({}, {"old-token", "new-token"});
  for (const char* good :
       {"Bearer old-token", "Bearer new-token", "bearer new-token", "BEARER  old-token"}) {
    EXPECT_EQ(policy.Decide(good, now_), Decision::kAccepted) << good;
  }
  for (const char* bad : {"", "Bearer", "Bearer ", "Bearer old-toke", "Bearer old-tokenn",
                          "old-token", "Basic old-token", "Bearerold-token", "Bearer old-token,"}) {
    EXPECT_EQ(policy.Decide(bad, now_), Decision::kRefused) << bad;
  }
}

// Scenario: another scheme, and none, as `scheme` of the Collector allows.
// Guarantees: the token is looked for behind exactly that.
TEST_F(AuthPolicyTest, SchemeIsTheConfiguredOne) {
  const BearerPolicy custom({.scheme = "ApiKey"}, {"t"});
  EXPECT_EQ(custom.Decide("ApiKey t", now_), Decision::kAccepted);
  EXPECT_EQ(custom.Decide("Bearer t", now_), Decision::kRefused);
  const BearerPolicy bare({.header = "x-token", .scheme = ""}, {"t"});
  EXPECT_EQ(bare.header(), "x-token");
  EXPECT_EQ(bare.Decide("t", now_), Decision::kAccepted);
}

// Scenario: a token was taken out of the file, and stays good until its time is up.
// Guarantees: it is let in before and refused after that.
TEST_F(AuthPolicyTest, FormerTokenIsGoodUntilItsTimeIsUp) {
  const BearerPolicy policy({}, {"new"}, {{"old", now_ + milliseconds(10)}});
  EXPECT_EQ(policy.Decide("Bearer old", now_), Decision::kAccepted);
  EXPECT_EQ(policy.Decide("Bearer old", now_ + milliseconds(10)), Decision::kRefused);
}

// Scenario: a client uses a token that is in the file since a moment ago (H-06).
// Guarantees: it is not refused: the file is asked, and only what stands there is let in.
TEST_F(AuthPolicyTest, NewTokenIsFoundInTheFileBeforeTheReload) {
  Write("old a comment\n");
  const auto tokens = ReadTokenFile(file_);
  ASSERT_TRUE(tokens.has_value());
  const BearerPolicy policy({.file = file_}, *tokens);
  EXPECT_EQ(policy.Decide("Bearer old", now_), Decision::kAccepted);
  EXPECT_EQ(policy.Decide("Bearer new", now_), Decision::kUnknown);
  EXPECT_FALSE(policy.Verify("Bearer new", now_));
  Write("  new\n\nother\n");
  EXPECT_TRUE(policy.Verify("Bearer new", now_));
  EXPECT_TRUE(policy.Verify("Bearer other", now_));
  EXPECT_FALSE(policy.Verify("Bearer a", now_));
  std::remove(file_.c_str());
  EXPECT_FALSE(policy.Verify("Bearer new", now_));
}

// Scenario: a file that is not there, one without a token, one of 2 MiB.
// Guarantees: the error names the file and what is wrong with it.
TEST_F(AuthPolicyTest, UnreadableTokenFilesAreExplained) {
  EXPECT_EQ(ReadTokenFile("/nowhere/token").error().message,
            "/nowhere/token: No such file or directory");
  Write(" \n\t\n");
  EXPECT_EQ(ReadTokenFile(file_).error().message, file_ + ": there is no token in it");
  Write(std::string(std::size_t{2} << 20, 'x'));
  EXPECT_EQ(ReadTokenFile(file_).error().message, file_ + ": is larger than 1 MiB");
}

// "alice:secret", "alice:wrong", "bob:former", "alice:", ":", no colon, with a colon inside.
constexpr const char* kAliceSecret = "Basic YWxpY2U6c2VjcmV0";
constexpr const char* kAliceWrong = "Basic YWxpY2U6d3Jvbmc=";
constexpr const char* kBobFormer = "Basic Ym9iOmZvcm1lcg==";

// Scenario: Basic credentials: right, wrong, of another scheme, not base64, without a colon.
// Guarantees: only the right ones are let in, and none without Verify(), which may be slow.
TEST_F(AuthPolicyTest, BasicCredentialsAreVerified) {
  const BasicPolicy::Source source{.file = "", .inline_text = "alice:secret\ncarl:a:b\n"};
  const BasicPolicy policy(source, *ReadUsers(source));
  EXPECT_EQ(policy.Decide(kAliceSecret, now_), Decision::kUnknown);
  EXPECT_EQ(policy.Decide("Bearer YWxpY2U6c2VjcmV0", now_), Decision::kRefused);
  EXPECT_TRUE(policy.Verify(kAliceSecret, now_));
  EXPECT_TRUE(policy.Verify("basic YWxpY2U6c2VjcmV0", now_));
  EXPECT_TRUE(policy.Verify("Basic Y2FybDphOmI=", now_)) << "a password may have a colon";
  for (const char* bad : {kAliceWrong, kBobFormer, "Basic ", "Basic YWxpY2U=", "Basic ====",
                          "Basic %%%%", "Basic YWxpY2U6c2VjcmV", "Basic Og=="}) {
    EXPECT_FALSE(policy.Verify(bad, now_)) << bad;
  }
}

// Scenario: a user was taken out of the file; another was added and is used before the reload.
// Guarantees: both are let in, the first until its time is up (H-06).
TEST_F(AuthPolicyTest, FormerAndNewestUsersAreLetIn) {
  const auto former = ReadUsers({.file = "", .inline_text = "bob:former"});
  Write("carl:x\n");
  const BasicPolicy::Source source{.file = file_, .inline_text = ""};
  const BasicPolicy policy(source, *ReadUsers(source), {{*former, now_ + milliseconds(10)}});
  EXPECT_TRUE(policy.Verify(kBobFormer, now_));
  EXPECT_FALSE(policy.Verify(kBobFormer, now_ + milliseconds(10)));
  EXPECT_FALSE(policy.Verify(kAliceSecret, now_));
  Write("alice:secret\n");
  EXPECT_TRUE(policy.Verify(kAliceSecret, now_));
  EXPECT_FALSE(policy.Verify(kAliceWrong, now_));
}

// Scenario: users were let in; then a list comes in which one has the same hash, one has another,
// one is gone but still good for a while, and one is gone.
// Guarantees: only the first and, until its time is up, the third need no new check.
TEST_F(AuthPolicyTest, WhoHasTheSameHashIsStillAccepted) {
  const auto users = [](const char* text) { return *ReadUsers({.file = "", .inline_text = text}); };
  const BasicPolicy before({}, users("alice:secret\nbob:former\ncarl:a:b\n"));
  const AuthPolicy::Proof alice = before.Verify(kAliceSecret, now_);
  const AuthPolicy::Proof bob = before.Verify(kBobFormer, now_);
  const AuthPolicy::Proof carl = before.Verify("Basic Y2FybDphOmI=", now_);
  ASSERT_TRUE(alice && bob && carl);
  const BasicPolicy after({}, users("alice:secret\ncarl:other\n"),
                          {{users("bob:former\n"), now_ + milliseconds(10)}});
  EXPECT_TRUE(after.StillAccepts(*alice, now_));
  EXPECT_TRUE(after.StillAccepts(*bob, now_));
  EXPECT_FALSE(after.StillAccepts(*bob, now_ + milliseconds(10)));
  EXPECT_FALSE(after.StillAccepts(*carl, now_));
  EXPECT_FALSE(after.StillAccepts("", now_));
}

}  // namespace
}  // namespace router
