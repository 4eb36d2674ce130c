// Keys that are wrong only beside one another. Bounds are in config_hints_test.cc.
#include "router/app/config_consistency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/app/config_text.h"

namespace router {
namespace {

using testing::HasSubstr;

std::string FaultsOf(const std::string& added) {
  return Texts(ReadText(std::string(kMinimal) + added).faults);
}

// Scenario: two listeners on one address: both in the file, one by default, two defaults moved onto
// each other, in other letters, one of them on every address.
// Guarantees: one fault that names both keys, at the line of one that the file has.
TEST(ConfigConsistencyTest, TwoListenersCannotHaveOneAddress) {
  EXPECT_EQ(FaultsOf("receivers:\n"
                     "  otlp/a.b:\n"
                     "    protocols:\n"
                     "      grpc: {endpoint: 'a:1'}\n"
                     "      http: {endpoint: 'A:1'}\n"),
            "f.yaml:15: receivers.otlp/a.b.protocols.http.endpoint: the address and port of "
            "receivers.otlp/a.b.protocols.grpc.endpoint (each needs its own; give one of them "
            "another port)\n");
  EXPECT_EQ(FaultsOf("extensions: {health_check: {endpoint: '0.0.0.0:8888'}}\n"),
            "f.yaml:11: extensions.health_check.endpoint: the address and port of "
            "service.telemetry.metrics.readers[0].pull.exporter.prometheus, localhost:8888 by "
            "default (each needs its own; give one of them another port)\n");
  EXPECT_THAT(FaultsOf("service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: "
                       "{port: 4318}}}}]}}}\n"),
              HasSubstr("readers[0].pull.exporter.prometheus: the address and port of "
                        "receivers.otlp.protocols.http.endpoint, localhost:4318 by default"));
  EXPECT_THAT(FaultsOf("spanring: {admin: {endpoint: ':13133'}}\n"),
              HasSubstr("spanring.admin.endpoint: the address and port of "
                        "extensions.health_check.endpoint, localhost:13133 by default"));
}

// Scenario: any free port twice, one port on two addresses and of both families, an address of
// something that is switched off, that of the status page which the file does not ask for.
// Guarantees: no fault.
TEST(ConfigConsistencyTest, ListenersThatDoNotMeetAreLeftAlone) {
  const auto receivers = [](const std::string& grpc, const std::string& http) {
    return "receivers: {otlp: {protocols: {grpc: {endpoint: '" + grpc + "'}, http: {endpoint: '" +
           http + "'}}}}\n";
  };
  EXPECT_EQ(FaultsOf(receivers("localhost:0", "localhost:0")), "");
  EXPECT_EQ(FaultsOf(receivers("10.0.0.1:1", "10.0.0.2:1")), "");
  EXPECT_EQ(FaultsOf(receivers("0.0.0.0:1", "[::1]:1")), "");
  EXPECT_EQ(FaultsOf("receivers: {otlp: {protocols: {grpc: {endpoint: 'localhost:4318'}}}}\n"), "");
  EXPECT_EQ(FaultsOf("service: {telemetry: {metrics: {level: none}}}\n"
                     "extensions: {health_check: {endpoint: 'localhost:8888'}}\n"),
            "");
  EXPECT_EQ(FaultsOf("extensions: {health_check: {endpoint: 'localhost:13134'}}\n"), "");
}

// Scenario: an address that is none, and would be another listener's if it were the default.
// Guarantees: one fault, about that.
TEST(ConfigConsistencyTest, AFaultyAddressIsOneFault) {
  EXPECT_EQ(FaultsOf("receivers: {otlp: {protocols: {grpc: {endpoint: x}, "
                     "http: {endpoint: 'localhost:4317'}}}}\n"),
            "f.yaml:11: receivers.otlp.protocols.grpc.endpoint: expected host:port (the value is "
            "x)\n");
}

}  // namespace
}  // namespace router
