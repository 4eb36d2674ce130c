// Secrets in the wrong place of a file: no message shows them (H-07).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/app/config_text.h"

namespace router {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Slip {
  std::string_view text;   // added to the smallest file, at its end or in its exporter
  std::string_view fault;  // that is reported
};

void ExpectHidden(const std::string& text, std::string_view fault) {
  const std::string faults = Texts(ReadText(text).faults);
  EXPECT_THAT(faults, HasSubstr(std::string(fault))) << text;
  EXPECT_THAT(faults, Not(HasSubstr("s3cret"))) << text;
}

// Scenario: a password or a token in place of the section or list it belongs to, as the name of a
// key, as a key of a secret with a value that is none, beside a broken variable, as an alias.
// Guarantees: each is a fault with its line and key, and none repeats it.
TEST(ConfigSecretsTest, ASecretInTheWrongPlaceIsNotShown) {
  constexpr Slip kSlips[] = {
      {"extensions: {bearertokenauth: s3cret}",
       "f.yaml:11: extensions.bearertokenauth: expected a map, found a single value\n"},
      {"extensions: {bearertokenauth/x: {tokens: s3cret}}",
       "f.yaml:11: extensions.bearertokenauth/x.tokens: expected a list, found a single value\n"},
      {"extensions: {basicauth: {htpasswd: 'user:s3cret'}}",
       "f.yaml:11: extensions.basicauth.htpasswd: expected a map, found a single value\n"},
      {"extensions: {basicauth: {client_auth: 'user:s3cret'}}",
       "f.yaml:11: extensions.basicauth.client_auth: expected a map, found a single value\n"},
      {"extensions: {basicauth: {client_auth: {'user:s3cret'}}}",
       "f.yaml:11: extensions.basicauth.client_auth: unknown key (known here: username, "},
      {"extensions: {bearertokenauth: {s3cret-token}}",
       "f.yaml:11: extensions.bearertokenauth: unknown key (known here: header, "},
      {"extensions: {basicauth: {client_auth: {passwort: s3cret}}}",
       "client_auth.passwort: unknown key (did you mean password?)"},
      {"receivers: {otlp: {protocols: {grpc: {auth: s3cret}}}}",
       "grpc.auth: expected a map, found a single value\n"},
      {"receivers: {otlp: {protocols: {grpc: {tls: s3cret}}}}",
       "grpc.tls: expected a map, found a single value\n"},
      {"receivers: {otlp: {protocols: {http: {response_headers: s3cret}}}}",
       "response_headers: expected a map, found a single value\n"},
      {"receivers: {otlp: {protocols: {http: {response_headers: {'x-a:s3cret x'}}}}}",
       "response_headers: a header name consists of"},
      {"receivers: {otlp: {protocols: {http: {response_headers: {s3cret}}}}}",
       "response_headers: expected a single value"},
      {"extensions: {basicauth: {client_auth: {password: 's3cret${a b}s3cret'}}}",
       "f.yaml:11: ${a b}: a variable's name consists of"},
      {"extensions: {basicauth: {client_auth: {password: '${a b:-s3cret}${s3cret'}}}",
       "f.yaml:11: ${a b}: a variable's name consists of"},
      {"extensions: {basicauth: {client_auth: {password: *s3cret}}}",
       "the referenced anchor is not defined; a value that begins with * needs quotes"}};
  for (const Slip& slip : kSlips) {
    ExpectHidden(std::string(kMinimal) + std::string(slip.text) + "\n", slip.fault);
  }
  constexpr std::string_view kHeaders = "exporters.loadbalancing.protocol.otlp.headers";
  ExpectHidden(WithKey(kHeaders, "s3cret"), "expected a map, found a single value\n");
  ExpectHidden(WithKey(kHeaders, "{'authorization:s3cret'}"), "otlp.headers: a header name");
}

// Scenario: wrong values of keys that hold no secrets, also beside some.
// Guarantees: they are shown, since that is what helps.
TEST(ConfigSecretsTest, OtherValuesAreShown) {
  for (const std::string& text :
       {WithKey("spanring.workers", "many"), WithKey("spanring.auth.rotation_grace", "many"),
        WithKey("spanring.dns.servers", "many"),
        WithKey("exporters.loadbalancing.protocol.otlp.tls.min_version", "many")}) {
    EXPECT_THAT(Texts(ReadText(text).faults), HasSubstr("(the value is many")) << text;
  }
}

}  // namespace
}  // namespace router
