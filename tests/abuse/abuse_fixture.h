// AbuseTest: a running spanring, a verifying sink behind it, and a well-behaved client beside the
// attack that must notice nothing. Each test prints one line of what was seen.
//
// Thread safety: one thread per test; the programs are processes.
// Failure: what the client lost, spanring's end and memory beyond the bound fail the test.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "bench/load/random.h"
#include "bench/load/request_encoder.h"
#include "tests/abuse/attack.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace bench {

inline constexpr std::chrono::milliseconds kStartDeadline = std::chrono::seconds(20);
inline constexpr std::chrono::milliseconds kAnswerDeadline = std::chrono::seconds(30);
// The bound of a request is 64 MiB; an attack may cost that and a fifth more.
inline constexpr std::uint64_t kRiseKibMax = 64 * 1024 * 12 / 10;
inline constexpr std::size_t kCrowd = 10'000;

inline std::string Program(const char* variable, const char* built) {
  const char* given = std::getenv(variable);
  return given != nullptr ? given : built;
}

// The number after "key": in a line of JSON, -1 if it is not there.
inline long long Number(const std::string& json, const std::string& key) {
  std::smatch match;
  const std::regex pattern("\"" + key + "\": (\\d+)");
  return std::regex_search(json, match, pattern) ? std::stoll(match[1]) : -1;
}

inline Body ValidRequest(std::uint32_t spans) {
  RequestEncoder encoder(5);
  // Far from the numbers of the well-behaved client.
  TraceMix mix({.seed = 6, .first_trace_number = 1'000'000, .active_traces = 9});
  Body body;
  encoder.Encode(spans, 1, mix, body);
  return body;
}

class AbuseTest : public testing::Test {
 protected:
  using Process = router::test::Process;
  using milliseconds = std::chrono::milliseconds;
  using seconds = std::chrono::seconds;

  // What a test changes before AbuseTest::SetUp().
  struct Setting {
    std::string http_keys;                 // of `protocols.http`, each with a comma before it
    std::string spanring_keys;             // of `spanring`, the same
    std::string extension_keys;            // of `extensions`, the same
    std::string extensions;                // of `service.extensions`, the same
    std::vector<std::string> environment;  // of spanring, "NAME=value"
    std::uint64_t rise_kib_max = kRiseKibMax;
    bool may_refuse_client = false;  // for want of memory; nothing may be lost all the same
  };

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
    if (!setting_.may_refuse_client) {
      EXPECT_EQ(code, 0) << "the well-behaved client said: " << said;
    }
    EXPECT_GT(Number(said, "ok"), 0);
    const std::string arrived = ReadAll(control_port_, kAnswerDeadline);
    if (setting_.may_refuse_client) {
      // What ran out of time may have arrived, once or twice.
      EXPECT_GE(Number(arrived, "distinct"), Number(said, "spans_acknowledged"));
    } else {
      EXPECT_EQ(Number(arrived, "distinct"), Number(said, "spans_acknowledged"));
      EXPECT_EQ(Number(arrived, "duplicates"), 0) << arrived;
    }
    EXPECT_EQ(Number(arrived, "misplaced_traces"), 0) << arrived;
    std::printf(
        "[  REPORT  ] %s | RSS rise %.1f MiB | good client: %lld requests ok, p99 %lld us\n",
        report_.c_str(), static_cast<double>(rise) / 1024, Number(said, "ok"),
        Number(said, "p99_us"));
    if (SPANRING_SANITIZED == 0) {
      EXPECT_LE(rise, setting_.rise_kib_max);
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

  std::unique_ptr<Process> Start(std::vector<std::string> command,
                                 std::vector<std::string> environment = {}) {
    auto started =
        Process::Start({.command = std::move(command), .environment = std::move(environment)});
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message);
    return started ? std::move(*started) : nullptr;
  }

  Setting setting_;
  std::uint16_t port_ = 0;
  std::uint16_t http_port_ = 0;
  std::string report_;
  router::test::ScratchDirectory scratch_;
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
    const auto ports = router::test::PickFreePorts(4);
    ASSERT_TRUE(ports.has_value());
    port_ = (*ports)[0];
    http_port_ = (*ports)[3];
    std::string backends;
    for (int i = 11; i <= 14; ++i) {
      backends += (backends.empty() ? "\"127.0.0." : ", \"127.0.0.") + std::to_string(i) + ":" +
                  std::to_string(sink_port_) + "\"";
    }
    const auto config = scratch_.Write(
        "spanring.yaml",
        "receivers: {otlp: {protocols: {grpc: {endpoint: \"127.0.0.1:" + std::to_string(port_) +
            "\"}, http: {endpoint: \"127.0.0.1:" + std::to_string(http_port_) + "\"" +
            setting_.http_keys +
            "}}}}\nexporters:\n  loadbalancing:\n"
            "    protocol: {otlp: {compression: none, tls: {insecure: true}}}\n"
            "    resolver: {static: {hostnames: [" +
            backends + "]}}\nextensions: {health_check: {endpoint: \"127.0.0.1:" +
            std::to_string((*ports)[1]) + "\"}" + setting_.extension_keys +
            "}\nservice:\n  extensions: [health_check" + setting_.extensions +
            "]\n"
            "  pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}\n"
            "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, "
            "port: " +
            std::to_string((*ports)[2]) + "}}}}]}}\nspanring: {connections_max: " +
            std::to_string(kCrowd + 100) + setting_.spanring_keys + "}\n");
    ASSERT_TRUE(config.has_value());
    spanring_ = Start({Program("SPANRING_BINARY", SPANRING_BINARY), "--config", config->string()},
                      setting_.environment);
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

  std::uint16_t sink_port_ = 0;
  std::uint16_t control_port_ = 0;
  std::unique_ptr<Process> sink_;
  std::unique_ptr<Process> client_;
  std::uint64_t rss_before_ = 0;
};

}  // namespace bench
