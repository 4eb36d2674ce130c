// OTLP/HTTP at the real process: both versions of the protocol, and a drain under load.
#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "router/base/clock.h"
#include "tests/integration/load.h"
#include "tests/integration/requests.h"
#include "tests/integration/router_test_fixture.h"
#include "tests/support/http1_client.h"

namespace router::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr seconds kPatience{30};

// One answer to `request`, or nothing when the connection ended or time was up.
std::optional<Http1Answer> Ask(Http1Client& client, std::string_view request) {
  const std::size_t before = client.answers().size();
  const auto until = Clock::now() + kPatience;
  client.Send(request);
  client.Pump();
  while (client.answers().size() == before && client.is_open() && Clock::now() < until) {
    client.WaitUntilReadable(milliseconds(100));
    client.Pump();
  }
  if (client.answers().size() == before) return std::nullopt;
  return client.answers().back();
}

// Clients of HTTP/1.1, each a thread with one connection at a time, which goes on to the next port
// after some calls, when it is told to close, or finds itself closed before it has sent anything.
class HttpLoad {
 public:
  HttpLoad(std::vector<std::uint16_t> ports, std::size_t clients) : ports_(std::move(ports)) {
    for (std::size_t i = 0; i < clients; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~HttpLoad() { Stop(); }
  void Stop() {
    is_stopped_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  std::size_t calls() const { return calls_; }
  // After Stop().
  const std::vector<std::string>& failures() const { return failures_; }
  const SpanLedger& accepted() const { return accepted_; }

 private:
  void Run(std::size_t index) {
    std::size_t at = index;
    while (!is_stopped_) {
      Http1Client client(ports_[at++ % ports_.size()]);
      for (int i = 0; i < kCallsPerConnection && !is_stopped_; ++i) {
        client.Pump();
        if (!client.is_open()) break;  // nothing of ours was lost by it
        if (!Call(client, index)) break;
      }
    }
  }
  // False: the connection has come to its end.
  bool Call(Http1Client& client, std::size_t index) {
    const auto request = RequestFor({index + 1, index + 101, index + 201});
    const auto answer = Ask(client, PostTraces(request.SerializeAsString()));
    ++calls_;
    const std::lock_guard lock(mutex_);
    if (!answer) {
      failures_.push_back(client.was_reset() ? "reset" : "closed without an answer");
    } else if (answer->status != 200) {
      failures_.push_back(std::to_string(answer->status) + " " + answer->body);
    } else {
      accepted_.Add(request);
      return answer->Header("connection") != "close";
    }
    return false;
  }

  static constexpr int kCallsPerConnection = 25;  // so that they find a router that is back

  const std::vector<std::uint16_t> ports_;
  std::atomic<bool> is_stopped_{false};
  std::atomic<std::size_t> calls_{0};
  std::mutex mutex_;
  std::vector<std::string> failures_;
  SpanLedger accepted_;
  std::vector<std::thread> threads_;
};

// Scenario: two routers; sixteen clients of HTTP/1.1 that know both; each router in turn gets
// SIGTERM and is started anew, two rounds.
// Guarantees: FM-33: no request fails, every span arrives, every exit code is 0 and every ledger
// closes without anything in flight.
TEST(HttpTest, Fm33RollingRestartsLoseNothing) {
  const auto backend = GrpcBackend::Start({}).value();
  std::vector<std::unique_ptr<RunningRouter>> routers;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 2; ++i) {
    routers.push_back(std::make_unique<RunningRouter>(
        RunningRouter::Options{.backends = {backend->endpoint()},
                               .spanring_settings = "drain: {delay: 100ms, timeout: 20s}"}));
    ports.push_back(routers.back()->http_port());
  }
  HttpLoad load(ports, 16);
  const auto serves = [](RunningRouter& router) {
    return router.WaitUntil([&] { return router.Requests().received > 20; }, kPatience);
  };
  for (const auto& router : routers) ASSERT_TRUE(serves(*router));
  for (int round = 0; round < 2; ++round) {
    for (const auto& router : routers) {
      std::string log;
      ASSERT_EQ(router->Restart(kPatience, &log), 0) << log;
      EXPECT_THAT(log, HasSubstr("+ in flight 0"));
      ASSERT_TRUE(serves(*router)) << router->process().Output();
    }
  }
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_GT(load.calls(), 200u);
  EXPECT_EQ(CountLost(load.accepted(), backend->ledger()), 0u);
}

// Scenario: one router with nothing but HTTP.
// Guarantees: it serves, says so when it starts, and has no gRPC port.
TEST(HttpTest, AReceiverOfHttpAlone) {
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter router({.backends = {backend->endpoint()},
                        .has_grpc = false,
                        .spanring_settings = "drain: {delay: 0s}"});
  Http1Client client(router.http_port());
  const auto request = RequestFor({1, 2, 3}).SerializeAsString();
  const auto answer = Ask(client, PostTraces(request));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(router.WaitUntil([&] { return router.Spans().forwarded == 3; }, kPatience));
  EXPECT_THAT(router.process().Output(), HasSubstr("workers: HTTP 127.0.0.1:"));
  GrpcClient grpc(router.endpoint());
  EXPECT_FALSE(grpc.WaitForConnection(milliseconds(200)));
}

}  // namespace
}  // namespace router::test
