// What messages about a file say to do, beyond what is wrong; word for word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "router/app/config_reader.h"
#include "tests/app/config_text.h"

namespace router {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string FaultsOf(std::string_view text, const std::map<std::string, std::string>& env = {}) {
  return Texts(ReadText(text, env).faults);
}

std::string WarningsOf(std::string_view text) {
  const ConfigReport report = ReadText(text);
  EXPECT_EQ(Texts(report.faults), "");
  return Texts(report.warnings);
}

// Scenario: a listener on `${env:MY_POD_IP}` where that is not set, as on a laptop; then it is.
// Guarantees: the refusal says how to set that very variable for the check, and so it passes.
TEST(ConfigHintsTest, UnsetHostOfAListenerSaysHowToSetIt) {
  constexpr std::string_view kKey = "receivers.otlp.protocols.grpc.endpoint";
  for (const char* reference : {"${env:MY_POD_IP}", "${MY_POD_IP}"}) {
    const std::string text = WithKey(kKey, "'" + std::string(reference) + ":4317'");
    EXPECT_EQ(FaultsOf(text),
              "f.yaml:11: receivers.otlp.protocols.grpc.endpoint: the variable is not set, and "
              "without a host every address would be served; set it, for a check too: "
              "MY_POD_IP=127.0.0.1 spanring validate … (the value is " +
                  std::string(reference) + ":4317)\n");
    EXPECT_EQ(FaultsOf(text, {{"MY_POD_IP", "127.0.0.1"}}), "");
  }
  EXPECT_THAT(FaultsOf(WithKey(kKey, "'127.0.0.1:${env:PORT}'")), Not(HasSubstr("for a check")));
}

// Scenario: a pipeline with components that spanring does not have, two pipelines, and a provider
// other than the environment.
// Guarantees: each refusal says what to do instead.
TEST(ConfigHintsTest, RefusalsOfPipelinesAndProvidersSayWhatToDo) {
  const auto with_pipelines = [](std::string_view pipelines) {
    return FaultsOf(std::string(kMinimal) + "receivers: {otlp: }\nservice: {pipelines: {" +
                    std::string(pipelines) + "}}\n");
  };
  EXPECT_THAT(with_pipelines("traces: {receivers: [zipkin], exporters: [loadbalancing]}"),
              HasSubstr("zipkin: only the otlp receiver can be in the pipeline (take it out; a "
                        "collector can take it in and send OTLP here)"));
  EXPECT_THAT(with_pipelines("traces: {receivers: [otlp], exporters: [debug]}"),
              HasSubstr("debug: only the loadbalancing exporter can be in the pipeline (take it "
                        "out, or put it into the collectors behind spanring)"));
  EXPECT_THAT(with_pipelines("traces: {receivers: [otlp], exporters: [loadbalancing]}, "
                             "traces/2: {receivers: [otlp], exporters: [loadbalancing]}"),
              HasSubstr("service.pipelines.traces/2: not supported yet: more than one traces "
                        "pipeline (keep one; run a second spanring for the other)"));
  EXPECT_THAT(FaultsOf(WithKey("spanring.workers", "'${file:/etc/workers}'")),
              HasSubstr("${file:/etc/workers}: not supported yet: only environment variables, "
                        "${env:NAME}, can be referred to (give a variable what the file holds: "
                        "NAME=\"$(cat FILE)\")"));
}

// Scenario: one of two keys that go together is moved past the default of the other; both are
// there. Guarantees: the fault stands at a key of the file, and tells the default that it meets.
TEST(ConfigHintsTest, BoundsInTheWrongOrderNameTheKeyThatIsThere) {
  EXPECT_EQ(
      FaultsOf(WithKey("spanring.request.timeout_max", "5s")),
      "f.yaml:11: spanring.request.timeout_max: must not be shorter than "
      "spanring.request.default_timeout, 8s by default (set spanring.request.default_timeout, "
      "too)\n");
  EXPECT_EQ(FaultsOf(WithKey("spanring.backend.pending_bytes_max", "1MiB")),
            "f.yaml:11: spanring.backend.pending_bytes_max: must not be smaller than "
            "spanring.backend.max_request_bytes, 4032KiB by default (set "
            "spanring.backend.max_request_bytes, too)\n");
  EXPECT_EQ(FaultsOf(WithKey("spanring.request.default_timeout", "11s")),
            "f.yaml:11: spanring.request.default_timeout: must not be longer than "
            "spanring.request.timeout_max, 10s by default (set spanring.request.timeout_max, "
            "too)\n");
  EXPECT_EQ(FaultsOf(WithKey("spanring.request", "{timeout_max: 5s, default_timeout: 6s}")),
            "f.yaml:11: spanring.request.default_timeout: must not be longer than "
            "spanring.request.timeout_max\n");
}

// Scenario: a tab in the indentation, alone and after spaces; one where YAML allows it.
// Guarantees: the message says that it is a tab, at its column.
TEST(ConfigHintsTest, ATabInTheIndentationIsCalledOne) {
  constexpr std::string_view kTab =
      "not valid YAML: a tab in the indentation; write spaces instead\n";
  EXPECT_EQ(FaultsOf("exporters:\n\tx: 1\n"), "f.yaml:2:1: " + std::string(kTab));
  EXPECT_EQ(FaultsOf("a: 1\nexporters:\n  \tx: 1\n"), "f.yaml:3:3: " + std::string(kTab));
  EXPECT_EQ(FaultsOf(std::string(kMinimal) + "spanring: {workers:\t1}\n"), "");
}

// Scenario: an attempt's timeout beyond, at and below 40 % of the longest time a request has; the
// default of the Collector written out; none at all; a longer request.
// Guarantees: only what could never be reached gives a warning, which names the keys that give
// more.
TEST(ConfigHintsTest, TimeoutThatNoAttemptReachesIsAWarning) {
  const auto with_timeout = [](std::string_view value, std::string_view request = "{}") {
    return WarningsOf(WithKey("exporters.loadbalancing.protocol.otlp.timeout", value) +
                      "spanring: {request: " + std::string(request) + "}\n");
  };
  EXPECT_EQ(with_timeout("30s"),
            "f.yaml:5: exporters.loadbalancing.protocol.otlp.timeout: done otherwise here (an "
            "attempt gets 40 % of the time its request has left, and that is at most "
            "spanring.request.timeout_max, 10s by default; for more raise that key and "
            "spanring.request.default_timeout)\n");
  EXPECT_THAT(with_timeout("4001ms"), HasSubstr("done otherwise here"));
  EXPECT_EQ(with_timeout("4s"), "");
  EXPECT_EQ(with_timeout("5s"), "");
  EXPECT_EQ(with_timeout("0s"), "");
  EXPECT_EQ(with_timeout("20s", "{timeout_max: 50s}"), "");
  EXPECT_THAT(with_timeout("20s", "{timeout_max: 49s}"), HasSubstr("done otherwise here"));
}

}  // namespace
}  // namespace router
