// Bad input against a running spanring. Beside each attack a well-behaved client sends spans that a
// verifying sink counts one by one: whatever the attacker does, that client loses nothing, spanring
// lives, and its memory stays within the bound. Each test prints one line of what was seen.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <regex>

#include "bench/load/random.h"
#include "bench/load/request_encoder.h"
#include "tests/abuse/attack.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace bench {
namespace {

using router::test::Process;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kStartDeadline = seconds(20);
constexpr milliseconds kAnswerDeadline = seconds(30);
// The bound of a request is 64 MiB; an attack may cost that and a fifth more.
constexpr std::uint64_t kRiseKibMax = 64 * 1024 * 12 / 10;
constexpr std::size_t kCrowd = 10'000;

std::string Program(const char* variable, const char* built) {
  const char* given = std::getenv(variable);
  return given != nullptr ? given : built;
}

// The number after "key": in a line of JSON, -1 if it is not there.
long long Number(const std::string& json, const std::string& key) {
  std::smatch match;
  const std::regex pattern("\"" + key + "\": (\\d+)");
  return std::regex_search(json, match, pattern) ? std::stoll(match[1]) : -1;
}

Body ValidRequest(std::uint32_t spans) {
  RequestEncoder encoder(5);
  // Far from the numbers of the well-behaved client.
  TraceMix mix({.seed = 6, .first_trace_number = 1'000'000, .active_traces = 9});
  Body body;
  encoder.Encode(spans, 1, mix, body);
  return body;
}

class AbuseTest : public testing::Test {
 protected:
  void SetUp() override {
    RaiseLimits();
    StartSink();
    StartSpanring();
    client_ =
        Start({Program("LOAD_GENERATOR_BINARY", LOAD_GENERATOR_BINARY),
               "127.0.0.1:" + std::to_string(port_), "--fresh", "--spans", "100", "--connections",
               "2", "--in-flight", "2", "--rate", "100", "--seconds", "600"});
    ASSERT_NE(client_, nullptr);
    ASSERT_TRUE(GoodClientGoesOn()) << spanring_->Output();
    rss_before_ = ResidentKib(spanring_->pid());
    ResetPeak(spanring_->pid());
  }

  void TearDown() override {
    if (client_ == nullptr) return;
    ASSERT_FALSE(spanring_->HasExited()) << "spanring ended:\n" << spanring_->Output();
    EXPECT_TRUE(GoodClientGoesOn()) << "the well-behaved client is not served any more";
    const std::uint64_t peak = PeakKib(spanring_->pid());
    const std::uint64_t rise = peak > rss_before_ ? peak - rss_before_ : 0;
    client_->Terminate();
    const auto code = client_->WaitForExit(kAnswerDeadline);
    const std::string said = client_->WaitForLine("{", kAnswerDeadline).value_or("nothing");
    EXPECT_EQ(code, 0) << "the well-behaved client said: " << said;
    EXPECT_GT(Number(said, "ok"), 0);
    const std::string arrived = ReadAll(control_port_, kAnswerDeadline);
    EXPECT_EQ(Number(arrived, "distinct"), Number(said, "spans_acknowledged"));
    EXPECT_EQ(Number(arrived, "duplicates"), 0) << arrived;
    EXPECT_EQ(Number(arrived, "misplaced_traces"), 0) << arrived;
    std::printf(
        "[  REPORT  ] %s | RSS rise %.1f MiB | good client: %lld requests ok, p99 %lld us\n",
        report_.c_str(), static_cast<double>(rise) / 1024, Number(said, "ok"),
        Number(said, "p99_us"));
    if (SPANRING_SANITIZED == 0) {
      EXPECT_LE(rise, kRiseKibMax);
    }
  }

  // Waits until so many more spans of the well-behaved client have arrived.
  bool GoodClientGoesOn() {
    constexpr long long kMore = 2000;
    const auto end = std::chrono::steady_clock::now() + kAnswerDeadline;
    const long long before = Number(ReadAll(control_port_, kAnswerDeadline), "distinct");
    while (std::chrono::steady_clock::now() < end && !client_->HasExited()) {
      if (Number(ReadAll(control_port_, kAnswerDeadline), "distinct") >= before + kMore)
        return true;
      client_->WaitForExit(milliseconds(20));
    }
    return false;
  }

  LoadResults Send(const LoadConnection::Options& options, const std::vector<Body>& bodies) {
    LoadResults results = SendBodies(port_, options, bodies, kAnswerDeadline);
    report_ += (report_.empty() ? "" : "; ") + Describe(results);
    return results;
  }

  // Every one of `bodies` is answered with `code` and nothing else.
  void ExpectAll(const LoadConnection::Options& options, const std::vector<Body>& bodies,
                 const std::string& code) {
    const LoadResults results = Send(options, bodies);
    const auto found = results.errors.find(code);
    EXPECT_TRUE(results.errors.size() == 1 && found != results.errors.end() &&
                found->second == bodies.size() && results.ok == 0)
        << "expected " << code << " x " << bodies.size() << ", got " << Describe(results);
  }

  std::unique_ptr<Process> Start(std::vector<std::string> command) {
    auto started = Process::Start({.command = std::move(command)});
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message);
    return started ? std::move(*started) : nullptr;
  }

  std::uint16_t port_ = 0;
  std::string report_;
  std::unique_ptr<Process> spanring_;

 private:
  // Room for the crowd on both sides; the children inherit it.
  static void RaiseLimits() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max = 3 * kCrowd;
    setrlimit(RLIMIT_NOFILE, &limit);  // refused without the privilege: then with what there is
  }

  void StartSink() {
    sink_ = Start({Program("SINK_BINARY", SINK_BINARY), "--verify", "--sample", "0"});
    ASSERT_NE(sink_, nullptr);
    const auto line = sink_->WaitForLine("listening", kStartDeadline);
    ASSERT_TRUE(line.has_value()) << "the sink said: " << sink_->Output();
    ASSERT_EQ(std::sscanf(line->c_str(), "listening %hu %hu", &sink_port_, &control_port_), 2);
  }

  void StartSpanring() {
    const auto ports = router::test::PickFreePorts(3);
    ASSERT_TRUE(ports.has_value());
    port_ = (*ports)[0];
    std::string backends;
    for (int i = 11; i <= 14; ++i) {
      backends += (backends.empty() ? "\"127.0.0." : ", \"127.0.0.") + std::to_string(i) + ":" +
                  std::to_string(sink_port_) + "\"";
    }
    const auto config = scratch_.Write(
        "spanring.yaml",
        "receivers: {otlp: {protocols: {grpc: {endpoint: \"127.0.0.1:" + std::to_string(port_) +
            "\"}}}}\nexporters:\n  loadbalancing:\n"
            "    protocol: {otlp: {compression: none, tls: {insecure: true}}}\n"
            "    resolver: {static: {hostnames: [" +
            backends + "]}}\nextensions: {health_check: {endpoint: \"127.0.0.1:" +
            std::to_string((*ports)[1]) +
            "\"}}\nservice:\n  extensions: [health_check]\n"
            "  pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}\n"
            "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, "
            "port: " +
            std::to_string((*ports)[2]) +
            "}}}}]}}\nspanring: {connections_max: " + std::to_string(kCrowd + 100) + "}\n");
    ASSERT_TRUE(config.has_value());
    spanring_ = Start({Program("SPANRING_BINARY", SPANRING_BINARY), "--config", config->string()});
    ASSERT_NE(spanring_, nullptr);
    const auto end = std::chrono::steady_clock::now() + kStartDeadline;
    for (;;) {
      ASSERT_FALSE(spanring_->HasExited()) << spanring_->Output();
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "spanring does not answer:\n"
                                                       << spanring_->Output();
      if (SendBodies(port_, {}, {ValidRequest(0)}, seconds(1)).ok == 1) return;
      ASSERT_EQ(spanring_->WaitForExit(milliseconds(50)), std::nullopt) << spanring_->Output();
    }
  }

  router::test::ScratchDirectory scratch_;
  std::uint16_t sink_port_ = 0;
  std::uint16_t control_port_ = 0;
  std::unique_ptr<Process> sink_;
  std::unique_ptr<Process> client_;
  std::uint64_t rss_before_ = 0;
};

// Scenario: 400 requests that are cut short, or whose fields reach past their message.
// Guarantees: each is answered INVALID_ARGUMENT (GS-13).
TEST_F(AbuseTest, MalformedProtobufIsInvalidArgument) {
  std::vector<Body> bodies;
  const Body valid = ValidRequest(20);
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = 1 + random.Below(valid.size() - 1);
    bodies.emplace_back(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(size));
  }
  for (int i = 0; i < 100; ++i) {
    Body body(1 + random.Below(2000), static_cast<std::uint8_t>(random.Next()));
    body.insert(body.begin(), {0x0a, 0xff, 0xff, 0xff, 0x7f});
    bodies.push_back(body);
  }
  ExpectAll({.in_flight = 20}, bodies, "grpc 3");
}

// Scenario: a content type that is not gRPC, a path that is not served, an encoding we do not take.
// Guarantees: 415, UNIMPLEMENTED, UNIMPLEMENTED (P-01, P-02, P-03).
TEST_F(AbuseTest, RequestsForSomethingElseAreRefusedByKind) {
  const std::vector<Body> bodies(50, ValidRequest(10));
  ExpectAll({.content_type = "text/plain"}, bodies, "http 415");
  ExpectAll({.path = "/nobody.Knows/This"}, bodies, "grpc 12");
  ExpectAll({.encoding = "br"}, bodies, "grpc 12");
}

// Scenario: bodies just over 64 MiB, several at once; small bodies that announce 2 GiB.
// Guarantees: RESOURCE_EXHAUSTED (GS-02, GS-04, A-09), and what was announced is not reserved.
TEST_F(AbuseTest, OversizeIsResourceExhausted) {
  const Body large((64u << 20) + 1, 0);
  ExpectAll({.in_flight = 4}, std::vector<Body>(8, large), "grpc 8");
  ExpectAll({.in_flight = 50, .announced_bytes = 0x7fffffff}, std::vector<Body>(500, Body(1000, 0)),
            "grpc 8");
}

// Scenario: gzip bodies of a few MiB that inflate to 1 GiB, several at once.
// Guarantees: RESOURCE_EXHAUSTED, and memory rises by no more than one request's bound and a fifth
// (GS-02, A-06).
TEST_F(AbuseTest, GzipBombIsResourceExhausted) {
  const Body bomb = GzipBomb(std::uint64_t{1} << 30);
  report_ = std::to_string(bomb.size() >> 10) + " KiB each";
  ExpectAll({.in_flight = 1, .encoding = "gzip"}, {bomb}, "grpc 8");
  ExpectAll({.in_flight = 4, .encoding = "gzip"}, std::vector<Body>(12, bomb), "grpc 8");
}

// Scenario: a gzip request that is not gzip, or is cut short.
// Guarantees: a final error, not a retryable one (GS-23).
TEST_F(AbuseTest, BrokenGzipIsRefusedForGood) {
  Body bomb = GzipBomb(100'000);
  bomb.resize(bomb.size() / 2);
  const LoadResults results =
      Send({.encoding = "gzip"}, {bomb, bomb, Body(500, 'x'), Body(3, 0x1f)});
  EXPECT_EQ(results.ok, 0u);
  for (const auto& [code, count] : results.errors) {
    EXPECT_TRUE(code == "grpc 3" || code == "grpc 13") << code << " x " << count;
  }
}

// Scenario: 300 connections that send random bytes, half of them after a correct preface.
// Guarantees: spanring closes or ignores them and lives.
TEST_F(AbuseTest, RandomBytesOnThePortHarmNobody) {
  Random random(2);
  std::size_t closed = 0;
  constexpr int kConnections = 300;
  for (int i = 0; i < kConnections; ++i) {
    std::string bytes =
        i % 2 == 0 ? "" : std::string(kClientPreface) + std::string("\0\0\0\x04\0\0\0\0\0", 9);
    for (std::uint64_t left = 1 + random.Below(20'000); left > 0; --left) {
      bytes.push_back(static_cast<char>(random.Next()));
    }
    // Random frame headers may announce a frame that never ends: waiting for the close would take
    // its time-out.
    if (SendBytes(port_, bytes, milliseconds(100))) ++closed;
  }
  report_ = std::to_string(closed) + " of " + std::to_string(kConnections) + " closed at once";
  EXPECT_GT(closed, std::size_t{kConnections / 2});
}

// Scenario: 10,000 connections are opened; most say nothing, some begin and stop. Then they leave.
// Guarantees: the well-behaved client is served meanwhile, and a new client at once.
TEST_F(AbuseTest, CrowdOfSilentConnectionsLeavesRoomForOthers) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t wanted = std::min<std::size_t>(kCrowd, limit.rlim_cur - 500);
  {
    SilentCrowd crowd(port_);
    const std::size_t opened = crowd.Open(wanted);
    EXPECT_EQ(opened, wanted);
    const LoadResults among = Send({.in_flight = 4}, std::vector<Body>(20, ValidRequest(0)));
    EXPECT_EQ(among.ok, 20u) << Describe(among);
    report_ = std::to_string(opened) + " silent connections, " + std::to_string(crowd.Closed()) +
              " closed by spanring meanwhile; a new client among them: " + report_;
  }
  const LoadResults after = Send({.in_flight = 4}, std::vector<Body>(20, ValidRequest(0)));
  EXPECT_EQ(after.ok, 20u) << Describe(after);
}

}  // namespace
}  // namespace bench
