// Stage: everything the demo consists of, as processes on loopback addresses.
//
// A DNS server (a thread of this process) that knows one name, four backends behind it, spanring
// between, and five services that send. Files live in one scratch directory: the configuration
// spanring was given, its log, a journal per backend.
// Thread safety: one thread, the same that built it (the children die with it).
// Failure: every step says what went wrong; Trouble() adds what spanring printed last.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "examples/demo/order_flow.h"
#include "examples/demo/service.h"
#include "examples/demo/verdict.h"
#include "router/base/result.h"
#include "tests/support/dns_server.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace router::demo {

class Stage {
 public:
  struct Options {
    std::string program;   // this program: it plays the backends and the services too
    std::string spanring;  // the router's binary; empty: no router, requests are dealt to the
                           // backends in turn
    FlowOptions flow;
  };

  explicit Stage(Options options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // In this order.
  Result<void> StartBackends();
  Result<void> StartRouter();  // returns when it is ready and knows all backends
  Result<void> StartServices();

  // True once every service has sent everything and ended. Waits at most `patience` for it. Fails
  // when spanring, a backend or a service ended otherwise than well.
  Result<bool> WaitForServices(std::chrono::milliseconds patience);
  // Since the first order; negative before it.
  std::chrono::milliseconds Elapsed() const;
  std::uint64_t ReceivedSpans() const;
  std::vector<std::vector<Arrival>> Arrivals() const;
  // The sum over the services. REQUIRES: WaitForServices returned true.
  ServiceReport Report() const;

  // Stops spanring as an orchestrator would (SIGTERM) and returns the line with its closing
  // account.
  Result<std::string> StopRouter();
  // The last lines of spanring's output and where the rest is; keeps the scratch directory.
  std::string Trouble();

  const std::vector<std::string>& backend_endpoints() const { return backend_endpoints_; }
  std::string dns_server() const { return dns_.address(); }
  std::string otlp_endpoint() const { return Local(otlp_port_); }
  std::string health_url() const { return "http://" + Local(health_port_) + "/"; }
  std::string metrics_url() const { return "http://" + Local(metrics_port_) + "/metrics"; }
  std::string config_file() const { return (scratch_.path() / "spanring.yaml").string(); }
  std::string log_file() const { return (scratch_.path() / "spanring.log").string(); }
  pid_t router_pid() const { return router_ ? router_->pid() : 0; }

 private:
  static std::string Local(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
  std::string ConfigText() const;
  Result<void> WaitUntilReady();
  Result<void> CheckAlive();
  std::string JournalFile(std::size_t backend) const;

  const Options options_;
  test::ScratchDirectory scratch_{"spanring-demo-"};
  dnstest::DnsServer dns_;
  std::uint16_t backend_port_ = 0;
  std::uint16_t otlp_port_ = 0;
  std::uint16_t health_port_ = 0;
  std::uint16_t metrics_port_ = 0;
  std::vector<std::string> backend_endpoints_;
  std::vector<std::unique_ptr<test::Process>> backends_;
  std::unique_ptr<test::Process> router_;
  std::vector<std::unique_ptr<test::Process>> services_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace router::demo
