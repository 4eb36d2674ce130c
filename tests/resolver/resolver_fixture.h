// What the tests of both resolvers share: a listener that keeps what it hears, and a fixture with a
// scripted server and a bounded wait.
// Thread safety: one thread, the test's.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "resolver/dns_options.h"
#include "resolver/listener.h"
#include "tests/support/dns_server.h"

namespace resolver {

inline std::vector<std::string> Names(const EndpointSet& endpoints) {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : endpoints) {
    names.push_back(endpoint.name);
  }
  return names;
}

// Keeps all that it hears.
class Recorder : public Listener {
 public:
  void OnEndpoints(const EndpointSet& endpoints) override {
    sets.push_back(endpoints);
    if (on_endpoints) {
      on_endpoints();
    }
  }
  void OnResolution(const ResolutionReport& report) override {
    reports.push_back(report);
    if (on_resolution) {
      on_resolution();
    }
  }

  std::vector<EndpointSet> sets;
  std::vector<ResolutionReport> reports;
  std::function<void()> on_endpoints;
  std::function<void()> on_resolution;
};

// A resolver that refreshes fast, against a server that the test scripts.
class ResolverFixture : public testing::Test {
 protected:
  DnsOptions Options() const {
    DnsOptions options;
    options.hostname = "backends.test";
    options.port = 4317;
    options.interval = std::chrono::milliseconds(5);
    options.interval_min = std::chrono::milliseconds(1);
    options.timeout = std::chrono::seconds(5);
    options.tries = 1;
    options.servers = {server_.address()};
    options.search_domains.emplace();
    options.hosts_file.clear();
    options.jitter_seed = 1;
    return options;
  }

  // For servers that do not answer.
  DnsOptions ImpatientOptions() const {
    DnsOptions options = Options();
    options.timeout = std::chrono::milliseconds(50);
    return options;
  }

  // Runs until `done` holds; a failure after five seconds.
  void RunUntil(const std::string& what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) {
        FAIL() << "waited in vain for " << what;
      }
      control_.restart();
      control_.run_one_for(std::chrono::milliseconds(100));
    }
  }
  void RunUntilReports(std::size_t count) {
    RunUntil("reports", [&] { return recorder_.reports.size() >= count; });
  }

  dnstest::DnsServer server_;
  boost::asio::io_context control_;
  Recorder recorder_;
};

}  // namespace resolver
