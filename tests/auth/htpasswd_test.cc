#include "router/auth/htpasswd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "router/auth/apache_md5.h"

namespace router {
namespace {

// Scenario: hashes that `openssl passwd` wrote.
// Guarantees: the same hash, for empty, short, block-sized and long passwords.
TEST(ApacheMd5Test, AgreesWithOpenSsl) {
  EXPECT_EQ(ApacheMd5("password", "saltsalt"), "yAAkm4libquA.ZWLHbSBq/");
  EXPECT_EQ(ApacheMd5("", "ab"), "S8K6Sgp3W8c9Jb6LxgywZ.");
  EXPECT_EQ(ApacheMd5("exactly 16 bytes", "12345678"), "IPzi0L9A6Im0.9yIfQgsk/");
  EXPECT_EQ(ApacheMd5("a much longer password than one digest has bytes", "x"),
            "BaJQZ.c6MAJVWuQ/O/1tU0");
}

// Scenario: a file with one user of every format, comments and blank lines.
// Guarantees: each is let in with its own password and with no other.
TEST(HtpasswdTest, TakesEveryFormatThatHtpasswdWrites) {
  const auto parsed = Htpasswd::Parse(
      "# users\n\n"
      "bcrypt:$2y$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm\r\n"
      "apr1:$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/\n"
      "md5:$1$abcd$ABOCfICGTWeBeG/njucVA1\n"
      "sha256:$5$abcd$ctDNcy8gP8YryO6SZVQk3LOWoK2InsHPQ08.rUfnPFB\n"
      "sha512:$6$abcd$ppTPsprDG6d3iAZ2zvw1PFuDm.xk9ICr."
      "lWnGSW5RCIpHTsu6AR5b38dLJlJ4Z4xzErqEDZT28Lh8.pW5mKul.\n"
      "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
      "ssha:{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0\n"
      "plain:password\n");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  for (const char* user : {"bcrypt", "apr1", "md5", "sha256", "sha512", "sha", "ssha", "plain"}) {
    EXPECT_TRUE(parsed->Match(user, "password")) << user;
    EXPECT_FALSE(parsed->Match(user, "Password")) << user;
    EXPECT_FALSE(parsed->Match(user, "")) << user;
    EXPECT_FALSE(parsed->Match(user, std::string_view("password\0x", 10))) << user;
  }
  EXPECT_FALSE(parsed->Match("nobody", "password"));
  EXPECT_FALSE(parsed->Match("", "password"));
}

// Scenario: the same user twice, as a file and its inline supplement give it.
// Guarantees: the last line wins.
TEST(HtpasswdTest, LastLineOfAUserWins) {
  const auto parsed = Htpasswd::Parse("u:one\nu:two\n");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->size(), 1U);
  EXPECT_TRUE(parsed->Match("u", "two"));
  EXPECT_FALSE(parsed->Match("u", "one"));
}

double CpuSecondsOfFailure(const Htpasswd& users, std::string_view user) {
  double least = 1e9;  // of three: who shares the processor makes it slower, nobody faster
  for (int round = 0; round < 3; ++round) {
    const std::clock_t start = std::clock();
    EXPECT_FALSE(users.Match(user, "wrong"));
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

// Scenario: a file with {SHA}, plain text, MD5 and bcrypt of two costs; a wrong password for each
// user and for one that is not there.
// Guarantees: the time it takes tells none of them from the others.
TEST(HtpasswdTest, FailedCheckTakesAsLongForEveryUserAndForNone) {
  const auto parsed = Htpasswd::Parse(
      "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
      "plain:password\n"
      "apr1:$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/\n"
      "cheap:$2y$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm\n"
      "dear:$2y$09$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm\n");
  ASSERT_TRUE(parsed.has_value());
  const double of_unknown = CpuSecondsOfFailure(*parsed, "nobody");
  EXPECT_GT(of_unknown, 0.002);
  for (const char* user : {"sha", "plain", "apr1", "cheap", "dear"}) {
    const double of_known = CpuSecondsOfFailure(*parsed, user);
    EXPECT_GT(of_known, 0.67 * of_unknown) << user;
    EXPECT_LT(of_known, 1.5 * of_unknown) << user;
  }
}

// Scenario: the same lines in another order.
// Guarantees: the same users: who compares two readings of a file sees no change.
TEST(HtpasswdTest, OrderOfLinesMeansNothing) {
  const auto one = Htpasswd::Parse("a:$2y$04$a\nb:$2y$04$b\nc:{SHA}c\nd:{SHA}d\ne:$2b$05$e\n");
  const auto other = Htpasswd::Parse("e:$2b$05$e\nd:{SHA}d\nc:{SHA}c\nb:$2y$04$b\na:$2y$04$a\n");
  ASSERT_TRUE(one.has_value() && other.has_value());
  EXPECT_EQ(*one, *other);
}

// Scenario: lines that are no user and hash; a file without users.
// Guarantees: the error names the line and not its content, which may be a secret.
TEST(HtpasswdTest, ErrorsNameTheLineAndNotTheSecret) {
  for (const char* text : {"ok:hash\nsecret\n", "ok:hash\n:secret\n", "ok:hash\nsecret:\n"}) {
    const auto parsed = Htpasswd::Parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().message, "line 2 is not user:hash");
  }
  EXPECT_EQ(Htpasswd::Parse("# none\n").error().message, "there is no user in it");
  EXPECT_FALSE(Htpasswd::Parse("").has_value());
}

// Scenario: hashes that are cut short or no hashes.
// Guarantees: nobody gets in by them, and nothing breaks.
TEST(HtpasswdTest, DamagedHashesLetNobodyIn) {
  const auto parsed = Htpasswd::Parse(
      "a:$apr1$\nb:$apr1$salt\nc:{SHA}\nd:{SHA}%%%%\ne:$2y$\nf:$99$x$y\ng:{SSHA}QUJD\n"
      "h:$\ni:$2\nj:$2y$10$\nk:$5$rounds=\nl:$6$rounds=9$\nm:$1\n");
  ASSERT_TRUE(parsed.has_value());
  for (const char* user : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"}) {
    for (const char* password : {"", "x", "$apr1$", "password"}) {
      EXPECT_FALSE(parsed->Match(user, password)) << user << " " << password;
    }
  }
}

}  // namespace
}  // namespace router
