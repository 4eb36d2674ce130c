// What print-config and /debug/config say.
#include "router/app/config_in_force.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/app/config_text.h"
#include "tests/support/test_ca.h"

namespace router {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The headers have lost their values on the way.
Config WithoutHeaders(Config config) {
  config.exporter.headers.clear();
  config.receiver.http.response_headers.clear();
  return config;
}

// Scenario: every example; the smallest file; one protocol; an empty list of readers; extensions
// and receivers that are not switched on; ids that YAML needs in quotes; values with a `$` that is
// none of a variable. What is told is read again.
// Guarantees: the same configuration, but for secrets: nothing is left out or told wrongly.
TEST(ConfigInForceTest, ReadAgainItIsTheSameConfiguration) {
  const std::string minimal(kMinimal);
  for (const std::string& text :
       {FileText("examples/full.yaml"), FileText("examples/static.yaml"),
        FileText("examples/tls.yaml"), minimal,
        minimal + "receivers: {otlp: {protocols: {grpc: }}}\n",
        minimal + "receivers: {otlp/x: {protocols: {http: {endpoint: ':1'}}}}\n",
        minimal + "service: {telemetry: {metrics: {readers: []}}}\n",
        minimal + "service: {extensions: []}\nextensions: {health_check: }\n",
        minimal + "receivers: {otlp/a: , otlp/b: }\nservice: {pipelines: {traces: {receivers: "
                  "[otlp/b], exporters: [loadbalancing]}}}\n",
        minimal + "receivers: {'otlp/a\"b\\c': }\n", minimal + "receivers: {'otlp/a:#b:': }\n",
        minimal + "extensions: {health_check: {path: '/$${X}/$$$$'}}\n"}) {
    const ConfigReport first = ReadText(text);
    ASSERT_TRUE(first.config) << Texts(first.faults);
    const ConfigReport second = ReadText(first.in_force);
    ASSERT_TRUE(second.config) << first.in_force << Texts(second.faults);
    EXPECT_TRUE(WithoutHeaders(*second.config) == WithoutHeaders(*first.config)) << first.in_force;
  }
}

// Scenario: secrets of every kind, as text and by variables.
// Guarantees: none of them is told; names of headers, users and files are.
TEST(ConfigInForceTest, SecretsAreNotTold) {
  const std::string key = test::TestCa::SelfSigned({}).key_pem;
  const ConfigReport report = ReadText(
      "exporters:\n"
      "  loadbalancing:\n"
      "    protocol: {otlp: {headers: {x-tenant: s3cret-a}, auth: {authenticator: basicauth}}}\n"
      "    resolver: {dns: {hostname: backend}}\n"
      "receivers:\n"
      "  otlp:\n"
      "    protocols:\n"
      "      grpc: {auth: {authenticator: bearertokenauth},\n"
      "             tls: {cert_file: /cert, key_pem: '${env:KEY}'}}\n"
      "      http: {response_headers: {x-a: s3cret-c}, auth: {authenticator: basicauth/in}}\n"
      "extensions:\n"
      "  bearertokenauth: {tokens: ['${env:TOKEN}', s3cret-d]}\n"
      "  basicauth: {client_auth: {username: me, password: s3cret-e}}\n"
      "  basicauth/in: {htpasswd: {inline: 'u:s3cret-f'}}\n",
      {{"TOKEN", "s3cret-g"}, {"KEY", key}});
  ASSERT_TRUE(report.config) << Texts(report.faults);
  EXPECT_THAT(report.in_force, Not(HasSubstr("PRIVATE KEY")));
  EXPECT_THAT(report.in_force, AllOf(Not(HasSubstr("s3cret")), HasSubstr("x-tenant: <redacted>"),
                                     HasSubstr("tokens: [<redacted>, <redacted>]"),
                                     HasSubstr("username: me"), HasSubstr("cert_file: /cert")));
}

// Scenario: keys that are done otherwise and such without effect; a key that is not written.
// Guarantees: each is told as what it is, and a default as one.
TEST(ConfigInForceTest, EveryKeyIsToldAsWhatItIs) {
  const ConfigReport report =
      ReadText(WithKey("exporters.loadbalancing.sending_queue.queue_size", "7") +
               "extensions: {zpages: }\nservice: {telemetry: {logs: {sampling: {}}}}\n");
  ASSERT_TRUE(report.config) << Texts(report.faults);
  EXPECT_THAT(report.in_force,
              AllOf(HasSubstr("# sending_queue: done otherwise: there is no queue"),
                    HasSubstr("# zpages: done otherwise: "), HasSubstr("# sampling: no effect: "),
                    HasSubstr("endpoint: localhost:4317  # default\n"),
                    HasSubstr("hostname: otelcol-backend\n"), HasSubstr("port: \"4317\"\n")));
}

// Scenario: a file with a fault.
// Guarantees: nothing is told as being in force.
TEST(ConfigInForceTest, AFaultyFileIsNotInForce) {
  EXPECT_EQ(ReadText("exporters: 7\n").in_force, "");
}

}  // namespace
}  // namespace router
