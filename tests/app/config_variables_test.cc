// Environment variables whose values YAML would read as something else than text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/app/config_text.h"

namespace router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Our credentials towards backends, and a path of the receiver's, by variables.
constexpr std::string_view kFile = R"(
exporters:
  loadbalancing:
    protocol: {otlp: {auth: {authenticator: basicauth}}}
    resolver: {static: {hostnames: [a]}}
receivers:
  otlp: {protocols: {http: {traces_url_path: "${env:P}", auth: {authenticator: bearertokenauth}}}}
extensions:
  basicauth: {client_auth: {username: u, password: "${env:PW}"}}
  bearertokenauth: {token: "${env:TK}", scheme: "${env:S}"}
)";

// Scenario: a password, a token, a scheme and a path in variables that YAML reads as a comment, as
// null, as a list, as a map, as a number with zeros before it.
// Guarantees: what the variable holds is what is used, as in the Collector; told again it is the
// same.
TEST(ConfigVariablesTest, TextOfAVariableIsTakenAsItIs) {
  for (const char* text : {"#hunter", "~", "null", "[a]", "{a:b}", "007", "!x", "a$b"}) {
    const ConfigReport report =
        ReadText(kFile, {{"PW", text}, {"TK", text}, {"S", text}, {"P", "null"}});
    ASSERT_EQ(Texts(report.faults), "") << text;
    EXPECT_EQ(report.config->exporter.auth->password, text);
    EXPECT_THAT(report.config->receiver.http.auth->tokens, ElementsAre(text));
    EXPECT_EQ(report.config->receiver.http.auth->scheme, text);
    EXPECT_EQ(report.config->receiver.http.traces_path, "/null");
    const ConfigReport again = ReadText(report.in_force);
    ASSERT_EQ(Texts(again.faults), "") << report.in_force;
    EXPECT_EQ(again.config->receiver.http.auth->scheme, text);
    EXPECT_EQ(again.config->receiver.http.traces_path, "/null");
  }
}

// Scenario: a scheme in a variable that is set and empty, in one that is not set.
// Guarantees: no scheme; the default, after a warning.
TEST(ConfigVariablesTest, EmptyIsAValueAndUnsetIsNone) {
  std::map<std::string, std::string> variables{{"PW", "p"}, {"TK", "t"}, {"S", ""}, {"P", "/p"}};
  const ConfigReport empty = ReadText(kFile, variables);
  ASSERT_EQ(Texts(empty.faults), "");
  EXPECT_EQ(empty.config->receiver.http.auth->scheme, "");
  const ConfigReport again = ReadText(empty.in_force);
  ASSERT_EQ(Texts(again.faults), "");
  EXPECT_EQ(again.config->receiver.http.auth->scheme, "");
  variables.erase("S");
  const ConfigReport unset = ReadText(kFile, variables);
  ASSERT_EQ(Texts(unset.faults), "");
  EXPECT_EQ(unset.config->receiver.http.auth->scheme, "Bearer");
  EXPECT_THAT(Texts(unset.warnings), HasSubstr("the environment variable S is not set"));
}

// Scenario: `~` in a variable for an address, a choice and a port.
// Guarantees: refused as the text it is, not taken for the default.
TEST(ConfigVariablesTest, NothingIsNoAddressAndNoChoice) {
  for (const char* key : {"receivers.otlp.protocols.grpc.endpoint", "service.telemetry.logs.level",
                          "service.telemetry.metrics.readers[].pull.exporter.prometheus.port"}) {
    EXPECT_THAT(Texts(ReadText(WithKey(key, "'${env:V}'"), {{"V", "~"}}).faults),
                HasSubstr(": expected "))
        << key;
  }
}

}  // namespace
}  // namespace router
