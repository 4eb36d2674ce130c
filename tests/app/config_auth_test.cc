// `auth` of receivers and exporters, and the extensions it names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/app/config_text.h"

namespace router {
namespace {

using Kind = Config::Auth::Kind;
using testing::HasSubstr;
using testing::Not;

// A receiver whose authenticator is `id`, with `extensions` in flow style.
std::string ReceiverFile(const std::string& id, const std::string& extensions) {
  return std::string(kMinimal) +
         "receivers: {otlp: {protocols: {grpc: {auth: {authenticator: " + id +
         "}}}}}\nextensions: {" + extensions + "}\n";
}

// Scenario: tokens, one token, a file, with and without header and scheme.
// Guarantees: what a Collector would take from the file; the header's name in lower case.
TEST(ConfigAuthTest, BearerTokensAreRead) {
  const auto several = ReadText(ReceiverFile(
      "bearertokenauth/in", "bearertokenauth/in: {tokens: [a, b], scheme: ApiKey, header: X-Key}"));
  ASSERT_TRUE(several.config) << Texts(several.faults);
  const Config::Auth& auth = *several.config->receiver.auth;
  EXPECT_EQ(auth.id, "bearertokenauth/in");
  EXPECT_EQ(auth.kind, Kind::kBearer);
  EXPECT_EQ(auth.header, "x-key");
  EXPECT_EQ(auth.scheme, "ApiKey");
  EXPECT_EQ(auth.tokens, (std::vector<std::string>{"a", "b"}));
  const auto file =
      ReadText(ReceiverFile("bearertokenauth", "bearertokenauth: {filename: /run/token}"));
  ASSERT_TRUE(file.config) << Texts(file.faults);
  EXPECT_EQ(file.config->receiver.auth->file, "/run/token");
  EXPECT_EQ(file.config->receiver.auth->header, "authorization");
}

// Scenario: htpasswd for a receiver, inline and by file.
// Guarantees: both are read.
TEST(ConfigAuthTest, HtpasswdIsRead) {
  const auto report = ReadText(
      ReceiverFile("basicauth", "basicauth: {htpasswd: {file: /run/users, inline: 'a:b'}}"));
  ASSERT_TRUE(report.config) << Texts(report.faults);
  EXPECT_EQ(report.config->receiver.auth->kind, Kind::kBasicServer);
  EXPECT_EQ(report.config->receiver.auth->file, "/run/users");
  EXPECT_EQ(report.config->receiver.auth->users, "a:b");
}

// Scenario: everything that can be wrong with an authenticator.
// Guarantees: each is refused in the Collector's words where it has some; no secret is shown
// (H-07).
TEST(ConfigAuthTest, FaultsAreNamed) {
  struct Case {
    const char* id;
    const char* extensions;
    const char* text;
  };
  constexpr Case kCases[] = {
      {"nope", "bearertokenauth: {token: s3cret}",
       "references extension \"nope\" which is not configured"},
      {"''", "bearertokenauth: {token: s3cret}", "names no extension"},
      {"health_check", "health_check: {}", "\"health_check\" is no authenticator"},
      {"bearertokenauth", "bearertokenauth: {}", "no bearer token provided"},
      {"bearertokenauth", "bearertokenauth: {token: s3cret, tokens: [s3cret]}",
       "either tokens or token should be provided, not both"},
      {"bearertokenauth", "bearertokenauth: {token: 's3cret with spaces'}",
       "a token is printable ASCII"},
      {"bearertokenauth", "bearertokenauth: {token: s3cret, header: 'a b'}", "not a header name"},
      {"bearertokenauth", "bearertokenauth: {token: s3cret, scheme: 'a b'}",
       "bearertokenauth.scheme: a scheme is printable ASCII without spaces"},
      {"bearertokenauth", "bearertokenauth: {token: s3cret, scheme: \"a\\nb\"}",
       "bearertokenauth.scheme: a scheme is printable ASCII without spaces"},
      {"basicauth", "basicauth: {htpasswd: {inline: 's3cret without colon'}}",
       "basicauth.htpasswd.inline: line 1 is not user:hash"},
      {"basicauth", "basicauth: {htpasswd: {inline: \"a:b\\ns3cret\\n\"}}",
       "basicauth.htpasswd.inline: line 2 is not user:hash"},
      {"basicauth", "basicauth: {}", "a receiver needs htpasswd"},
      {"basicauth", "basicauth: {client_auth: {username: a, password: s3cret}}",
       "a receiver needs htpasswd"},
      {"basicauth", "basicauth: {htpasswd: {}}", "no credential source provided"},
      {"basicauth", "basicauth: {htpasswd: {inline: 'a:s3cret'}, client_auth: {username: a}}",
       "only one of `htpasswd` or `client_auth` can be specified"},
  };
  for (const Case& test : kCases) {
    const auto report = ReadText(ReceiverFile(test.id, test.extensions));
    EXPECT_FALSE(report.config.has_value()) << test.extensions;
    EXPECT_THAT(Texts(report.faults), HasSubstr(test.text));
    EXPECT_THAT(Texts(report.faults), Not(HasSubstr("s3cret")));
  }
}

// Scenario: credentials for backends, over TLS and in plain text.
// Guarantees: taken and refused, as by the Collector's own clients.
TEST(ConfigAuthTest, CredentialsForBackendsNeedTls) {
  const auto file = [](const char* insecure) {
    return std::string(
               "exporters: {loadbalancing: {resolver: {static: {hostnames: [a]}}, protocol: "
               "{otlp: {tls: {insecure: ") +
           insecure +
           "}, auth: {authenticator: basicauth/out}}}}}\n"
           "extensions: {basicauth/out: {client_auth: {username: u, password: s3cret}}}\n";
  };
  const auto tls = ReadText(file("false"));
  ASSERT_TRUE(tls.config) << Texts(tls.faults);
  EXPECT_EQ(tls.config->exporter.auth->user, "u");
  EXPECT_EQ(tls.config->exporter.auth->kind, Kind::kBasicClient);
  EXPECT_THAT(Texts(ReadText(file("true")).faults),
              HasSubstr("the credentials would travel in plain text"));
}

// Scenario: a user with a colon, as in `username: user:password`.
// Guarantees: refused, since the server would read another user; not shown.
TEST(ConfigAuthTest, AUserHasNoColon) {
  const std::string faults = Texts(
      ReadText("exporters: {loadbalancing: {resolver: {static: {hostnames: [a]}}, protocol: {otlp: "
               "{auth: {authenticator: basicauth}}}}}\n"
               "extensions: {basicauth: {client_auth: {username: 'u:s3cret', password: p}}}\n")
          .faults);
  EXPECT_THAT(faults, HasSubstr("f.yaml:2: extensions.basicauth.client_auth.username: a user has "
                                "no colon"));
  EXPECT_THAT(faults, Not(HasSubstr("s3cret")));
}

// Scenario: service.extensions is there and leaves the authenticator out.
// Guarantees: refused, as the Collector does: it would not be started.
TEST(ConfigAuthTest, AuthenticatorMustBeStarted) {
  const std::string text =
      ReceiverFile("bearertokenauth", "bearertokenauth: {token: a}, health_check: {}");
  EXPECT_TRUE(ReadText(text + "service: {extensions: [bearertokenauth]}\n").config.has_value());
  EXPECT_THAT(Texts(ReadText(text + "service: {extensions: [health_check]}\n").faults),
              HasSubstr("extension \"bearertokenauth\" is not in service.extensions"));
}

}  // namespace
}  // namespace router
