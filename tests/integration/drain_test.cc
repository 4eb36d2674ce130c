// SIGTERM under load, rolling restarts, and signals in any order.
#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include "tests/integration/load.h"
#include "tests/integration/router_test_fixture.h"

namespace router::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr seconds kPatience{30};

// Scenario: three routers before two backends; a client with 32 calls in flight knows all three;
// each router in turn gets SIGTERM and is started anew, three rounds.
// Guarantees: FM-33: no call fails, every span arrives, every exit code is 0 and every ledger
// closes without anything in flight.
TEST(DrainTest, Fm33RollingRestartsLoseNothing) {
  std::vector<std::unique_ptr<GrpcBackend>> backends;
  std::vector<std::string> backend_endpoints;
  for (int i = 0; i < 2; ++i) {
    backends.push_back(GrpcBackend::Start({}).value());
    backend_endpoints.push_back(backends.back()->endpoint());
  }
  std::vector<std::unique_ptr<RunningRouter>> routers;
  std::vector<std::string> endpoints;
  for (int i = 0; i < 3; ++i) {
    routers.push_back(std::make_unique<RunningRouter>(
        RunningRouter::Options{.backends = backend_endpoints,
                               .spanring_settings = "drain: {delay: 100ms, timeout: 20s}"}));
    endpoints.push_back(routers.back()->endpoint());
  }
  Load load(endpoints, 32);
  const auto serves = [](RunningRouter& router) {
    return router.WaitUntil([&] { return router.Requests().received > 50; }, kPatience);
  };
  for (const auto& router : routers) ASSERT_TRUE(serves(*router));
  for (int round = 0; round < 3; ++round) {
    for (const auto& router : routers) {
      std::string log;
      ASSERT_EQ(router->Restart(kPatience, &log), 0) << log;
      EXPECT_THAT(log, HasSubstr("+ in flight 0"));
      // Clients have found it again before the next one leaves, as a rollout waits.
      ASSERT_TRUE(serves(*router)) << router->process().Output();
    }
  }
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_GT(load.calls(), 1000u);
  SpanLedger received;
  for (const auto& backend : backends) received.Merge(backend->ledger());
  EXPECT_EQ(CountLost(load.accepted(), received), 0u);
}

// Scenario: SIGTERM under load of one connection, without a delay; nobody else serves.
// Guarantees: FM-33: what was answered with OK has arrived; what was not, was told UNAVAILABLE;
// exit 0.
TEST(DrainTest, Fm33EveryCallOfALonelyRouterHasATrueAnswer) {
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter router(
      {.backends = {backend->endpoint()}, .spanring_settings = "drain: {delay: 0s, timeout: 20s}"});
  Load load({router.endpoint()}, 32);
  ASSERT_TRUE(router.WaitUntil([&] { return load.calls() > 200; }, kPatience));
  router.process().Terminate();
  EXPECT_EQ(router.process().WaitForExit(kPatience), 0) << router.process().Output();
  EXPECT_TRUE(router.process().WaitForLine("+ in flight 0", kPatience))
      << router.process().Output();
  load.Stop();
  for (const std::string& failure : load.failures())
    ASSERT_THAT(failure, testing::StartsWith("14 "));
  EXPECT_EQ(CountLost(load.accepted(), backend->ledger()), 0u);
}

// Scenario: a backend that answers after a minute, a drain that waits 300 ms; and one ended by a
// further SIGTERM.
// Guarantees: FM-33, FM-34: the client is told UNAVAILABLE then, the account says what was in
// flight, exit 0.
TEST(DrainTest, Fm33Fm34TheTimeoutAndAFurtherSignalCutOff) {
  for (const char* timeout : {"300ms", "60s"}) {
    const auto backend = GrpcBackend::Start({}).value();
    backend->AlwaysAnswer({.delay = seconds(60)});
    RunningRouter router(
        {.backends = {backend->endpoint()},
         .exporter_settings = "timeout: 0s",
         .spanring_settings = "request: {default_timeout: 60s, timeout_max: 60s}, drain: {delay: "
                              "0s, timeout: " +
                              std::string(timeout) + "}"});
    GrpcClient client(router.endpoint());
    ASSERT_TRUE(client.WaitForConnection(kPatience));
    const auto call = client.Start(RequestFor({1, 2, 3}).SerializeAsString());
    ASSERT_TRUE(backend->WaitForRequests(1, kPatience));
    router.process().Terminate();
    ASSERT_TRUE(router.process().WaitForLine("listeners closed", kPatience));
    if (std::string_view(timeout) == "60s") {
      router.process().Terminate();
      ASSERT_TRUE(router.process().WaitForLine("cut short by a further signal", kPatience));
    }
    ASSERT_EQ(router.process().WaitForExit(kPatience), 0) << router.process().Output();
    const auto account = router.process().WaitForLine("spans: received 3 = ", kPatience);
    ASSERT_TRUE(account) << router.process().Output();
    EXPECT_THAT(*account, HasSubstr("+ in flight 3"));
    const CallResult* result = call->Wait(kPatience);
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->code(), grpc::UNAVAILABLE) << result->status.error_message();
    EXPECT_LT(result->elapsed, kPatience);
  }
}

// One router and one random script of signals and files.
class SignalScript {
 public:
  explicit SignalScript(std::uint32_t seed) : random_(seed) {}

  // What went wrong; empty: nothing.
  std::string Run() {
    Write(true);
    auto process = Process::Start({.command = {SPANRING_BINARY, "--config", path_}});
    if (!process) return process.error().message;
    process_ = std::move(*process);
    if (!WaitUntilMasked()) return "it never took its signals\n" + process_->Output();
    // A third of the scripts begin during the start.
    if (Below(3) > 0 && !process_->WaitForLine("spanring", kPatience)) return "no start";
    const auto began = std::chrono::steady_clock::now();
    const std::size_t steps = 1 + Below(8);
    for (std::size_t i = 0; i < steps; ++i) Step();
    Signal(SIGTERM);
    const auto exit_code = process_->WaitForExit(kPatience);
    const auto took = std::chrono::steady_clock::now() - began;
    if (!exit_code) return script_ + ": it does not end\n" + process_->Output();
    if (*exit_code != 0 || took > seconds(20)) {
      return script_ + ": exit code " + std::to_string(*exit_code) + "\n" + process_->Output();
    }
    if (!process_->WaitForLine("in flight 0", kPatience)) return script_ + ": no account";
    return {};
  }

 private:
  std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  bool HasStarted() const { return process_->Output().find("spanring") != std::string::npos; }
  // From now on signals wait for the program instead of ending it.
  bool WaitUntilMasked() {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until && !process_->HasExited()) {
      std::ifstream status("/proc/" + std::to_string(process_->pid()) + "/status");
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("SigBlk:") &&
            (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1)) & 1) {
          return true;
        }
      }
      // It has them already when it waits for them.
      if (HasStarted()) return true;
      process_->WaitForExit(milliseconds(1));
    }
    return false;
  }
  void Step() {
    switch (Below(6)) {
      case 0:
        Write(true);
        Signal(SIGHUP);
        return;
      case 1:
        Write(false);
        Signal(SIGHUP);
        return;
      case 2:
        Signal(SIGHUP);
        return;
      case 3:
        Signal(Below(3) == 0 ? SIGTERM : SIGHUP);
        return;
      case 4:
        Signal(Below(3) == 0 ? SIGINT : SIGUSR1);
        return;
      case 5:  // lets it get on with what it does
        script_ += " pause";
        process_->WaitForExit(milliseconds(Below(30)));
        return;
    }
  }
  void Signal(int number) {
    script_ += " " + std::string(::sigabbrev_np(number));
    process_->Signal(number);
  }
  void Write(bool is_valid) {
    script_ += is_valid ? " good" : " bad";
    // Any free ports; another header, drain and backend each time.
    const std::string text =
        "receivers: {otlp: {protocols: {grpc: {endpoint: \"127.0.0.1:0\"}}}}\n"
        "exporters: {loadbalancing: {protocol: {otlp: {headers: {x-n: n" +
        std::to_string(Below(3)) +
        "}, tls: {insecure: true}}}, resolver: {static: {hostnames: [\"127.0.0.1:" +
        std::to_string(1 + Below(3)) +
        "\"]}}}}\n"
        "extensions: {health_check: {endpoint: \"127.0.0.1:0\"}}\n"
        "service: {telemetry: {metrics: {level: none}}}\n"
        "spanring: {workers: 1, drain: {delay: " +
        std::to_string(Below(200)) + "ms, timeout: 1s}}\n";
    // What it starts with must be good.
    if (process_) process_->WaitForLine("spanring", kPatience);
    const auto next = scratch_.Write("next.yaml", is_valid ? text : text + "spanrin: 1\n").value();
    path_ = scratch_.path() / "spanring.yaml";
    std::filesystem::rename(next, path_);
  }

  std::mt19937 random_;
  ScratchDirectory scratch_;
  std::string path_;
  std::string script_;
  std::unique_ptr<Process> process_;
};

// Scenario: 200 random scripts of SIGHUP with good and bad files, SIGTERM, SIGINT, SIGUSR1 and
// pauses, from the first moment on; twelve at a time.
// Guarantees: FM-34: each ends with exit code 0 and an account, within 20 s.
TEST(SignalScriptTest, Fm34AnyOrderOfSignalsEndsWell) {
  constexpr std::uint32_t kScripts = 200;
  std::atomic<std::uint32_t> next = 0;
  std::mutex mu;
  std::vector<std::string> faults;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      for (std::uint32_t seed; (seed = next++) < kScripts;) {
        const std::string fault = SignalScript(seed).Run();
        const std::lock_guard lock(mu);
        if (!fault.empty()) faults.push_back("seed " + std::to_string(seed) + ":" + fault);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(faults, IsEmpty());
}

}  // namespace
}  // namespace router::test
