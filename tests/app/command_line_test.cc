// The real program as a process: what it prints, how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/dns_server.h"
#include "tests/support/http_get.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace router::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr seconds kPatience{60};

class CommandLineTest : public testing::Test {
 protected:
  std::unique_ptr<Process> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SPANRING_BINARY);
    auto process = Process::Start({.command = std::move(arguments)});
    EXPECT_TRUE(process.has_value());
    return process ? std::move(*process) : nullptr;
  }
  // The last lines may be on their way when the exit code is known.
  static void AwaitEndOfOutput(Process& process) {
    EXPECT_FALSE(process.WaitForLine("a line that nobody prints", kPatience).has_value());
  }
  struct Ended {
    int exit_code = -1000;
    std::string output;
  };
  Ended Run(std::vector<std::string> arguments) {
    const auto process = Start(std::move(arguments));
    const auto code = process->WaitForExit(kPatience);
    EXPECT_TRUE(code.has_value()) << "still runs: " << process->Output();
    AwaitEndOfOutput(*process);
    return {code.value_or(-1000), process->Output()};
  }
  std::string Write(const std::string& name, const std::string& text) {
    return scratch_.Write(name, text)->string();
  }
  // A router on free ports of 127.0.0.1, with a static list of a backend that is not there.
  std::string Config(const std::string& more = "") {
    const auto ports = *PickFreePorts(4);
    otlp_ = ports[0];
    health_ = ports[1];
    metrics_ = ports[2];
    const auto local = [](std::uint16_t port) {
      return "\"127.0.0.1:" + std::to_string(port) + "\"";
    };
    return "receivers: {otlp: {protocols: {grpc: {endpoint: " + local(otlp_) + "}}}}\n" +
           "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, resolver: "
           "{static: "
           "{hostnames: [" +
           local(ports[3]) + "]}}}}\n" + "extensions: {health_check: {endpoint: " + local(health_) +
           "}}\n" +
           "service:\n  extensions: [health_check]\n"
           "  pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}\n"
           "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, "
           "port: " +
           std::to_string(metrics_) + "}}}}]}}\n" + more;
  }
  // Starts a router and waits until it serves.
  std::unique_ptr<Process> Serve(const std::string& more) {
    auto process = Start({"--config", Write("serve.yaml", Config(more))});
    EXPECT_TRUE(process->WaitForLine("workers:", kPatience)) << process->Output();
    return process;
  }
  int HealthStatus(const std::string& path) {
    const auto reply = HttpGet("127.0.0.1", health_, path, seconds(10));
    return reply ? reply->status : 0;
  }

  ScratchDirectory scratch_;
  std::uint16_t otlp_ = 0;
  std::uint16_t health_ = 0;
  std::uint16_t metrics_ = 0;
};

std::string SourceFile(const std::string& path) {
  std::ifstream file(std::string(SPANRING_SOURCE_DIR "/") + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// ---- arguments ---------------------------------------------------------------------------------

// Scenario: --version; --help.
// Guarantees: name and version, exit code 0.
TEST_F(CommandLineTest, VersionAndHelp) {
  const Ended version = Run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.output, testing::MatchesRegex("spanring [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  const Ended help = Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, AllOf(HasSubstr("--config"), HasSubstr("validate"), HasSubstr("owner")));
}

// Scenario: no arguments; an unknown one; a file that is not there.
// Guarantees: over 100 for the command line, 1 for the file, and a message that says what is
// needed.
TEST_F(CommandLineTest, UnusableArgumentsAreExplained) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"validate", "--config", ""}, {"--config", ""}}) {
    const Ended none = Run(arguments);
    EXPECT_GT(none.exit_code, 100);
    EXPECT_THAT(none.output, HasSubstr("--config"));
  }
  EXPECT_GT(Run({"--nonsense"}).exit_code, 100);
  const Ended missing = Run({"--config", "/nonexistent/spanring.yaml"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.output, HasSubstr("/nonexistent/spanring.yaml"));
}

// ---- validate ----------------------------------------------------------------------------------

// Scenario: every example file, the smallest of the documentation among them.
// Guarantees: valid as they are, exit code 0.
TEST_F(CommandLineTest, ValidateTakesTheExamples) {
  for (const char* name :
       {"minimal.yaml", "static.yaml", "tls.yaml", "kubernetes.yaml", "full.yaml"}) {
    const std::string path = std::string(SPANRING_SOURCE_DIR "/examples/") + name;
    const Ended ended = Run({"validate", "--config", path});
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("valid")) << name;
  }
}

// Scenario: a file with three faults on three lines.
// Guarantees: all are listed with file, line and key; exit code 1; the same when serving.
TEST_F(CommandLineTest, EveryFaultIsListed) {
  const std::string path = Write("bad.yaml",
                                 "exporters:\n"
                                 "  loadbalancing:\n"
                                 "    protocol: {otlp: {tls: {insecure: true}}}\n"
                                 "    resolver:\n"
                                 "      dns:\n"
                                 "        hostname: backend\n"
                                 "        port: 99999\n"
                                 "        interval: soon\n"
                                 "spanring:\n"
                                 "  wrokers: 2\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"validate", "--config", path}, {"--config", path}}) {
    const Ended ended = Run(arguments);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.output,
                AllOf(HasSubstr("bad.yaml:7"), HasSubstr("port"), HasSubstr("bad.yaml:8"),
                      HasSubstr("interval"), HasSubstr("bad.yaml:10"), HasSubstr("wrokers")));
  }
}

// Scenario: print-config of a file with a header and without a ring; of a file with a fault.
// Guarantees: YAML with the ring's default and without the header's value; all faults, exit code 1.
TEST_F(CommandLineTest, PrintConfigTellsWhatIsInForce) {
  const std::string path =
      Write("told.yaml",
            "exporters: {loadbalancing: {protocol: {otlp: {headers: {x-key: s3cret}, tls: "
            "{insecure: true}}}, resolver: {static: {hostnames: [a]}}}}\n");
  const Ended ended = Run({"print-config", "--config", path});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.output,
              AllOf(HasSubstr("algorithm: spanring  # default"), HasSubstr("hostnames: [a]"),
                    HasSubstr("x-key: <redacted>"), Not(HasSubstr("s3cret"))));
  const Ended faulty = Run({"print-config", "--config", Write("bad.yaml", "spanring: {x: 1}\n")});
  EXPECT_EQ(faulty.exit_code, 1);
  EXPECT_THAT(faulty.output, AllOf(HasSubstr("bad.yaml:1: spanring.x"), Not(HasSubstr("# "))));
}

// ---- owner -------------------------------------------------------------------------------------

// Scenario: `owner` of two traces over a static list, twice; the same list in another order.
// Guarantees: the same owners and the same fingerprint each time: a pure function of the set.
TEST_F(CommandLineTest, OwnerIsDeterministic) {
  const auto config = [&](const std::string& name, const std::string& hosts) {
    return Write(name,
                 "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, resolver: "
                 "{static: {hostnames: [" +
                     hosts + "]}}}}\n");
  };
  const std::string one = config("one.yaml", "'10.0.0.1:4317', '10.0.0.2:4317', '10.0.0.3:4317'");
  const std::string other =
      config("other.yaml", "'10.0.0.3:4317', '10.0.0.1:4317', '10.0.0.2:4317'");
  const std::vector<std::string> ids = {"0123456789abcdef0123456789abcdef",
                                        "00000000000000000000000000000001"};
  const Ended first = Run({"owner", "--config", one, ids[0], ids[1]});
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_THAT(first.output, testing::ContainsRegex(ids[0] + " 10\\.0\\.0\\.[123]:4317\n" + ids[1] +
                                                   " 10\\.0\\.0\\.[123]:4317\nring [0-9a-f]{16} "));
  EXPECT_EQ(Run({"owner", "--config", one, ids[0], ids[1]}).output, first.output);
  EXPECT_EQ(Run({"owner", "--config", other, ids[0], ids[1]}).output, first.output);
}

// Scenario: IDs of 31 digits and with a letter that is no digit.
// Guarantees: exit code 1 and the ID that is wrong.
TEST_F(CommandLineTest, OwnerRefusesWhatIsNoTraceId) {
  const std::string path = Write("one.yaml", Config());
  for (const char* id : {"0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdeg"}) {
    const Ended ended = Run({"owner", "--config", path, id});
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.output, AllOf(HasSubstr(id), HasSubstr("32 hex digits")));
  }
}

// Scenario: one backend listed in two spellings.
// Guarantees: `owner` ends; the backend counts once.
TEST_F(CommandLineTest, OwnerEndsForABackendListedTwice) {
  const std::string path =
      Write("twice.yaml",
            "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, "
            "resolver: {static: {hostnames: ['10.0.0.1:4317', '10.0.0.1']}}}}\n");
  const auto process = Start({"owner", "--config", path, std::string(32, '1')});
  const auto code = process->WaitForExit(seconds(20));
  ASSERT_TRUE(code.has_value()) << "it waits for ever";
  AwaitEndOfOutput(*process);
  EXPECT_EQ(*code, 0);
  EXPECT_THAT(process->Output(), HasSubstr(" 1 backends"));
}

// Scenario: a list of an address, a name that resolves and two that do not; then with none of these
// two.
// Guarantees: each of the two is named with its reason, and the exit code is 1; then 0 and no such
// word.
TEST_F(CommandLineTest, OwnerNamesWhatDoesNotResolve) {
  dnstest::DnsServer dns;
  dns.SetAll({{"here", dnstest::Addresses({"10.0.0.2"})},
              {"broken", dnstest::InMode(dnstest::Mode::kServFail)}});
  const auto run = [&](const std::string& more) {
    const std::string path =
        Write("names.yaml",
              "exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, resolver: "
              "{static: {hostnames: ['10.0.0.1:4317', 'here:4317'" +
                  more + "]}}}}\nspanring: {dns: {servers: ['" + dns.address() + "']}}\n");
    return Run({"owner", "--config", path, std::string(32, '1')});
  };
  const Ended some = run(", 'gone:4317', 'broken:4317'");
  EXPECT_EQ(some.exit_code, 1);
  EXPECT_THAT(
      some.output,
      AllOf(HasSubstr("gone: not resolved: nxdomain"), HasSubstr("broken: not resolved: servfail"),
            HasSubstr("without the backends of 2 names"), HasSubstr(" 2 backends")));
  const Ended all = run("");
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.output, AllOf(HasSubstr(" 2 backends"), Not(HasSubstr("resolve"))));
}

// ---- serving -----------------------------------------------------------------------------------

// Scenario: the smallest example with other ports, then SIGTERM.
// Guarantees: it runs; draining is said, the ledger line comes last, exit code 0.
TEST_F(CommandLineTest, SigtermDrainsAndPrintsTheLedger) {
  const auto process = Serve("spanring: {drain: {delay: 300ms, timeout: 5s}}\n");
  EXPECT_EQ(HealthStatus("/"), 200);
  EXPECT_EQ(HealthStatus("/livez"), 200);
  EXPECT_EQ(HealthStatus("/readyz"), 503) << "no backend yet";
  process->Terminate();
  EXPECT_TRUE(process->WaitForLine("draining: not ready", kPatience));
  EXPECT_EQ(process->WaitForExit(kPatience), 0);
  AwaitEndOfOutput(*process);
  EXPECT_THAT(process->LastLines(1),
              testing::ElementsAre(HasSubstr(
                  "spans: received 0 = forwarded 0 + suppressed 0 + rejected 0 + refused 0 + "
                  "cancelled 0 + in flight 0")));
}

// Scenario: SIGTERM while a client is connected that has never said a word.
// Guarantees: FM-33: it is let go, exit code 0 (it once took the process with it).
TEST_F(CommandLineTest, SilentConnectionDoesNotDisturbTheDrain) {
  const auto process = Serve("spanring: {drain: {delay: 0s, timeout: 30s}}\n");
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket silent(io);
  silent.connect({boost::asio::ip::address_v4::loopback(), otlp_});
  const auto has_connection = [&] {
    const auto page = HttpGet("127.0.0.1", metrics_, "/metrics", seconds(10));
    return page && SumOf(ParsePrometheus(page->body), "spanring_client_connections") == 1;
  };
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!has_connection() && std::chrono::steady_clock::now() < until) {
  }
  process->Terminate();
  EXPECT_EQ(process->WaitForExit(kPatience), 0);
}

// Scenario: a drain delay of a minute; a second SIGTERM.
// Guarantees: FM-34: it does not wait; exit code 0.
TEST_F(CommandLineTest, ASecondSigtermHurries) {
  const auto process = Serve("spanring: {drain: {delay: 60s, timeout: 5s}}\n");
  process->Terminate();
  ASSERT_TRUE(process->WaitForLine("draining: not ready", kPatience));
  EXPECT_EQ(HealthStatus("/"), 503);
  EXPECT_FALSE(process->HasExited());
  process->Signal(SIGINT);
  EXPECT_EQ(process->WaitForExit(seconds(30)), 0);
}

// Scenario: SIGHUP with the file as it was, then SIGUSR1, while serving.
// Guarantees: nothing has changed, and it says so; a stray signal neither ends it nor makes it
// deaf.
TEST_F(CommandLineTest, OtherSignalsChangeNothing) {
  const auto process = Serve("spanring: {drain: {delay: 0s, timeout: 5s}}\n");
  process->Signal(SIGHUP);
  EXPECT_TRUE(process->WaitForLine("reload: nothing has changed", kPatience));
  EXPECT_EQ(HealthStatus("/livez"), 200);
  process->Signal(SIGUSR1);
  EXPECT_EQ(HealthStatus("/livez"), 200);
  process->Signal(SIGHUP);
  EXPECT_FALSE(process->HasExited());
  process->Terminate();
  EXPECT_EQ(process->WaitForExit(kPatience), 0);
}

// Scenario: the ports of a router that runs already.
// Guarantees: exit code 1, naming which port and why.
TEST_F(CommandLineTest, APortInUseIsSaid) {
  const auto first = Serve("");
  const Ended second = Run({"--config", scratch_.path() / "serve.yaml"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.output, AllOf(HasSubstr("OTLP receiver"), HasSubstr(std::to_string(otlp_)),
                                   HasSubstr("in use")));
}

// Scenario: port 0 for metrics, and the default port of the status page in use.
// Guarantees: the line of the start names the port that the kernel chose, and no status page.
TEST_F(CommandLineTest, TheStartSaysWhatIsOpen) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor page(io, boost::asio::ip::tcp::v4());
  boost::system::error_code in_use;  // also good: somebody else has it
  page.bind({boost::asio::ip::address_v4::loopback(), 13134}, in_use);
  if (!in_use) page.listen();
  std::string text = Config();
  const std::string port = "port: " + std::to_string(metrics_);
  text.replace(text.find(port), port.size(), "port: 0");
  const auto process = Start({"--config", Write("zero.yaml", text)});
  const auto line = process->WaitForLine("workers:", kPatience);
  ASSERT_TRUE(line) << process->Output();
  EXPECT_THAT(process->Output(), HasSubstr("there is no status page"));
  EXPECT_THAT(*line, HasSubstr("status page off"));
  constexpr std::string_view kMetrics = "metrics 127.0.0.1:";
  const std::size_t at = line->find(kMetrics);
  ASSERT_NE(at, std::string::npos) << *line;
  const auto taken = static_cast<std::uint16_t>(std::stoi(line->substr(at + kMetrics.size())));
  const auto reply = HttpGet("127.0.0.1", taken, "/metrics", seconds(10));
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
}

// Scenario: the smallest example, word for word, with its three ports moved by further sections
// only.
// Guarantees: it runs unmodified otherwise, whether its backend's name resolves or not.
TEST_F(CommandLineTest, TheSmallestExampleRuns) {
  const std::string minimal = SourceFile("examples/minimal.yaml");
  ASSERT_THAT(minimal, HasSubstr("loadbalancing"));
  std::string others = Config();
  const std::size_t begin = others.find("exporters:");
  others.erase(begin, others.find('\n', begin) + 1 - begin);
  const auto process = Start(
      {"--config", Write("minimal.yaml", minimal + others + "spanring: {drain: {delay: 0s}}\n")});
  ASSERT_TRUE(process->WaitForLine("workers:", kPatience)) << process->Output();
  EXPECT_EQ(HealthStatus("/"), 200);
  process->Terminate();
  EXPECT_EQ(process->WaitForExit(kPatience), 0);
}

}  // namespace
}  // namespace router::test
