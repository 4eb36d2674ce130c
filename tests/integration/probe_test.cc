// `spanring probe` as a process, against a router with backends behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/integration/router_test_fixture.h"
#include "tests/support/test_ca.h"

namespace router::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr seconds kPatience{60};

struct Ended {
  int exit_code = -1000;
  std::string output;
};

Ended RunProbe(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {SPANRING_BINARY, "probe"});
  auto process = Process::Start({.command = std::move(arguments)});
  if (!process) return {};
  const auto code = (*process)->WaitForExit(kPatience);
  (*process)->WaitForLine("a line that nobody prints", kPatience);  // the end of its output
  return {code.value_or(-1000), (*process)->Output()};
}

class ProbeTest : public RouterTest {
 protected:
  static Ended Probe() { return RunProbe({"--endpoint", router().endpoint()}); }
};

// Scenario: a probe through a router that works.
// Guarantees: exit code 0, the trace ID is told, and exactly one span of it is at a backend.
TEST_F(ProbeTest, AnAcknowledgedSpanIsAtABackend) {
  const Ended ended = Probe();
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_THAT(ended.output, AllOf(HasSubstr("acknowledged by 127.0.0.1:"), HasSubstr("plaintext")));
  EXPECT_EQ(RequestsAtBackends(), 1u);
  EXPECT_EQ(LedgerOfBackends().distinct(), 1u);
}

// Scenario: two probes.
// Guarantees: two trace IDs: each proves a way of its own.
TEST_F(ProbeTest, EachProbeIsATraceOfItsOwn) {
  EXPECT_EQ(Probe().exit_code, 0);
  EXPECT_EQ(Probe().exit_code, 0);
  EXPECT_EQ(LedgerOfBackends().distinct(), 2u);
}

// Scenario: every backend refuses for good; one, asked without a router, leaves the span out.
// Guarantees: exit code 1 with the code and the backend's own words, on one line and in print.
TEST_F(ProbeTest, ARefusedSpanIsAFailure) {
  AllAnswer({.code = grpc::INVALID_ARGUMENT, .message = "not this one"});
  Ended ended = Probe();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.output, AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("not this one")));
  AllAnswer({.rejected_spans = 1, .warning = "over quota\x1b[31m\nof yours"});
  ended = RunProbe({"--endpoint", backend(0).endpoint()});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.output,
              AllOf(HasSubstr("rejected"), HasSubstr("over quota"), HasSubstr("of yours"),
                    Not(HasSubstr("\x1b")), Not(HasSubstr("\nof"))));
}

// Scenario: nobody listens; the port speaks another protocol; the readiness URL never says 200.
// Guarantees: exit code 1, and what was wrong in each case.
TEST_F(ProbeTest, WhatWentWrongIsSaid) {
  const std::string closed = "127.0.0.1:" + std::to_string(PickFreePorts(1)->front());
  EXPECT_THAT(RunProbe({"--endpoint", closed}).output, HasSubstr("Connection refused"));
  const std::string http = "127.0.0.1:" + std::to_string(router().http_port());
  const Ended not_found =
      RunProbe({"--endpoint", http, "--readyz", "http://" + http + "/nowhere", "--timeout", "1s"});
  EXPECT_EQ(not_found.exit_code, 1);
  EXPECT_THAT(not_found.output, AllOf(HasSubstr("not ready"), HasSubstr("404")));
  const Ended gone = RunProbe({"--readyz", "http://" + closed + "/readyz", "--timeout", "1s"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.output, AllOf(HasSubstr("not ready"), HasSubstr("Connection refused")));
}

// Scenario: arguments that cannot be meant.
// Guarantees: refused with the argument's name; nothing is sent.
TEST_F(ProbeTest, UnusableArgumentsAreExplained) {
  EXPECT_THAT(RunProbe({"--endpoint", "a:b:c:d"}).output, HasSubstr("--endpoint a:b:c:d"));
  EXPECT_THAT(RunProbe({"--header", "no value"}).output, HasSubstr("NAME=VALUE"));
  EXPECT_THAT(RunProbe({"--timeout", "10"}).output, HasSubstr("--timeout"));
  const Ended two_lines = RunProbe({"--header", "a=b\nc: d"});
  EXPECT_EQ(two_lines.exit_code, 1);
  EXPECT_THAT(two_lines.output, AllOf(HasSubstr("--header a=…"), HasSubstr("one line")));
  const Ended key_alone =
      RunProbe({"--endpoint", router().endpoint(), "--tls-key", "/nonexistent/key.pem"});
  EXPECT_EQ(key_alone.exit_code, 1);
  EXPECT_THAT(key_alone.output, AllOf(HasSubstr("--tls-key"), HasSubstr("--tls-cert")));
  EXPECT_THAT(RunProbe({"--readyz", "https://127.0.0.1/readyz", "--timeout", "1s"}).output,
              AllOf(HasSubstr("--readyz https://127.0.0.1/readyz: not a URL that begins with http"),
                    Not(HasSubstr("not ready"))));
  EXPECT_THAT(RunProbe({"--tls-ca", "/nonexistent/ca.pem"}).output,
              HasSubstr("/nonexistent/ca.pem"));
  EXPECT_EQ(RequestsAtBackends(), 0u);
}

// Scenario: a router that speaks TLS and wants a bearer token: with both, without the token,
// without the authority, in plaintext.
// Guarantees: acknowledged over TLS only with both; the others are told apart.
TEST(ProbeTlsTest, AuthorityAndCredentialsArePresented) {
  const TestCa ca;
  const TestCertificate server = ca.Sign({.names = {"localhost"}, .addresses = {"127.0.0.1"}});
  ScratchDirectory files;
  const std::string ca_file = files.Write("ca.pem", ca.pem())->string();
  const std::string cert = files.Write("cert.pem", server.cert_pem)->string();
  const std::string key = files.Write("key.pem", server.key_pem)->string();
  const auto backend = *GrpcBackend::Start({});
  RunningRouter router({.backends = {backend->endpoint()},
                        .grpc_settings = "tls: {cert_file: " + cert + ", key_file: " + key +
                                         "}, auth: {authenticator: bearertokenauth}",
                        .extension = "bearertokenauth: {token: open-sesame}"});
  const std::string endpoint = router.endpoint();
  const std::string header = "Authorization=Bearer open-sesame";
  const Ended good = RunProbe({"--endpoint", endpoint, "--tls-ca", ca_file, "--header", header});
  EXPECT_EQ(good.exit_code, 0) << good.output;
  EXPECT_THAT(good.output, HasSubstr("TLS"));
  const Ended unknown = RunProbe({"--endpoint", endpoint, "--tls-ca", ca_file});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.output, HasSubstr("UNAUTHENTICATED"));
  const Ended stranger = RunProbe({"--endpoint", endpoint, "--tls", "--header", header});
  EXPECT_EQ(stranger.exit_code, 1);
  EXPECT_THAT(stranger.output, AllOf(HasSubstr("TLS"), HasSubstr("signed by")));
  EXPECT_EQ(RunProbe({"--endpoint", endpoint, "--header", header, "--timeout", "2s"}).exit_code, 1);
  EXPECT_EQ(backend->request_count(), 1u);
}

}  // namespace
}  // namespace router::test
