// What the tests of the Kubernetes resolver share: a fake API server, the files of a service
// account, a listener that keeps what it hears, and a bounded wait.
// Thread safety: one thread, the test's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "resolver/kubernetes_resolver.h"
#include "tests/resolver/resolver_fixture.h"
#include "tests/support/api_server.h"
#include "tests/support/scratch.h"

namespace resolver {

class KubernetesFixture : public testing::Test {
 protected:
  KubernetesFixture() {
    SetToken("token");
    scratch_.Write("ca.crt", api_.ca_pem()).value();
  }

  // Of the file; the server is told by SetToken of its own.
  void SetToken(const std::string& token) { scratch_.Write("token", token + "\n").value(); }

  KubernetesOptions Options() const {
    KubernetesOptions options;
    options.server.host = "127.0.0.1";
    options.server.port = api_.port();
    options.server.token_file = scratch_.path() / "token";
    options.server.ca_file = scratch_.path() / "ca.crt";
    options.service = "sampler";
    options.service_namespace = "observability";
    options.ports = {4317};
    options.retry_min = std::chrono::milliseconds(5);
    options.retry_max = std::chrono::milliseconds(20);
    options.jitter_seed = 1;
    return options;
  }

  void Start(KubernetesOptions options) {
    resolver_ = std::make_unique<KubernetesResolver>(control_, std::move(options), recorder_);
    resolver_->Start();
  }
  void Start() { Start(Options()); }

  // Runs until `done` holds; a failure after ten seconds.
  void RunUntil(const std::string& what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) {
        FAIL() << "waited in vain for " << what
               << "; the last set: " << testing::PrintToString(Members())
               << "; last told: " << LastDetail();
      }
      control_.restart();
      control_.run_one_for(std::chrono::milliseconds(10));
    }
  }
  void RunUntilMembers(const std::vector<std::string>& names) {
    RunUntil(testing::PrintToString(names), [&] { return Members() == names; });
  }
  // Until an attempt has ended so, after those that had before.
  void RunUntilOutcome(Outcome outcome) {
    const std::size_t before = recorder_.reports.size();
    RunUntil(std::string(OutcomeName(outcome)), [&] {
      for (std::size_t i = before; i < recorder_.reports.size(); ++i) {
        if (recorder_.reports[i].outcome == outcome) return true;
      }
      return false;
    });
  }
  void RunUntilWatching() {
    RunUntil("a watch", [&] { return api_.open_watches() > 0; });
  }

  std::vector<std::string> Members() const {
    return recorder_.sets.empty() ? std::vector<std::string>() : Names(recorder_.sets.back());
  }
  std::string LastDetail() const {
    return recorder_.reports.empty() ? "" : recorder_.reports.back().detail;
  }

  router::test::ScratchDirectory scratch_;
  apitest::ApiServer api_;
  boost::asio::io_context control_;
  Recorder recorder_;
  std::unique_ptr<KubernetesResolver> resolver_;
};

}  // namespace resolver
