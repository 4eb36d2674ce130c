#include "router/app/auth_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/scratch.h"

namespace router {
namespace {

using Decision = AuthPolicy::Decision;
using Kind = Config::Auth::Kind;
using testing::HasSubstr;

class AuthSourcesTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = (directory_.path() / name).string();
    // As Kubernetes and careful people do: the file is replaced, not written into.
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }

  // A change counts when it has been there for two looks.
  bool PollTwice(ReceiverAuth& auth, TimePoint now) {
    const bool first = auth.Poll(now);
    return auth.Poll(now) || first;
  }

  test::ScratchDirectory directory_;
  const TimePoint now_ = Clock::now();
  const milliseconds grace_{1000};
};

// Scenario: the token's file is replaced (H-06), later once more, and the grace passes.
// Guarantees: the new token is good at the next poll; the former until its grace is over, when a
// poll without any change of the file takes it out.
TEST_F(AuthSourcesTest, FormerTokenIsGoodForTheGrace) {
  const std::string file = Write("token", "one\n");
  ReceiverAuth auth;
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "bearertokenauth", .file = file}, grace_, now_));
  EXPECT_FALSE(auth.Poll(now_));
  const auto decide = [&](const char* value) { return auth.policy()->Decide(value, now_); };
  EXPECT_EQ(decide("Bearer one"), Decision::kAccepted);
  Write("token", "two\n");
  EXPECT_EQ(decide("Bearer two"), Decision::kUnknown);
  EXPECT_FALSE(auth.Poll(now_)) << "perhaps it is still being written";
  EXPECT_TRUE(auth.Poll(now_));
  EXPECT_EQ(decide("Bearer one"), Decision::kAccepted);
  EXPECT_EQ(decide("Bearer two"), Decision::kAccepted);
  EXPECT_FALSE(auth.Poll(now_ + milliseconds(999)));
  EXPECT_TRUE(auth.Poll(now_ + grace_));
  EXPECT_NE(decide("Bearer one"), Decision::kAccepted);
  EXPECT_EQ(decide("Bearer two"), Decision::kAccepted);
  EXPECT_FALSE(auth.Poll(now_ + grace_));
}

// Scenario: the file disappears, then comes back with another token.
// Guarantees: the former token stays good meanwhile; the new one is found.
TEST_F(AuthSourcesTest, AFileThatIsGoneChangesNothing) {
  const std::string file = Write("token", "one\n");
  ReceiverAuth auth;
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "bearertokenauth", .file = file}, grace_, now_));
  std::filesystem::remove(file);
  EXPECT_FALSE(PollTwice(auth, now_));
  EXPECT_EQ(auth.policy()->Decide("Bearer one", now_), Decision::kAccepted);
  Write("token", "");
  EXPECT_FALSE(PollTwice(auth, now_));
  EXPECT_EQ(auth.policy()->Decide("Bearer one", now_), Decision::kAccepted);
  Write("token", "two\n");
  EXPECT_TRUE(PollTwice(auth, now_));
  EXPECT_EQ(auth.policy()->Decide("Bearer two", now_), Decision::kAccepted);
}

// Scenario: a configuration is taken over whose file is missing or faulty.
// Guarantees: the error names extension, file and reason; what was loaded before stays.
TEST_F(AuthSourcesTest, AFaultyFileLeavesWhatWas) {
  ReceiverAuth auth;
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "bearertokenauth", .tokens = {"one"}}, grace_, now_));
  const auto missing =
      auth.Load(Config::Auth{.id = "bearertokenauth/x", .file = "/nowhere"}, grace_, now_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "extensions.bearertokenauth/x: /nowhere: No such file or directory");
  const std::string users = Write("users", "a:b\nsecret\n");
  const auto faulty = auth.Load(
      Config::Auth{.id = "basicauth", .kind = Kind::kBasicServer, .file = users}, grace_, now_);
  ASSERT_FALSE(faulty);
  EXPECT_THAT(faulty.error().message, HasSubstr("line 2 is not user:hash"));
  EXPECT_EQ(auth.policy()->Decide("Bearer one", now_), Decision::kAccepted);
}

// Scenario: a user's password changes in the file.
// Guarantees: both passwords are good for the grace, then only the new one.
TEST_F(AuthSourcesTest, FormerPasswordIsGoodForTheGrace) {
  const std::string file = Write("users", "alice:old\n");
  ReceiverAuth auth;
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "basicauth", .kind = Kind::kBasicServer, .file = file},
                        grace_, now_));
  Write("users", "alice:new\n");
  ASSERT_TRUE(PollTwice(auth, now_));
  constexpr const char* kOld = "Basic YWxpY2U6b2xk";
  constexpr const char* kNew = "Basic YWxpY2U6bmV3";
  EXPECT_TRUE(auth.policy()->Verify(kOld, now_));
  EXPECT_TRUE(auth.policy()->Verify(kNew, now_));
  EXPECT_FALSE(auth.policy()->Verify(kOld, now_ + grace_));
}

// Scenario: a configuration is taken over again, and a file is written again, with the same
// secrets. Guarantees: the same policy: nobody has to be verified anew for that.
TEST_F(AuthSourcesTest, TheSameSecretsAreTheSamePolicy) {
  const Config::Auth bearer{.id = "bearertokenauth", .file = Write("token", "one\n")};
  ReceiverAuth auth;
  ASSERT_TRUE(auth.Load(bearer, grace_, now_));
  const auto policy = auth.policy();
  ASSERT_TRUE(auth.Load(bearer, grace_, now_));
  EXPECT_EQ(auth.policy(), policy);
  Write("token", "one # with a comment\n");
  EXPECT_FALSE(PollTwice(auth, now_));
  EXPECT_EQ(auth.policy(), policy);
}

// Scenario: a user is taken out of the file, which then becomes unreadable; the grace passes.
// Guarantees: he is not let in for longer than the grace.
TEST_F(AuthSourcesTest, TheGraceEndsWithoutTheFile) {
  const std::string file = Write("users", "alice:old\nbob:x\n");
  ReceiverAuth auth;
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "basicauth", .kind = Kind::kBasicServer, .file = file},
                        grace_, now_));
  Write("users", "bob:x\n");
  ASSERT_TRUE(PollTwice(auth, now_));
  std::filesystem::remove(file);
  EXPECT_FALSE(PollTwice(auth, now_));
  const auto during = auth.policy();
  EXPECT_TRUE(auth.Poll(now_ + grace_));
  EXPECT_NE(auth.policy(), during) << "what was remembered under it is forgotten";
  EXPECT_FALSE(auth.policy()->Verify("Basic YWxpY2U6b2xk", now_ + grace_));
}

// Scenario: a password's file is empty for a moment, at a poll and at the start.
// Guarantees: an empty password is never sent.
TEST_F(AuthSourcesTest, AnEmptyPasswordFileIsNoPassword) {
  const Config::Auth client{.id = "basicauth",
                            .kind = Kind::kBasicClient,
                            .user = "alice",
                            .password_file = Write("password", "secret\n")};
  ExporterAuth auth;
  ASSERT_TRUE(auth.Load(client));
  Write("password", "");
  EXPECT_FALSE(auth.Poll());
  EXPECT_FALSE(auth.Poll());
  EXPECT_EQ(auth.header()->second, "Basic YWxpY2U6c2VjcmV0");
  EXPECT_THAT(auth.Load(client).error().message, HasSubstr("its first line is empty"));
}

// Scenario: what is sent to backends: the first token, of the configuration or of a file that
// changes; a user and a password from files with line ends.
// Guarantees: the header's value as HTTP wants it; a change of the file is another header.
TEST_F(AuthSourcesTest, HeaderForBackends) {
  ExporterAuth auth;
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "bearertokenauth", .tokens = {"one", "two"}}));
  EXPECT_EQ(*auth.header(), ExporterAuth::Header("authorization", "Bearer one"));
  const std::string file = Write("token", "three\n");
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "bearertokenauth", .file = file}));
  EXPECT_EQ(auth.header()->second, "Bearer three");
  EXPECT_FALSE(auth.Poll());
  Write("token", "four\n");
  EXPECT_FALSE(auth.Poll());
  EXPECT_TRUE(auth.Poll());
  EXPECT_EQ(auth.header()->second, "Bearer four");
  std::filesystem::remove(file);
  EXPECT_FALSE(auth.Poll());
  EXPECT_FALSE(auth.Poll());
  EXPECT_EQ(auth.header()->second, "Bearer four");
  ASSERT_TRUE(auth.Load(Config::Auth{.id = "basicauth",
                                     .kind = Kind::kBasicClient,
                                     .user = "alice",
                                     .password_file = Write("password", "secret\r\n")}));
  EXPECT_EQ(auth.header()->second, "Basic YWxpY2U6c2VjcmV0");
  ASSERT_TRUE(auth.Load(std::nullopt));
  EXPECT_FALSE(auth.header().has_value());
}

// Scenario: a file with a user and a password in one line.
// Guarantees: refused with the file and the reason; a server would take another user from it.
TEST_F(AuthSourcesTest, AUserOfAFileHasNoColon) {
  ExporterAuth auth;
  const auto loaded = auth.Load(Config::Auth{
      .id = "basicauth", .kind = Kind::kBasicClient, .user_file = Write("user", "alice:s3cret\n")});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("user: a user has no colon"));
  EXPECT_THAT(loaded.error().message, testing::Not(HasSubstr("s3cret")));
}

// Scenario: files of tokens, of users and of a password that are not there, one of them for both
// ports; then none that is missing.
// Guarantees: a sentence for each, none twice; nothing.
TEST_F(AuthSourcesTest, TroubleIsFoundBeforeTheStart) {
  Config config;
  config.receiver.auth = Config::Auth{.id = "bearertokenauth", .file = "/nowhere/tokens"};
  config.receiver.http.auth = config.receiver.auth;
  config.exporter.auth = Config::Auth{.id = "basicauth",
                                      .kind = Kind::kBasicClient,
                                      .user = "alice",
                                      .password_file = "/nowhere/password"};
  EXPECT_THAT(
      FindAuthTrouble(config),
      testing::ElementsAre("extensions.bearertokenauth: /nowhere/tokens: No such file or directory",
                           "extensions.basicauth: /nowhere/password: No such file or directory"));
  config.receiver.auth =
      Config::Auth{.id = "basicauth/in", .kind = Kind::kBasicServer, .file = "/nowhere/users"};
  EXPECT_THAT(FindAuthTrouble(config), testing::Contains(HasSubstr("/nowhere/users")));
  config.receiver.auth->file = Write("users", "alice:secret\n");
  config.receiver.http.auth->file = Write("tokens", "one\n");
  config.exporter.auth->password_file = Write("password", "secret\n");
  EXPECT_THAT(FindAuthTrouble(config), testing::IsEmpty());
  EXPECT_THAT(FindAuthTrouble(Config()), testing::IsEmpty());
}

}  // namespace
}  // namespace router
